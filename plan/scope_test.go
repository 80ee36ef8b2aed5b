package plan

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/revision"
	"github.com/mailrelay/mailrelay/schema/rr"
)

// scoped makes a plan of a part.
func (w *world) scoped(s Scope, c *schema.Config) *Plan {
	w.t.Helper()
	p, err := s.Make(c, w.base, w.seen(c), now)
	if err != nil {
		w.t.Fatal(err)
	}
	w.remake(p)
	return p
}

// remake makes a plan again from what its file carries, as apply does: it must be the
// same, in all that is applied and shown.
func (w *world) remake(p *Plan) {
	w.t.Helper()
	again, err := p.Scope.Make(w.read(p), w.base, p.Seen, p.Made)
	if err != nil {
		w.t.Fatal(err)
	}
	if diff := cmp.Diff(lines(p), lines(again)); diff != "" || again.Config != p.Config {
		w.t.Fatalf("made again from what it carries, the plan is another: %s", diff)
	}
	if diff := cmp.Diff(carried(w.t, p), carried(w.t, again)); diff != "" {
		w.t.Fatalf("made again from what it carries, the plan is another: %s", diff)
	}
}

// carried is all of a plan but its changes, whose values are no JSON, as JSON.
func carried(t tester, p *Plan) string {
	all := *p
	all.Changes, all.Drift, all.Expectations = nil, nil, slices.Clone(p.Expectations)
	for i := range all.Expectations {
		all.Expectations[i].Decl = hcl.Range{} // a file keeps the line
	}
	raw, err := json.MarshalIndent(all, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// read is the configuration that a plan file holds.
func (w *world) read(p *Plan) *schema.Config {
	w.t.Helper()
	c, err := revision.Config(p.Target)
	if err != nil {
		w.t.Fatal(err)
	}
	c.Moved = p.Moved
	return c
}

func addrs(t tester, texts ...string) []schema.Addr {
	t.Helper()
	var out []schema.Addr
	for _, text := range texts {
		a, err := schema.ParseAddr(text)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, a)
	}
	return out
}

// TestBack goes back to a revision with the records of config, after what first
// and then applied: what others had is there again.
func TestBack(t *testing.T) {
	post := mx
	post.addr = "record.post"
	for _, tt := range []struct {
		name   string
		before func(*world)
		steps  [][]rec // applied one after the other
		then   func(*world)
		config []rec // what the earlier revision had
		want   []string
	}{
		{name: "what was taken over comes back with its TTL", before: func(w *world) { w.put("@", "MX", 600, "5 old") }, steps: [][]rec{{mx}},
			want: []string{"~ record.mx 300 10 relay.contoso.com. => 600 5 old.contoso.com.", "write contoso.com. MX 300 10 relay.contoso.com. => 600 5 old.contoso.com."}},
		{name: "after an update", before: func(w *world) { w.put("@", "MX", 600, "5 old") }, steps: [][]rec{{mx}, {mx.with("20 relay")}},
			want: []string{"~ record.mx 300 20 relay.contoso.com. => 600 5 old.contoso.com.", "write contoso.com. MX 300 20 relay.contoso.com. => 600 5 old.contoso.com."}},
		{name: "after another block took over", before: func(w *world) { w.put("@", "MX", 600, "5 old") }, steps: [][]rec{{mx}, {post}},
			want: []string{"~ record.post 300 10 relay.contoso.com. => 600 5 old.contoso.com.", "write contoso.com. MX 300 10 relay.contoso.com. => 600 5 old.contoso.com."}},
		{name: "after a change of TTL alone", before: func(w *world) { w.put("@", "MX", 600, "10 relay") }, steps: [][]rec{{mx}},
			want: []string{"~ record.mx 300 10 relay.contoso.com. => 600 10 relay.contoso.com.", "write contoso.com. MX 300 10 relay.contoso.com. => 600 10 relay.contoso.com."}},
		{name: "what was adopted stays", before: func(w *world) { w.put("@", "MX", 300, "10 relay") }, steps: [][]rec{{mx}}},
		{name: "what was not there goes", steps: [][]rec{{mx}},
			want: []string{"- record.mx 300 10 relay.contoso.com. => -", "write contoso.com. MX 300 10 relay.contoso.com. => -"}},
		{name: "values that were adopted beside others stay", before: func(w *world) { w.put("@", "TXT", 60, "v=spf1 -all", "x") }, steps: [][]rec{{spf, proof}},
			want: []string{"- record.proof 60 MS=ms1 => -", "write contoso.com. TXT 60 MS=ms1,v=spf1 -all,x => 60 v=spf1 -all,x"}},
		{name: "the TTL of others comes back", before: func(w *world) { w.put("@", "TXT", 60, "x") }, steps: [][]rec{{{addr: "record.spf", name: "@", typ: "TXT", ttl: 300, values: []string{"v=spf1 -all"}}}},
			want: []string{"- record.spf 300 v=spf1 -all => -", "write contoso.com. TXT 300 v=spf1 -all,x => 60 x"}},
		{name: "what the earlier revision had too is as it was there", before: func(w *world) { w.put("@", "MX", 600, "5 old") }, steps: [][]rec{{mx}, {mx.with("20 relay"), spf}}, config: []rec{mx},
			want: []string{"~ record.mx 300 20 relay.contoso.com. => 300 10 relay.contoso.com.", "- record.spf 3600 v=spf1 -all => -", "write contoso.com. MX 300 20 relay.contoso.com. => 300 10 relay.contoso.com.", "write contoso.com. TXT 3600 v=spf1 -all => -"}},
		{name: "what others put there since is theirs", before: func(w *world) { w.put("@", "MX", 600, "5 old") }, steps: [][]rec{{mx}}, then: func(w *world) { w.put("@", "MX", 300, "66 other") }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			if tt.before != nil {
				tt.before(w)
			}
			for _, step := range tt.steps {
				w.apply(w.plan(w.config(step...)))
			}
			if tt.then != nil {
				tt.then(w)
			}
			p := w.scoped(Scope{Back: 1}, w.config(tt.config...))
			got := lines(p)
			slices.Sort(got)
			slices.Sort(tt.want)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Fatal(diff)
			}
			w.apply(p)
			if again := w.plan(w.config(tt.config...)); !again.Empty() || len(again.Settled) != len(tt.config) {
				t.Errorf("after the way back: %v, ours %v", lines(again), again.Settled)
			}
		})
	}
}

