package plan

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/zclconf/go-cty/cty"

	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/revision"
)

func move(t *testing.T, from, to string) schema.Moved {
	t.Helper()
	f, err := schema.ParseAddr(from)
	if err != nil {
		t.Fatal(err)
	}
	a, err := schema.ParseAddr(to)
	if err != nil {
		t.Fatal(err)
	}
	return schema.Moved{From: f, To: a}
}

func (r rec) at(addr string) rec { r.addr = addr; return r }

func TestMoved(t *testing.T) {
	two := []rec{mx.at(`record.old["a"]`), spf.at(`record.old["b"]`)}
	for _, tt := range []struct {
		name   string
		first  []rec
		config []rec
		moved  [][2]string
		want   []string // of the change, as lines gives it, with the previous address
	}{
		{name: "a rename touches nothing", first: []rec{mx}, config: []rec{mx.at("record.post")}, moved: [][2]string{{"record.mx", "record.post"}},
			want: []string{"  record.post 300 10 relay.contoso.com. => 300 10 relay.contoso.com. (was record.mx)"}},
		{name: "all instances", first: two, config: []rec{mx.at(`record.new["a"]`), spf.at(`record.new["b"]`)}, moved: [][2]string{{"record.old", "record.new"}},
			want: []string{`  record.new["a"] 300 10 relay.contoso.com. => 300 10 relay.contoso.com. (was record.old["a"])`, `  record.new["b"] 3600 v=spf1 -all => 3600 v=spf1 -all (was record.old["b"])`}},
		{name: "from key to key", first: two, config: []rec{mx.at(`record.old["c"]`), spf.at(`record.old["b"]`)}, moved: [][2]string{{`record.old["a"]`, `record.old["c"]`}},
			want: []string{`  record.old["c"] 300 10 relay.contoso.com. => 300 10 relay.contoso.com. (was record.old["a"])`}},
		{name: "a key is stronger than the whole", first: two, config: []rec{mx.at(`record.new["z"]`), spf.at(`record.new["b"]`)}, moved: [][2]string{{"record.old", "record.new"}, {`record.old["a"]`, `record.new["z"]`}},
			want: []string{`  record.new["b"] 3600 v=spf1 -all => 3600 v=spf1 -all (was record.old["b"])`, `  record.new["z"] 300 10 relay.contoso.com. => 300 10 relay.contoso.com. (was record.old["a"])`}},
		{name: "into for_each", first: []rec{mx}, config: []rec{mx.at(`record.mx["a"]`)}, moved: [][2]string{{"record.mx", `record.mx["a"]`}},
			want: []string{`  record.mx["a"] 300 10 relay.contoso.com. => 300 10 relay.contoso.com. (was record.mx)`}},
		{name: "in steps", first: []rec{mx}, config: []rec{mx.at("record.c")}, moved: [][2]string{{"record.b", "record.c"}, {"record.mx", "record.b"}},
			want: []string{"  record.c 300 10 relay.contoso.com. => 300 10 relay.contoso.com. (was record.mx)"}},
		{name: "with another value", first: []rec{mx}, config: []rec{mx.at("record.post").with("20 relay")}, moved: [][2]string{{"record.mx", "record.post"}},
			want: []string{"~ record.post 300 10 relay.contoso.com. => 300 20 relay.contoso.com. (was record.mx)", "write contoso.com. MX 300 10 relay.contoso.com. => 300 20 relay.contoso.com."}},
		{name: "not over what is there", first: []rec{mx, spf}, config: []rec{spf}, moved: [][2]string{{"record.mx", "record.spf"}},
			want: []string{"- record.mx 300 10 relay.contoso.com. => -", "write contoso.com. MX 300 10 relay.contoso.com. => -"}},
		{name: "what was never there", first: []rec{mx}, config: []rec{mx}, moved: [][2]string{{"record.ancient", "record.mx"}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			w.apply(w.plan(w.config(tt.first...)))
			c := w.config(tt.config...)
			for _, m := range tt.moved {
				c.Moved = append(c.Moved, move(t, m[0], m[1]))
			}
			p := w.plan(c)
			got := lines(p)
			for i, ch := range p.Changes {
				if !ch.PrevAddr.IsZero() {
					got[i] += " (was " + ch.PrevAddr.String() + ")"
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
			if p.Empty() != (tt.want == nil) {
				t.Errorf("the plan counts as empty: %v", p.Empty())
			}
			w.apply(p)
			if after := w.plan(c); !after.Empty() || len(lines(after)) > 0 {
				t.Errorf("the plan after its apply: %q", lines(after))
			}
			for _, o := range w.base.Owned {
				if c.Block(o.Addr) == nil {
					t.Errorf("%s still owns %s", o.Addr, o.Set.Key())
				}
			}
		})
	}
}

// A block that others refer to changes nothing in them when it moves, whether
// they are compared in the state or in DNS.
func TestMovedIsFollowedByReferences(t *testing.T) {
	w := newWorld(t)
	blocks := func(zone, relay, domain, stage string) *schema.Config {
		z := w.block(move(t, zone, zone).From, map[string]cty.Value{"name": cty.StringVal("contoso.com")})
		r := w.block(move(t, relay, relay).From, map[string]cty.Value{"hostname": cty.StringVal("relay.contoso.com")})
		s := w.block(move(t, stage, stage).From, map[string]cty.Value{})
		d := w.block(move(t, domain, domain).From, map[string]cty.Value{"name": cty.StringVal("contoso.com"), "stage": cty.StringVal(stage)})
		in := w.block(schema.Addr{Type: "receive_connector", Name: "in"}, map[string]cty.Value{"relay": cty.StringVal(relay)})
		out := w.block(schema.Addr{Type: "send_connector", Name: "out"}, map[string]cty.Value{"relays": cty.SetVal([]cty.Value{cty.StringVal(relay)}), "address_spaces": cty.SetVal([]cty.Value{cty.StringVal("*")})})
		rec := w.block(schema.Addr{Type: "record", Name: "mx"}, map[string]cty.Value{"zone": cty.StringVal(zone), "type": cty.StringVal("MX"), "values": cty.ListVal([]cty.Value{cty.StringVal("10 relay")})})
		return schema.NewConfig([]schema.Block{z, r, s, d, in, out, rec}, nil)
	}
	seen := func(zone string, c *schema.Config) Seen {
		s := w.seen(c)
		for i := range s.RRsets {
			s.RRsets[i].Zone = move(t, zone, zone).From
		}
		return s
	}
	first := blocks("zone.old", "relay.old", "domain.old", "stage.old")
	p, err := Make(first, nil, seen("zone.old", first), now)
	if err != nil {
		t.Fatal(err)
	}
	w.apply(p)
	w.base.Stages = []revision.Entered{{Domain: move(t, "domain.old", "domain.old").From, Stage: move(t, "stage.old", "stage.old").From, Since: now}}
	w.base.Seal()

	c := blocks("zone.new", "relay.new", "domain.new", "stage.new")
	for _, typ := range []string{"zone", "relay", "domain", "stage"} {
		c.Moved = append(c.Moved, move(t, typ+".old", typ+".new"))
	}
	if p, err = Make(c, w.base, seen("zone.old", c), now); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, ch := range p.Changes {
		got = append(got, fmt.Sprintf("%c %s was %s", ch.Action, ch.Addr, ch.PrevAddr))
	}
	want := []string{"  domain.new was domain.old", "  relay.new was relay.old", "  stage.new was stage.old", "  zone.new was zone.old"}
	if diff := cmp.Diff(want, got); diff != "" || len(p.Sets) > 0 {
		t.Errorf("-want +got\n%s", diff)
	}
	if len(p.Stages) != 1 || !p.Stages[0].Since.Equal(now) || p.Stages[0].Stage.Name != "new" {
		t.Errorf("the stage was entered anew: %v", p.Stages)
	}
	w.apply(p)
	if p, err = Make(c, w.base, seen("zone.new", c), now); err != nil || !p.Empty() {
		t.Errorf("the plan after: %v, %v", p.Changes, err)
	}
}

// TestZoneRenamed holds that a zone under another label is the same zone: nothing
// in DNS is touched.
func TestZoneRenamed(t *testing.T) {
	w := newWorld(t)
	w.put("@", "TXT", 60, "theirs")
	w.apply(w.plan(w.config(mx, spf)))
	old := zoneAddr
	zoneAddr = schema.Addr{Type: "zone", Name: "contoso2"}
	t.Cleanup(func() { zoneAddr = old })
	p := w.plan(w.config(mx, spf))
	if len(p.Sets) > 0 || p.Counts() != (Counts{}) {
		t.Errorf("a new label touches DNS: %v", lines(p))
	}
}

// TestMovesInARow: nothing moves over what is there, on the way either.
func TestMovesInARow(t *testing.T) {
	a, b, c := addrs(t, "record.a")[0], addrs(t, "record.b")[0], addrs(t, "record.c")[0]
	m := newMoves([]schema.Moved{{From: a, To: b}, {From: b, To: c}})
	m.taken = map[schema.Addr]bool{a: true, b: true}
	if x, y := m.to(a), m.to(b); x == y || y != c {
		t.Errorf("%s and %s", x, y)
	}
	m.taken = map[schema.Addr]bool{a: true}
	if x := m.to(a); x != c {
		t.Error(x)
	}
}

// TestViewsMove: zones of one name that move without a word keep their views apart.
func TestViewsMove(t *testing.T) {
	zone := func(w *world, name, server string) schema.Block {
		return w.block(schema.Addr{Type: "zone", Name: name}, map[string]cty.Value{"name": cty.StringVal("contoso.com"), "servers": cty.ListVal([]cty.Value{cty.StringVal(server)})})
	}
	w := newWorld(t)
	c := schema.NewConfig([]schema.Block{zone(w, "inside", "10.0.0.1"), zone(w, "outside", "192.0.2.1")}, nil)
	w.apply(w.plan(c))
	next := schema.NewConfig([]schema.Block{zone(w, "lan", "10.0.0.1"), zone(w, "world", "192.0.2.1")}, nil)
	for range 20 {
		got := map[string]string{}
		for _, m := range zones(w.base, next) {
			got[m.From.Name] = m.To.Name
		}
		if diff := cmp.Diff(map[string]string{"inside": "lan", "outside": "world"}, got); diff != "" {
			t.Fatal(diff)
		}
	}
}
