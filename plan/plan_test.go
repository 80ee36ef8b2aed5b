package plan

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
	"pgregory.net/rapid"

	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/revision"
	"github.com/mailrelay/mailrelay/schema/rr"
)

func schemaConvert(v cty.Value, t cty.Type) (cty.Value, error) { return convert.Convert(v, t) }

// lines says what a plan would do, a line each.
func lines(p *Plan) []string {
	var out []string
	for _, c := range p.Changes {
		out = append(out, fmt.Sprintf("%c %s %s => %s", c.Action, c.Addr, show(c.Before), show(c.After)))
	}
	for _, c := range p.Drift {
		out = append(out, fmt.Sprintf("drift %s %s => %s", c.Addr, show(c.Before), show(c.After)))
	}
	for _, s := range p.Sets {
		out = append(out, fmt.Sprintf("write %s %s => %s", s.Key, showSet(s.Before), showSet(s.After)))
	}
	return out
}

func show(v cty.Value) string {
	if v == cty.NilVal || v.IsNull() {
		return "-"
	}
	if !v.Type().HasAttribute("values") {
		return "block"
	}
	var data []string
	for _, d := range v.GetAttr("values").AsValueSlice() {
		data = append(data, d.AsString())
	}
	ttl, _ := v.GetAttr("ttl").AsBigFloat().Int64()
	return fmt.Sprintf("%d %s", ttl, strings.Join(data, ","))
}

func showSet(s *rr.Set) string {
	if s == nil {
		return "-"
	}
	var data []string
	for _, d := range s.Data {
		data = append(data, string(d))
	}
	return fmt.Sprintf("%d %s", s.TTL, strings.Join(data, ","))
}

var (
	mx    = rec{addr: "record.mx", name: "@", typ: "MX", ttl: 300, values: []string{"10 relay"}}
	spf   = rec{addr: "record.spf", name: "@", typ: "TXT", values: []string{"v=spf1 -all"}}
	proof = rec{addr: "record.proof", name: "@", typ: "TXT", values: []string{"MS=ms1"}}
)

func (r rec) with(values ...string) rec { r.values = values; return r }