func TestTakeOver(t *testing.T) {
	w := newWorld(t)
	w.put("@", "MX", 600, "5 old")
	p := w.plan(w.config(mx))
	if len(p.Findings) != 1 || p.Findings[0].Code != "MR202" || p.Findings[0].Severity != "warning" || p.Refused() {
		t.Fatalf("findings %+v", p.Findings)
	}
	for _, part := range []string{"5 old.contoso.com.", "TTL 600", "10 relay.contoso.com.", "TTL 300"} {
		if !strings.Contains(p.Findings[0].Detail, part) {
			t.Errorf("%q does not show %s", p.Findings[0].Detail, part)
		}
	}
	allow := cty.MapVal(map[string]cty.Value{"MR202": cty.ObjectVal(map[string]cty.Value{"reason": cty.StringVal("the old host is gone")})})
	block := w.block(schema.Addr{Type: "record", Name: "mx"}, map[string]cty.Value{"zone": cty.StringVal("zone.contoso"), "type": cty.StringVal("MX"), "ttl": cty.NumberIntVal(300),
		"values": cty.ListVal([]cty.Value{cty.StringVal("10 relay")}), "allow": allow})
	c := schema.NewConfig(append(w.config().Blocks, block), nil)
	if p = w.plan(c); p.Findings[0].Allowed != "the old host is gone" {
		t.Errorf("findings %+v", p.Findings)
	}
	w.apply(p)
	w.put("@", "MX", 300, "66 drift")
	if p = w.plan(c); len(p.Findings) != 0 {
		t.Errorf("drift of what is ours is found as %+v", p.Findings)
	}
	w = newWorld(t)
	w.put("@", "MX", 600, "10 relay") // another TTL replaces no data
	if p = w.plan(w.config(mx)); len(p.Findings) != 0 {
		t.Errorf("findings %+v", p.Findings)
	}
}

