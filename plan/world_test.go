package plan

import (
	"slices"
	"testing"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/revision"
	"github.com/mailrelay/mailrelay/schema/rr"
)

// world is a DNS of RRsets with as many servers as one likes, and an applied
// state: what a plan is made against.
type world struct {
	t    tester
	sets map[rr.Key]rr.Set
	base *revision.Revision
	fail map[rr.Key]string // why a server cannot be asked
	lag  map[rr.Key]rr.Set // what a second server says instead
}

type tester interface {
	Helper()
	Fatalf(string, ...any)
	Fatal(...any)
}

func newWorld(t tester) *world {
	return &world{t: t, sets: map[rr.Key]rr.Set{}, fail: map[rr.Key]string{}, lag: map[rr.Key]rr.Set{}}
}

var zoneAddr = schema.Addr{Type: "zone", Name: "contoso"}

// put sets an RRset of contoso.com from zone-file data.
func (w *world) put(name, typ string, ttl uint32, values ...string) {
	w.t.Helper()
	data, err := parseAll(typ, "contoso.com", values)
	if err != nil {
		w.t.Fatal(err)
	}
	s := rr.NewSet(rr.Full(name, "contoso.com"), typ, ttl, data...)
	w.sets[s.Key()] = s
	if len(values) == 0 {
		delete(w.sets, s.Key())
	}
}

// rec is a record block.
type rec struct {
	addr, name, typ string
	ttl             int // 0: not given
	exclusive       *bool
	values          []string
}

func (w *world) config(recs ...rec) *schema.Config {
	w.t.Helper()
	blocks := []schema.Block{w.block(zoneAddr, map[string]cty.Value{
		"name":   cty.StringVal("contoso.com"),
		"update": cty.ObjectVal(map[string]cty.Value{"rfc2136": cty.ObjectVal(map[string]cty.Value{"server": cty.StringVal("127.0.0.1"), "tsig": cty.NullVal(cty.DynamicPseudoType)}), "manual": cty.NullVal(cty.DynamicPseudoType), "zonefile": cty.NullVal(cty.DynamicPseudoType)}),
	})}
	for _, r := range recs {
		a, err := schema.ParseAddr(r.addr)
		if err != nil {
			w.t.Fatal(err)
		}
		values := []cty.Value{}
		for _, v := range r.values {
			values = append(values, cty.StringVal(v))
		}
		attrs := map[string]cty.Value{"zone": cty.StringVal(zoneAddr.String()), "name": cty.StringVal(r.name), "type": cty.StringVal(r.typ), "values": cty.ListVal(values)}
		if r.ttl != 0 {
			attrs["ttl"] = cty.NumberIntVal(int64(r.ttl))
		}
		if r.exclusive != nil {
			attrs["exclusive"] = cty.BoolVal(*r.exclusive)
		}
		blocks = append(blocks, w.block(a, attrs))
	}
	return schema.NewConfig(blocks, nil)
}

func (w *world) block(a schema.Addr, attrs map[string]cty.Value) schema.Block {
	w.t.Helper()
	typ := schema.TypeNamed(schema.Types(), a.Type)
	full := map[string]cty.Value{}
	for name, at := range typ.Body.Type().AttributeTypes() {
		full[name] = cty.NullVal(at)
		if v, ok := attrs[name]; ok {
			v, err := schemaConvert(v, at)
			if err != nil {
				w.t.Fatalf("%s: %s: %v", a, name, err)
			}
			full[name] = v
		}
	}
	b, err := typ.New(a, cty.ObjectVal(full), hcl.Range{Filename: "dns.mail.hcl", Start: hcl.Pos{Line: 3}})
	if err != nil {
		w.t.Fatalf("%s: %v", a, err)
	}
	return b
}

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// seen is what the servers say about everything that the plan may ask.
func (w *world) seen(c *schema.Config) Seen {
	keys := map[rr.Key]bool{}
	for _, r := range c.Records() {
		keys[rr.Key{Name: rr.Full(r.Name, "contoso.com"), Type: r.Type}] = true
	}
	for _, r := range c.Records() {
		for _, typ := range BesideAlias() {
			if r.Type == "CNAME" {
				keys[rr.Key{Name: rr.Full(r.Name, "contoso.com"), Type: typ}] = true
			}
		}
	}
	for k := range w.sets {
		if (k.Type == "A" || k.Type == "AAAA") && keys[rr.Key{Name: k.Name, Type: "MX"}] { // maybe in its place
			keys[k] = true
		}
	}
	for _, e := range c.Expects() {
		_, k := Place(c, e)
		keys[k] = true
	}
	if w.base != nil {
		for _, o := range w.base.Owned {
			keys[o.Set.Key()] = true
		}
		for _, s := range w.base.Intent {
			keys[s.Key()] = true
		}
		for _, s := range w.base.Switched {
			keys[s.Key()] = true
		}
	}
	var out Seen
	for k := range keys {
		o := Observation{Zone: zoneAddr, Key: k, Source: "ns1", At: now, Err: w.fail[k]}
		if s, ok := w.sets[k]; ok {
			o.Set = &s
		} else if c, ok := w.sets[rr.Key{Name: k.Name, Type: "CNAME"}]; ok {
			o.CNAME = c.Data[0]
		}
		out.RRsets = append(out.RRsets, o)
		if s, ok := w.lag[k]; ok {
			o.Source, o.Set = "ns2", &s
			out.RRsets = append(out.RRsets, o)
		}
	}
	slices.SortFunc(out.RRsets, func(a, b Observation) int { return a.Key.Compare(b.Key) })
	return out
}

func (w *world) plan(c *schema.Config) *Plan {
	w.t.Helper()
	p, err := Make(c, w.base, w.seen(c), now)
	if err != nil {
		w.t.Fatal(err)
	}
	w.remake(p)
	return p
}

// apply does what package apply does, in this world.
func (w *world) apply(p *Plan) {
	w.t.Helper()
	touched := map[rr.Key]bool{}
	var owned []revision.Owned
	for _, s := range p.Sets {
		var was *rr.Set
		if have, ok := w.sets[s.Key]; ok {
			was = &have
		}
		if !rr.Equal(was, s.Before) {
			w.t.Fatalf("%s: the evidence is %v and there is %v", s.Key, s.Before, was)
		}
		touched[s.Key] = true
		delete(w.sets, s.Key)
		if s.After != nil {
			w.sets[s.Key] = *s.After
		}
		owned = append(owned, s.Owned...)
	}
	for _, o := range p.Adopted {
		if !touched[o.Set.Key()] {
			owned = append(owned, o)
		}
	}
	has := func(o revision.Owned) bool {
		return slices.ContainsFunc(owned, func(x revision.Owned) bool { return x.Addr == o.Addr && x.Set.Key() == o.Set.Key() })
	}
	for _, o := range p.Settled {
		gone := slices.ContainsFunc(p.Disowned, func(x revision.Owned) bool { return x.Addr == o.Addr && x.Set.Key() == o.Set.Key() })
		if !touched[o.Set.Key()] && !gone && !has(o) {
			owned = append(owned, o)
		}
	}
	next := &revision.Revision{Lineage: p.Seen.Lineage, Serial: 1, Target: p.Target, Owned: owned, Proofs: p.Proofs, Switched: p.Switched, Retained: p.Retained, Pending: p.Pending}
	if w.base != nil {
		next.Lineage, next.Serial, next.Parent = w.base.Lineage, w.base.Serial+1, w.base.Hash
	}
	next.Seal()
	w.base = next
}

var _ tester = (*testing.T)(nil)