func TestRecords(t *testing.T) {
	no := false
	for _, tt := range []struct {
		name   string
		before func(*world) // what stands before the first plan
		first  []rec        // applied first, if any
		then   func(*world) // what others do afterwards
		config []rec
		want   []string
	}{
		{name: "absent is an add", config: []rec{mx},
			want: []string{"+ record.mx - => 300 10 relay.contoso.com.", "write contoso.com. MX - => 300 10 relay.contoso.com."}},
		{name: "what stands as wanted is imported", before: func(w *world) { w.put("@", "MX", 300, "10 relay") }, config: []rec{mx},
			want: []string{"< record.mx 300 10 relay.contoso.com. => 300 10 relay.contoso.com."}},
		{name: "other values are a change with both sides", before: func(w *world) { w.put("@", "MX", 600, "5 old", "6 older") }, config: []rec{mx},
			want: []string{"~ record.mx 600 5 old.contoso.com.,6 older.contoso.com. => 300 10 relay.contoso.com.", "write contoso.com. MX 600 5 old.contoso.com.,6 older.contoso.com. => 300 10 relay.contoso.com."}},
		{name: "TTL only", before: func(w *world) { w.put("@", "MX", 3600, "10 relay") }, config: []rec{mx},
			want: []string{"~ record.mx 3600 10 relay.contoso.com. => 300 10 relay.contoso.com.", "write contoso.com. MX 3600 10 relay.contoso.com. => 300 10 relay.contoso.com."}},
		{name: "TXT is added beside others and keeps their TTL", before: func(w *world) { w.put("@", "TXT", 60, "google-site-verification=x") }, config: []rec{spf},
			want: []string{"+ record.spf - => 60 v=spf1 -all", "write contoso.com. TXT 60 google-site-verification=x => 60 google-site-verification=x,v=spf1 -all"}},
		{name: "two blocks share an RRset", before: func(w *world) { w.put("@", "TXT", 60, "MS=ms1", "x") }, config: []rec{spf, proof},
			want: []string{"< record.proof 60 MS=ms1 => 60 MS=ms1", "+ record.spf - => 60 v=spf1 -all", "write contoso.com. TXT 60 MS=ms1,x => 60 MS=ms1,v=spf1 -all,x"}},
		{name: "ours is changed, others stay", before: func(w *world) { w.put("@", "TXT", 60, "x") }, first: []rec{spf}, config: []rec{spf.with("v=spf1 mx -all")},
			want: []string{"~ record.spf 60 v=spf1 -all => 60 v=spf1 mx -all", "write contoso.com. TXT 60 v=spf1 -all,x => 60 v=spf1 mx -all,x"}},
		{name: "ours goes, others stay", before: func(w *world) { w.put("@", "TXT", 60, "x") }, first: []rec{spf, proof}, config: []rec{proof},
			want: []string{"- record.spf 60 v=spf1 -all => -", "write contoso.com. TXT 60 MS=ms1,v=spf1 -all,x => 60 MS=ms1,x"}},
		{name: "the last of ours goes", first: []rec{mx, spf}, config: []rec{},
			want: []string{"- record.mx 300 10 relay.contoso.com. => -", "- record.spf 3600 v=spf1 -all => -", "write contoso.com. MX 300 10 relay.contoso.com. => -", "write contoso.com. TXT 3600 v=spf1 -all => -"}},
		{name: "what others added to an exclusive set stays when ours goes", first: []rec{mx}, then: func(w *world) { w.put("@", "MX", 300, "10 relay", "20 theirs") }, config: []rec{},
			want: []string{"- record.mx 300 10 relay.contoso.com. => -", "drift record.mx 300 10 relay.contoso.com. => 300 10 relay.contoso.com.,20 theirs.contoso.com.", "write contoso.com. MX 300 10 relay.contoso.com.,20 theirs.contoso.com. => 300 20 theirs.contoso.com."}},
		{name: "what was adopted goes when the block goes", before: func(w *world) { w.put("@", "MX", 300, "10 relay") }, first: []rec{mx}, config: []rec{},
			want: []string{"- record.mx 300 10 relay.contoso.com. => -", "write contoso.com. MX 300 10 relay.contoso.com. => -"}},
		{name: "drift is repaired", first: []rec{mx}, then: func(w *world) { w.put("@", "MX", 300, "66 evil") }, config: []rec{mx},
			want: []string{"~ record.mx 300 66 evil.contoso.com. => 300 10 relay.contoso.com.", "drift record.mx 300 10 relay.contoso.com. => 300 66 evil.contoso.com.", "write contoso.com. MX 300 66 evil.contoso.com. => 300 10 relay.contoso.com."}},
		{name: "drift of what is changed anyhow is not shown", first: []rec{mx}, then: func(w *world) { w.put("@", "MX", 300, "66 evil") }, config: []rec{mx.with("20 relay")},
			want: []string{"~ record.mx 300 66 evil.contoso.com. => 300 20 relay.contoso.com.", "write contoso.com. MX 300 66 evil.contoso.com. => 300 20 relay.contoso.com."}},
		{name: "drift to what is wanted now is not shown", first: []rec{mx}, then: func(w *world) { w.put("@", "MX", 300, "20 relay") }, config: []rec{mx.with("20 relay")}, want: nil},
		{name: "what was deleted is added again", first: []rec{spf}, then: func(w *world) { w.put("@", "TXT", 0) }, config: []rec{spf},
			want: []string{"+ record.spf - => 3600 v=spf1 -all", "drift record.spf 3600 v=spf1 -all => -", "write contoso.com. TXT - => 3600 v=spf1 -all"}},
		{name: "others changing what is theirs is no drift", before: func(w *world) { w.put("@", "TXT", 60, "x") }, first: []rec{spf}, then: func(w *world) { w.put("@", "TXT", 60, "v=spf1 -all", "y", "z") }, config: []rec{spf}, want: nil},
		{name: "an alias of others blocks", before: func(w *world) { w.put("www", "CNAME", 60, "else") }, config: []rec{{addr: "record.a", name: "www", typ: "A", values: []string{"192.0.2.1"}}},
			want: []string{"? record.a - => 3600 192.0.2.1"}},
		{name: "an alias where others have data", before: func(w *world) { w.put("www", "A", 60, "192.0.2.9") }, config: []rec{{addr: "record.c", name: "www", typ: "CNAME", values: []string{"else"}}},
			want: []string{"? record.c - => 3600 else.contoso.com."}},
		{name: "an alias where our data was", first: []rec{{addr: "record.a", name: "www", typ: "A", values: []string{"192.0.2.1"}}}, config: []rec{{addr: "record.c", name: "www", typ: "CNAME", values: []string{"else"}}},
			want: []string{"- record.a 3600 192.0.2.1 => -", "+ record.c - => 3600 else.contoso.com.", "write www.contoso.com. A 3600 192.0.2.1 => -", "write www.contoso.com. CNAME - => 3600 else.contoso.com."}},
		{name: "an alias of ours gives way", first: []rec{{addr: "record.c", name: "www", typ: "CNAME", values: []string{"else"}}}, config: []rec{{addr: "record.a", name: "www", typ: "A", values: []string{"192.0.2.1"}}},
			want: []string{"+ record.a - => 3600 192.0.2.1", "- record.c 3600 else.contoso.com. => -", "write www.contoso.com. A - => 3600 192.0.2.1", "write www.contoso.com. CNAME 3600 else.contoso.com. => -"}},
		{name: "a server that cannot be asked leaves it open", before: func(w *world) { w.fail[rr.Key{Name: "contoso.com.", Type: "MX"}] = "no answer" }, config: []rec{mx},
			want: []string{"? record.mx - => 300 10 relay.contoso.com."}},
		{name: "servers that disagree leave it open", before: func(w *world) {
			w.put("@", "MX", 300, "10 relay")
			w.lag[rr.Key{Name: "contoso.com.", Type: "MX"}] = rr.NewSet("contoso.com.", "MX", 300, "5 old.contoso.com.")
		}, config: []rec{mx}, want: []string{"? record.mx 300 10 relay.contoso.com. => 300 10 relay.contoso.com."}},
		{name: "a block under another address takes over without a write", first: []rec{mx}, config: []rec{{addr: "record.post", name: "@", typ: "MX", ttl: 300, values: []string{"10 relay"}}},
			want: []string{"< record.post 300 10 relay.contoso.com. => 300 10 relay.contoso.com."}},
		{name: "another name is a removal and an add", first: []rec{{addr: "record.a", name: "a", typ: "A", values: []string{"192.0.2.1"}}}, config: []rec{{addr: "record.a", name: "b", typ: "A", values: []string{"192.0.2.1"}}},
			want: []string{"- record.a 3600 192.0.2.1 => -", "+ record.a - => 3600 192.0.2.1", "write a.contoso.com. A 3600 192.0.2.1 => -", "write b.contoso.com. A - => 3600 192.0.2.1"}},
		{name: "a proof that routes nothing is left alone", before: func(w *world) { w.put("@", "MX", 600, "5 old", "32767 ms1.msv1.invalid.") }, config: []rec{mx},
			want: []string{"~ record.mx 600 5 old.contoso.com. => 300 10 relay.contoso.com.", "write contoso.com. MX 600 32767 ms1.msv1.invalid.,5 old.contoso.com. => 300 10 relay.contoso.com.,32767 ms1.msv1.invalid."}},
		{name: "a proof beside what is wanted is no difference", before: func(w *world) { w.put("@", "MX", 300, "10 relay", "32767 ms1.msv1.invalid.") }, config: []rec{mx},
			want: []string{"< record.mx 300 10 relay.contoso.com. => 300 10 relay.contoso.com."}},
		{name: "ours goes and the proof stays", before: func(w *world) { w.put("@", "MX", 300, "10 relay", "32767 ms1.msv1.invalid.") }, first: []rec{mx}, config: []rec{},
			want: []string{"- record.mx 300 10 relay.contoso.com. => -", "write contoso.com. MX 300 10 relay.contoso.com.,32767 ms1.msv1.invalid. => 300 32767 ms1.msv1.invalid."}},
		{name: "not exclusive any more", before: func(w *world) { w.put("@", "MX", 600, "5 old") }, config: []rec{{addr: "record.mx", name: "@", typ: "MX", exclusive: &no, values: []string{"10 relay"}}},
			want: []string{"+ record.mx - => 600 10 relay.contoso.com.", "write contoso.com. MX 600 5 old.contoso.com. => 600 10 relay.contoso.com.,5 old.contoso.com."}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			if tt.before != nil {
				tt.before(w)
			}
			if tt.first != nil {
				w.apply(w.plan(w.config(tt.first...)))
			}
			if tt.then != nil {
				tt.then(w)
			}
			c := w.config(tt.config...)
			p := w.plan(c)
			got := lines(p)
			slices.Sort(got)
			slices.Sort(tt.want)
			if strings.HasPrefix(strings.Join(tt.want, ""), "? ") {
				for i := range tt.want { // an open record shows no before
					tt.want[i] = "? " + strings.Fields(tt.want[i])[1] + " - => " + tt.want[i][strings.Index(tt.want[i], "=> ")+3:]
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Fatal(diff)
			}
			if strings.Contains(strings.Join(got, "\n"), "? ") {
				if p.Converged() {
					t.Error("what is inconclusive counts as converged")
				}
				return
			}
			w.apply(p)
			if again := w.plan(c); !again.Empty() || !again.Converged() {
				t.Errorf("a plan after its own apply is not empty: %v", lines(again))
			}
		})
	}
}

