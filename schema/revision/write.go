package revision

import (
	"bytes"
	"strconv"

	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/rr"
)

// JSON writes r as encoding/json does, byte for byte, and in less time: there are
// tens of thousands of objects in a large revision. Seal and the state use it.
func (r *Revision) JSON() []byte {
	rest := *r
	rest.Target, rest.Owned, rest.Intent = nil, nil, nil
	text := appendJSON(nil, rest)
	// Before it stand only plain values, in whose strings each quote is escaped.
	before, after, _ := bytes.Cut(text, []byte(`"target":null`))
	w := writer{append(make([]byte, 0, len(text)+256*(len(r.Target)+2*len(r.Owned)+4*len(r.Intent))), before...)}
	w.text(`"target":`)
	if r.Target == nil {
		w.text("null")
	} else {
		each(&w, r.Target, w.object)
	}
	if len(r.Owned) > 0 {
		w.text(`,"owned":`)
		each(&w, r.Owned, w.owned)
	}
	if len(r.Intent) > 0 {
		w.text(`,"intent":`)
		each(&w, r.Intent, w.step)
	}
	return append(w.buf, after...)
}

// writer writes what a revision has many of.
type writer struct{ buf []byte }

func (w *writer) text(s string) { w.buf = append(w.buf, s...) }

func each[T any](w *writer, list []T, write func(*T)) {
	w.text("[")
	for i := range list {
		if i > 0 {
			w.text(",")
		}
		write(&list[i])
	}
	w.text("]")
}

func (w *writer) string(s string) {
	start := len(w.buf)
	w.buf = append(w.buf, '"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			w.buf = append(w.buf, '\\', c)
		case c < ' ' || c > '~' || c == '<' || c == '>' || c == '&':
			w.buf = appendJSON(w.buf[:start], s)
			return
		default:
			w.buf = append(w.buf, c)
		}
	}
	w.buf = append(w.buf, '"')
}

func (w *writer) addr(a *schema.Addr) { w.string(a.String()) }

func (w *writer) object(o *Object) {
	w.text(`{"address":`)
	w.addr(&o.Addr)
	w.text(`,"value":`)
	if tight(o.Value) {
		w.buf = append(w.buf, o.Value...)
	} else {
		w.buf = appendJSON(w.buf, o.Value)
	}
	if o.Decl != "" {
		w.text(`,"decl":`)
		w.string(o.Decl)
	}
	w.text("}")
}

func (w *writer) owned(o *Owned) {
	w.text(`{"address":`)
	w.addr(&o.Addr)
	w.text(`,"zone":`)
	w.addr(&o.Zone)
	w.text(`,"set":`)
	w.set(&o.Set)
	w.text(`,"exclusive":`)
	w.buf = strconv.AppendBool(w.buf, o.Exclusive)
	if o.Before != nil {
		w.text(`,"before":`)
		w.set(o.Before)
	}
	if o.Adopted {
		w.text(`,"adopted":true`)
	}
	w.text("}")
}

func (w *writer) set(s *rr.Set) {
	w.text(`{"name":`)
	w.string(s.Name)
	w.text(`,"type":`)
	w.string(s.Type)
	w.text(`,"ttl":`)
	w.buf = strconv.AppendUint(w.buf, uint64(s.TTL), 10)
	w.text(`,"values":`)
	if s.Data == nil {
		w.text("null")
	} else {
		each(w, s.Data, func(d *rr.Data) { w.string(string(*d)) })
	}
	w.text("}")
}

func (w *writer) step(s *Step) {
	w.text(`{"addresses":`)
	if s.Addrs == nil {
		w.text("null")
	} else {
		each(w, s.Addrs, w.addr)
	}
	w.text(`,"zone":`)
	w.addr(&s.Zone)
	if s.Before != nil {
		w.text(`,"before":`)
		w.set(s.Before)
	}
	if s.After != nil {
		w.text(`,"after":`)
		w.set(s.After)
	}
	if len(s.Owned) > 0 {
		w.text(`,"owned":`)
		each(w, s.Owned, w.owned)
	}
	if !s.NotBefore.IsZero() {
		w.text(`,"not_before":`)
		w.buf = appendJSON(w.buf, s.NotBefore)
	}
	w.text("}")
}