func TestTargets(t *testing.T) {
	other := rec{addr: "record.other", name: "other", typ: "A", values: []string{"192.0.2.1"}}
	for _, tt := range []struct {
		name    string
		first   []rec
		then    func(*world)
		targets []string
		config  []rec
		want    []string
		target  []string // of the revision that comes of it
	}{
		{name: "an add", targets: []string{"record.spf"}, config: []rec{mx, spf, other},
			want: []string{"+ record.spf - => 3600 v=spf1 -all", "write contoso.com. TXT - => 3600 v=spf1 -all"}, target: []string{"record.spf", "zone.contoso"}},
		{name: "what is left out stays as it is", first: []rec{mx, other}, targets: []string{"record.mx"}, config: []rec{mx.with("20 relay")},
			want:   []string{"~ record.mx 300 10 relay.contoso.com. => 300 20 relay.contoso.com.", "write contoso.com. MX 300 10 relay.contoso.com. => 300 20 relay.contoso.com."},
			target: []string{"record.mx", "record.other", "zone.contoso"}},
		{name: "a removal", first: []rec{mx, other}, targets: []string{"record.other"}, config: []rec{mx.with("20 relay")},
			want: []string{"- record.other 3600 192.0.2.1 => -", "write other.contoso.com. A 3600 192.0.2.1 => -"}, target: []string{"record.mx", "zone.contoso"}},
		{name: "drift of what is left out is not looked at", first: []rec{mx, other}, then: func(w *world) { w.put("@", "MX", 300, "66 evil") }, targets: []string{"record.other"}, config: []rec{mx, other},
			target: []string{"record.mx", "record.other", "zone.contoso"}},
		{name: "whoever shares the RRset stays in it", first: []rec{spf}, targets: []string{"record.proof"}, config: []rec{spf.with("v=spf1 mx -all"), proof},
			want:   []string{"+ record.proof - => 3600 MS=ms1", "write contoso.com. TXT 3600 v=spf1 -all => 3600 MS=ms1,v=spf1 -all"},
			target: []string{"record.proof", "record.spf", "zone.contoso"}},
		{name: "one instance", targets: []string{`record.a["x"]`}, config: []rec{{addr: `record.a["x"]`, name: "x", typ: "A", values: []string{"192.0.2.1"}}, {addr: `record.a["y"]`, name: "y", typ: "A", values: []string{"192.0.2.1"}}},
			want: []string{`+ record.a["x"] - => 3600 192.0.2.1`, "write x.contoso.com. A - => 3600 192.0.2.1"}, target: []string{`record.a["x"]`, "zone.contoso"}},
		{name: "all instances", targets: []string{`record.a`}, config: []rec{{addr: `record.a["x"]`, name: "x", typ: "A", values: []string{"192.0.2.1"}}, mx},
			want: []string{`+ record.a["x"] - => 3600 192.0.2.1`, "write x.contoso.com. A - => 3600 192.0.2.1"}, target: []string{`record.a["x"]`, "zone.contoso"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			if tt.first != nil {
				w.apply(w.plan(w.config(tt.first...)))
			}
			if tt.then != nil {
				tt.then(w)
			}
			p := w.scoped(Scope{Targets: addrs(t, tt.targets...)}, w.config(tt.config...))
			if diff := cmp.Diff(tt.want, lines(p)); diff != "" {
				t.Error(diff)
			}
			var target []string
			for _, o := range p.Target {
				target = append(target, o.Addr.String())
			}
			if diff := cmp.Diff(tt.target, target); diff != "" {
				t.Error(diff)
			}
			w.apply(p)
			if p.Counts().Destroy > 0 {
				return // what is gone cannot be named again
			}
			if again := w.scoped(Scope{Targets: addrs(t, tt.targets...)}, w.config(tt.config...)); !again.Empty() {
				t.Errorf("not empty after its own apply: %v", lines(again))
			}
		})
	}
}

// TestTargetsClosure holds what comes along: what a target refers to or takes
// values from, and what cannot stay without what goes.
func TestTargetsClosure(t *testing.T) {
	w := newWorld(t)
	domain := w.block(schema.Addr{Type: "domain", Name: "d"}, map[string]cty.Value{"name": cty.StringVal("contoso.com"), "stage": cty.StringVal("stage.s")})
	stage := w.block(schema.Addr{Type: "stage", Name: "s"}, map[string]cty.Value{})
	people := w.block(schema.Addr{Type: "recipients", Name: "r"}, map[string]cty.Value{"domain": cty.StringVal("domain.d"), "addresses": cty.SetVal([]cty.Value{cty.StringVal("a@contoso.com")})})
	whole := schema.NewConfig(append(w.config(mx, spf).Blocks, domain, stage, people), nil)
	whole.Uses = map[schema.Addr][]schema.Addr{{Type: "record", Name: "mx"}: addrs(t, "domain.d")}
	less := schema.NewConfig(append(w.config(mx, spf).Blocks, stage), nil)
	none := schema.NewConfig(nil, nil)
	for _, tt := range []struct {
		target    string
		c, before *schema.Config
		want      []string
	}{
		{"record.mx", whole, none, []string{"domain.d", "record.mx", "stage.s", "zone.contoso"}},
		{"recipients.r", whole, none, []string{"domain.d", "recipients.r", "stage.s"}},
		{"domain.d", whole, none, []string{"domain.d", "stage.s"}},
		{"domain.d", less, whole, []string{"domain.d", "recipients.r"}},
		{"recipients.r", less, whole, []string{"recipients.r"}},
		{"zone.contoso", none, less, []string{"record.mx", "record.spf", "zone.contoso"}},
	} {
		got, err := closure(addrs(t, tt.target), tt.c, tt.before)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(addrs(t, tt.want...), got); diff != "" {
			t.Errorf("%s: %s", tt.target, diff)
		}
	}
	for target, want := range map[string]string{
		"record.mz": `Did you mean "record.mx"?`, `service.microsoft365.x.record["mx"]`: "write -target=service.microsoft365.x",
	} {
		if _, err := closure(addrs(t, target), whole, none); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v", target, err)
		}
	}
}