// TestIntent holds that a plan tells the truth after an apply that ended at any
// point, and knows what is ours.
func TestIntent(t *testing.T) {
	for _, tt := range []struct {
		name    string
		written bool
		want    []string
		owned   int
	}{
		{"ended before the write", false, []string{"~ record.mx 600 5 old.contoso.com. => 300 10 relay.contoso.com.", "write contoso.com. MX 600 5 old.contoso.com. => 300 10 relay.contoso.com."}, 0},
		{"ended after the write", true, nil, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			w.put("@", "MX", 600, "5 old")
			p := w.plan(w.config(mx))
			s := p.Sets[0]
			w.base = &revision.Revision{Serial: 1, Target: p.Target, Intent: []revision.Step{{Addrs: s.Addrs, Zone: s.Zone, Before: s.Before, After: s.After, Owned: s.Owned}}}
			w.base.Seal()
			if tt.written {
				w.sets[s.Key] = *s.After
			}
			again := w.plan(w.config(mx))
			if diff := cmp.Diff(tt.want, lines(again)); diff != "" {
				t.Error(diff)
			}
			if len(again.Settled) != tt.owned {
				t.Errorf("%d RRsets are ours, want %d", len(again.Settled), tt.owned)
			}
			w.apply(again)
			if o := w.base.Owned; len(o) != 1 || o[0].Before == nil || o[0].Before.Data[0] != "5 old.contoso.com." {
				t.Errorf("what stood there before us is lost: %+v", o)
			}
		})
	}
}

