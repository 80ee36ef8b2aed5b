package revision

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"

	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/rr"
)

// readTight reads into r the JSON that Revision.JSON writes, and reports whether raw
// is such a text. It reads in its own way what there is much of, and leaves the rest
// to encoding/json. r may keep parts of raw.
func readTight(raw []byte, r *Revision) bool {
	// Before it stand only plain values, in whose strings each quote is escaped.
	head, body, ok := bytes.Cut(raw, []byte(`"target":`))
	if !ok {
		return false
	}
	t := tightReader{raw: body, text: string(body), ok: true}
	target := list(&t, t.object)
	var owned []Owned
	if t.took(`,"owned":`) {
		owned = list(&t, t.owned)
	}
	if !t.ok {
		return false
	}
	rest := bytes.Join([][]byte{head, []byte(`"target":[]`), body[t.at:]}, nil)
	strict := json.NewDecoder(bytes.NewReader(rest))
	strict.DisallowUnknownFields()
	if strict.Decode(r) != nil || len(r.Target)+len(r.Owned) > 0 {
		return false
	}
	r.Target, r.Owned = target, owned
	return true
}

// tightReader reads the JSON that writer writes. After anything else ok is false,
// and what it gives means nothing.
type tightReader struct {
	raw  []byte
	text string // the same: strings are parts of it
	at   int
	ok   bool
}

// took reports whether s comes next, and goes behind it.
func (t *tightReader) took(s string) bool {
	if !strings.HasPrefix(t.text[t.at:], s) {
		return false
	}
	t.at += len(s)
	return true
}

func (t *tightReader) must(s string) { t.ok = t.took(s) && t.ok }

func list[T any](t *tightReader, read func() T) []T {
	out := []T{}
	t.must("[")
	if t.took("]") {
		return out
	}
	for t.ok {
		out = append(out, read())
		if !t.took(",") {
			t.must("]")
			break
		}
	}
	return out
}

func (t *tightReader) object() (o Object) {
	t.must(`{"address":`)
	o.Addr = t.addr()
	t.must(`,"value":`)
	o.Value = t.value()
	if t.took(`,"decl":`) {
		o.Decl = t.string()
	}
	t.must("}")
	return o
}

func (t *tightReader) owned() (o Owned) {
	t.must(`{"address":`)
	o.Addr = t.addr()
	t.must(`,"zone":`)
	o.Zone = t.addr()
	t.must(`,"set":`)
	o.Set = t.set()
	t.must(`,"exclusive":`)
	if o.Exclusive = t.took("true"); !o.Exclusive {
		t.must("false")
	}
	if t.took(`,"before":`) {
		s := t.set()
		o.Before = &s
	}
	o.Adopted = t.took(`,"adopted":true`)
	t.must("}")
	return o
}

func (t *tightReader) set() (s rr.Set) {
	t.must(`{"name":`)
	s.Name = t.string()
	t.must(`,"type":`)
	s.Type = t.string()
	t.must(`,"ttl":`)
	end := t.at
	for end < len(t.text) && '0' <= t.text[end] && t.text[end] <= '9' {
		end++
	}
	n, err := strconv.ParseUint(t.text[t.at:end], 10, 32)
	s.TTL, t.at, t.ok = uint32(n), end, t.ok && err == nil
	t.must(`,"values":`)
	if !t.took("null") {
		s.Data = list(t, func() rr.Data { return rr.Data(t.string()) })
	}
	t.must("}")
	return s
}

func (t *tightReader) addr() schema.Addr {
	a, err := schema.ParseAddr(t.string())
	t.ok = t.ok && err == nil
	return a
}

// string reads a string. Those with other escapes than of quotes and backslashes are
// for encoding/json.
func (t *tightReader) string() string {
	t.must(`"`)
	escaped := false
	for i := t.at; i < len(t.text); i++ {
		switch c := t.text[i]; {
		case c == '"':
			s := t.text[t.at:i]
			if escaped {
				s = t.unquoted(i)
			}
			t.at = i + 1
			return s
		case c == '\\':
			escaped = true
			i++
		case c < ' ' || c > '~':
			t.ok = false
			return ""
		}
	}
	t.ok = false
	return ""
}

// unquoted is the string with escapes that ends before end.
func (t *tightReader) unquoted(end int) string {
	out := make([]byte, 0, end-t.at)
	for i := t.at; i < end; i++ {
		c := t.text[i]
		if c == '\\' {
			i++
			if c = t.text[i]; c != '"' && c != '\\' {
				var s string
				t.ok = json.Unmarshal(t.raw[t.at-1:end+1], &s) == nil && t.ok
				return s
			}
		}
		out = append(out, c)
	}
	return string(out)
}

// value goes behind one value and gives its text, which is not looked at.
func (t *tightReader) value() json.RawMessage {
	depth, quoted := 0, false
	for i := t.at; i < len(t.text); i++ {
		switch c := t.text[i]; {
		case c == '"':
			quoted = !quoted
		case c == '\\':
			i++
		case quoted:
		case c == '{' || c == '[':
			depth++
		case depth == 0 && (c == ',' || c == '}' || c == ']'):
			v := t.raw[t.at:i:i]
			t.at, t.ok = i, t.ok && len(v) > 0
			return v
		case c == '}' || c == ']':
			depth--
		}
	}
	t.ok = false
	return nil
}