func TestRefreshOnly(t *testing.T) {
	w := newWorld(t)
	w.put("@", "MX", 300, "10 relay")
	w.apply(w.plan(w.config(mx, spf)))
	w.put("@", "MX", 300, "66 other")
	w.put("@", "TXT", 0)
	w.put("new", "A", 3600, "192.0.2.1")
	host := rec{addr: "record.new", name: "new", typ: "A", values: []string{"192.0.2.1"}}
	more := rec{addr: "record.more", name: "more", typ: "A", values: []string{"192.0.2.1"}}
	c := w.config(mx.with("20 relay"), spf, host, more)
	p := w.scoped(Scope{RefreshOnly: true}, c)
	want := []string{"< record.new 3600 192.0.2.1 => 3600 192.0.2.1", "drift record.mx 300 10 relay.contoso.com. => 300 66 other.contoso.com.", "drift record.spf 3600 v=spf1 -all => -"}
	if diff := cmp.Diff(want, lines(p)); diff != "" {
		t.Error(diff)
	}
	if p.Empty() || p.Converged() {
		t.Error("there is something to record, and the plan counts as empty")
	}
	before := len(w.sets)
	w.apply(p)
	if len(w.sets) != before {
		t.Error("something was written")
	}
	var target []string
	for _, o := range w.base.Target {
		target = append(target, o.Addr.String())
	}
	if diff := cmp.Diff([]string{"record.mx", "record.new", "record.spf", "zone.contoso"}, target); diff != "" {
		t.Error(diff)
	}
	if p = w.scoped(Scope{RefreshOnly: true}, c); !p.Empty() || len(p.Drift) > 0 {
		t.Errorf("after it: %v", lines(p))
	}
	p = w.plan(c)
	want = []string{"+ record.more - => 3600 192.0.2.1", "~ record.mx 300 66 other.contoso.com. => 300 20 relay.contoso.com.", "+ record.spf - => 3600 v=spf1 -all",
		"write contoso.com. MX 300 66 other.contoso.com. => 300 20 relay.contoso.com.", "write contoso.com. TXT - => 3600 v=spf1 -all", "write more.contoso.com. A - => 3600 192.0.2.1"}
	if diff := cmp.Diff(want, lines(p)); diff != "" {
		t.Error(diff)
	}
}

// TestRefreshUnsure: what nobody could be asked for is no match.
func TestRefreshUnsure(t *testing.T) {
	w := newWorld(t)
	w.apply(w.plan(w.config(mx, spf)))
	w.fail[rr.Key{Name: "contoso.com.", Type: "MX"}] = "no answer"
	p := w.scoped(Scope{RefreshOnly: true}, w.config(mx, spf))
	if diff := cmp.Diff([]string{"? record.mx - => 300 10 relay.contoso.com."}, lines(p)); diff != "" || p.Converged() {
		t.Errorf("converged %t %s", p.Converged(), diff)
	}
	w.apply(p)
	delete(w.fail, rr.Key{Name: "contoso.com.", Type: "MX"})
	if p = w.plan(w.config(mx, spf)); !p.Converged() {
		t.Errorf("after it: %v", lines(p))
	}
}

// TestRefreshSeesSwitch: an MX that others changed, and that is recorded as it is now,
// may still lead mail to where it led.
func TestRefreshSeesSwitch(t *testing.T) {
	w := newWorld(t)
	w.apply(w.plan(w.with(w.config(mx), w.domain("contoso", "contoso.com", "internal_relay"))))
	w.put("@", "MX", 300, "66 other")
	w.apply(w.scoped(Scope{RefreshOnly: true}, w.with(w.config(mx), w.domain("contoso", "contoso.com", "internal_relay"))))
	if diff := cmp.Diff([]string{"- domain.contoso h"}, held(w.plan(w.config(mx.with("66 other"))))); diff != "" {
		t.Error(diff)
	}
}