func TestExpectations(t *testing.T) {
	w := newWorld(t)
	w.put("a", "A", 60, "192.0.2.1")
	w.fail[rr.Key{Name: "b.contoso.com.", Type: "A"}] = "no answer in 5s"
	expect := func(name string, attrs map[string]cty.Value) schema.Block {
		attrs["zone"], attrs["name"], attrs["type"] = cty.StringVal("zone.contoso"), cty.StringVal(name), cty.StringVal("A")
		return w.block(schema.Addr{Type: "expect", Name: name}, attrs)
	}
	values := cty.ListVal([]cty.Value{cty.StringVal("192.0.2.1")})
	for _, tt := range []struct {
		block  schema.Block
		status string
		why    string
	}{
		{expect("a", map[string]cty.Value{"values": values}), Met, ""},
		{expect("a", map[string]cty.Value{"values": values, "ttl": cty.NumberIntVal(61)}), Unmet, `it is "192.0.2.1" (TTL 60), and should be "192.0.2.1" (TTL 61)`},
		{expect("a", map[string]cty.Value{"absent": cty.True}), Unmet, `nothing should be there, and there is "192.0.2.1" (TTL 60)`},
		{expect("c", map[string]cty.Value{"absent": cty.True}), Met, ""},
		{expect("c", map[string]cty.Value{"values": values}), Unmet, `there is no such record, and there should be "192.0.2.1"`},
		{expect("b", map[string]cty.Value{"values": values}), Open, "ns1: no answer in 5s"},
	} {
		c := schema.NewConfig(append(w.config().Blocks, tt.block), nil)
		e := w.plan(c).Expectations[0]
		if e.Status != tt.status || e.Why != tt.why {
			t.Errorf("%s: got %s, %q", tt.block.Addr(), e.Status, e.Why)
		}
	}
}

