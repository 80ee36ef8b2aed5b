package plan

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zclconf/go-cty/cty"

	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/revision"
	"github.com/mailrelay/mailrelay/schema/rr"
)

// cutover is a configuration whose one domain is in the given stage. The second
// stage holds for two days and requires an expectation and a record.
func (w *world) cutover(stage string, recs ...rec) *schema.Config {
	str := func(ss ...string) cty.Value {
		var out []cty.Value
		for _, s := range ss {
			out = append(out, cty.StringVal(s))
		}
		return cty.ListVal(out)
	}
	domain := map[string]cty.Value{"name": cty.StringVal("contoso.com"), "type": cty.StringVal("external_relay")}
	if stage != "" {
		domain["stage"] = cty.StringVal("stage." + stage)
	}
	blocks := append(w.config(recs...).Blocks,
		w.block(schema.Addr{Type: "stage", Name: "coexist"}, nil),
		w.block(schema.Addr{Type: "stage", Name: "cutover"}, map[string]cty.Value{"after": cty.StringVal("stage.coexist"), "hold": cty.StringVal("48h"), "requires": str("expect.rdns", "record.spf")}),
		w.block(schema.Addr{Type: "expect", Name: "rdns"}, map[string]cty.Value{"zone": cty.StringVal("zone.contoso"), "name": cty.StringVal("rdns"), "type": cty.StringVal("A"), "values": str("192.0.2.1")}),
		w.block(schema.Addr{Type: "domain", Name: "contoso"}, domain))
	return schema.NewConfig(blocks, nil)
}

func TestStages(t *testing.T) {
	spfSet := func(w *world) { w.put("@", "TXT", 3600, "v=spf1 -all") }
	owned := []revision.Owned{{Addr: schema.Addr{Type: "record", Name: "spf"}, Zone: zoneAddr, Set: rr.NewSet("contoso.com.", "TXT", 3600, "v=spf1 -all")}}
	for _, tt := range []struct {
		name  string
		in    string        // the stage of the domain in the state
		since time.Duration // ago
		to    string
		then  func(*world)
		want  string // in the one finding
		err   bool
	}{
		{name: "the first stage is free", to: "coexist"},
		{name: "no stage at all", to: ""},
		{name: "the second stage at once", to: "cutover", want: "stage.cutover comes after stage.coexist, which has not been applied", err: true},
		{name: "too early", in: "coexist", since: 47 * time.Hour, to: "cutover", want: "holds for 48h. Try again after 2026-03-01T13:00:00Z", err: true},
		{name: "in time", in: "coexist", since: 48 * time.Hour, to: "cutover"},
		{name: "an expectation is unmet", in: "coexist", since: 72 * time.Hour, to: "cutover", then: func(w *world) { w.put("rdns", "A", 60) }, want: "expect.rdns is unmet", err: true},
		{name: "an expectation cannot be asked", in: "coexist", since: 72 * time.Hour, to: "cutover", then: func(w *world) { w.fail[rr.Key{Name: "rdns.contoso.com.", Type: "A"}] = "no answer" }, want: "expect.rdns is inconclusive: ns1: no answer", err: true},
		{name: "a record is not there", in: "coexist", since: 72 * time.Hour, to: "cutover", then: func(w *world) { w.put("@", "TXT", 60) }, want: "record.spf is not applied", err: true},
		{name: "a gate that fails later is a warning", in: "cutover", since: time.Hour, to: "cutover", then: func(w *world) { w.put("rdns", "A", 60) }, want: "expect.rdns is unmet"},
		{name: "the way back is free", in: "cutover", since: time.Hour, to: "coexist", then: func(w *world) { w.put("rdns", "A", 60) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			w.put("rdns", "A", 60, "192.0.2.1")
			spfSet(w)
			if tt.then != nil {
				tt.then(w)
			}
			old := w.cutover(tt.in, spf)
			target, err := revision.Objects(old)
			if err != nil {
				t.Fatal(err)
			}
			w.base = &revision.Revision{Serial: 1, Target: target, Owned: owned}
			if tt.in != "" {
				w.base.Stages = []revision.Entered{{Domain: schema.Addr{Type: "domain", Name: "contoso"}, Stage: schema.Addr{Type: "stage", Name: tt.in}, Since: now.Add(-tt.since)}}
			}
			w.base.Seal()
			p := w.plan(w.cutover(tt.to, spf))
			var got []string
			for _, f := range p.Findings {
				got = append(got, f.Severity+": "+f.Detail)
			}
			switch {
			case tt.want == "" && got == nil:
			case len(got) != 1 || tt.want == "" || !strings.Contains(got[0], tt.want):
				t.Errorf("got %q, want %q", got, tt.want)
			}
			if p.Refused() != tt.err {
				t.Errorf("refused: %v, want %v", p.Refused(), tt.err)
			}
			if tt.to != "" && !tt.err {
				kept := tt.in == tt.to
				if len(p.Stages) != 1 || p.Stages[0].Since.IsZero() == kept {
					t.Errorf("stages %+v", p.Stages)
				}
			}
		})
	}
}

// TestWayBack has three stages in a row: a domain goes back through all of them at
// once, whatever their gates say, and forward again only in order.
func TestWayBack(t *testing.T) {
	w := newWorld(t)
	domain := schema.Addr{Type: "domain", Name: "contoso"}
	stage := func(name string, attrs map[string]cty.Value) schema.Block {
		return w.block(schema.Addr{Type: "stage", Name: name}, attrs)
	}
	config := func(at string) *schema.Config {
		return schema.NewConfig(append(w.config().Blocks,
			stage("one", nil),
			stage("two", map[string]cty.Value{"after": cty.StringVal("stage.one"), "hold": cty.StringVal("1h"), "requires": cty.ListVal([]cty.Value{cty.StringVal("expect.rdns")})}),
			stage("three", map[string]cty.Value{"after": cty.StringVal("stage.two"), "hold": cty.StringVal("1h")}),
			w.block(schema.Addr{Type: "expect", Name: "rdns"}, map[string]cty.Value{"zone": cty.StringVal("zone.contoso"), "name": cty.StringVal("rdns"), "type": cty.StringVal("A"), "values": cty.ListVal([]cty.Value{cty.StringVal("192.0.2.1")})}),
			w.block(domain, map[string]cty.Value{"name": cty.StringVal("contoso.com"), "stage": cty.StringVal("stage." + at)})), nil)
	}
	for _, tt := range []struct {
		from, to string
		refused  bool
		findings int // the gate of two is never met
	}{
		{"three", "two", false, 1},
		{"three", "one", false, 0},
		{"two", "one", false, 0},
		{"one", "three", true, 1},
		{"one", "two", true, 1},
		{"two", "three", false, 0},
	} {
		target, err := revision.Objects(config(tt.from))
		if err != nil {
			t.Fatal(err)
		}
		w.base = &revision.Revision{Serial: 1, Target: target, Stages: []revision.Entered{{Domain: domain, Stage: schema.Addr{Type: "stage", Name: tt.from}, Since: now.Add(-time.Hour)}}}
		w.base.Seal()
		p := w.plan(config(tt.to))
		p.Findings = slices.DeleteFunc(p.Findings, func(f Finding) bool { return f.Code != "MR401" })
		if p.Refused() != tt.refused || len(p.Findings) != tt.findings {
			t.Errorf("from %s to %s: refused %v: %+v", tt.from, tt.to, p.Refused(), p.Findings)
		}
	}
}