func TestNodesBehind(t *testing.T) {
	w := newWorld(t)
	w.apply(w.plan(w.config(mx)))
	seen := w.seen(w.config(mx))
	seen.Nodes = []Node{{Name: "old", Live: true, Revision: "x"}, {Name: "gone", Revision: "x"}, {Name: "good", Live: true, Revision: w.base.Hash}}
	p, err := Make(w.config(mx), w.base, seen, now)
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Behind) != 1 || p.Behind[0].Name != "old" || p.Converged() {
		t.Errorf("got %v, converged %v", p.Behind, p.Converged())
	}
}

// TestApplyConverges holds for random zones and configurations: a plan after its
// own apply is empty, and no value of others is ever touched but by an exclusive
// record over it.
func TestApplyConverges(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		value := rapid.SampledFrom([]string{"v=spf1 -all", "v=spf1 mx -all", "MS=ms1", "x", "y"})
		theirs := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"theirs-1", "theirs-2"}), 0, 2, rapid.ID[string]).Draw(t, "theirs")
		if len(theirs) > 0 {
			w.put("@", "TXT", uint32(rapid.SampledFrom([]int{60, 3600}).Draw(t, "ttl")), theirs...)
		}
		for round := range rapid.IntRange(1, 4).Draw(t, "rounds") {
			var recs []rec
			for _, addr := range rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"record.a", "record.b", "record.c"}), 0, 3, rapid.ID[string]).Draw(t, fmt.Sprint("blocks", round)) {
				recs = append(recs, rec{addr: addr, name: "@", typ: "TXT", values: []string{value.Draw(t, addr)}})
			}
			if rapid.Bool().Draw(t, "mx") {
				recs = append(recs, mx.with(rapid.SampledFrom([]string{"10 relay", "0 cloud"}).Draw(t, "to")))
			}
			if rapid.Bool().Draw(t, "drift") { // somebody removes or adds
				w.put("@", "MX", 300, "66 drift")
			}
			c := w.config(recs...)
			w.apply(w.plan(c))
			if again := w.plan(c); !again.Empty() || len(again.Drift) > 0 {
				t.Fatalf("not empty after its own apply: %v", lines(again))
			}
			txt := w.sets[rr.Key{Name: "contoso.com.", Type: "TXT"}]
			for _, v := range theirs {
				if !txt.Has(rr.Data(v)) {
					t.Fatalf("%q of others is lost: %v", v, txt.Data)
				}
			}
		}
		w.apply(w.plan(w.config()))
		if txt := w.sets[rr.Key{Name: "contoso.com.", Type: "TXT"}]; len(txt.Data) != len(theirs) {
			t.Fatalf("after all is gone there is %v, want %v", txt.Data, theirs)
		}
	})
}
