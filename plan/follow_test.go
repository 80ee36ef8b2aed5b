package plan

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/zclconf/go-cty/cty"

	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/rr"
)

// expect makes an expect block in contoso.com.
func (w *world) expect(name, owner, typ string, values ...string) schema.Block {
	w.t.Helper()
	attrs := map[string]cty.Value{"zone": cty.StringVal("zone.contoso"), "name": cty.StringVal(owner), "type": cty.StringVal(typ)}
	var list []cty.Value
	for _, v := range values {
		list = append(list, cty.StringVal(v))
	}
	attrs["within"] = cty.StringVal("48h")
	attrs["absent"] = cty.BoolVal(list == nil)
	if list != nil {
		attrs["values"] = cty.ListVal(list)
	}
	return w.block(schema.Addr{Type: "expect", Name: name}, attrs)
}

// joined adds blocks to a configuration.
func joined(c *schema.Config, more ...schema.Block) *schema.Config {
	return schema.NewConfig(append(slices.Clone(c.Blocks), more...), nil)
}

// followed is what was seen for c, the ends of aliases included.
func (w *world) followed(c *schema.Config) Seen {
	seen := w.seen(c)
	for {
		more := Unfollowed(c, seen.RRsets)
		if len(more) == 0 {
			return seen
		}
		for _, q := range more {
			o := Observation{Zone: q.Zone, Key: q.Key, Source: "ns1", At: now}
			if s, ok := w.sets[q.Key]; ok {
				o.Set = &s
			} else if c, ok := w.sets[rr.Key{Name: q.Key.Name, Type: "CNAME"}]; ok {
				o.CNAME = c.Data[0]
			}
			seen.RRsets = append(seen.RRsets, o)
		}
	}
}

// TestFollow is about expectations whose names are aliases.
func TestFollow(t *testing.T) {
	for _, tt := range []struct {
		name   string
		there  func(*world)
		values []string // of www A; none: it should be absent
		want   string
	}{
		{"no alias", func(w *world) { w.put("www", "A", 60, "192.0.2.1") }, []string{"192.0.2.1"}, "met []"},
		{"one", func(w *world) { w.put("www", "CNAME", 60, "host"); w.put("host", "A", 60, "192.0.2.1") }, []string{"192.0.2.1"}, "met [host.contoso.com.]"},
		{"another address", func(w *world) { w.put("www", "CNAME", 60, "host"); w.put("host", "A", 60, "192.0.2.9") }, []string{"192.0.2.1"},
			`unmet [host.contoso.com.] it is "192.0.2.9" (TTL 60) (where its alias leads, host.contoso.com.), and should be "192.0.2.1"`},
		{"nowhere", func(w *world) { w.put("www", "CNAME", 60, "host") }, []string{"192.0.2.1"},
			`unmet [host.contoso.com.] there is no such record (where its alias leads, host.contoso.com.), and there should be "192.0.2.1"`},
		{"absent, as it should be", func(w *world) { w.put("www", "CNAME", 60, "host") }, nil, "met [host.contoso.com.]"},
		{"not absent", func(w *world) { w.put("www", "CNAME", 60, "host"); w.put("host", "A", 60, "192.0.2.9") }, nil,
			`unmet [host.contoso.com.] nothing should be there, and there is "192.0.2.9" (TTL 60) (where its alias leads, host.contoso.com.)`},
		{"eight", func(w *world) { w.aliases(8) }, []string{"192.0.2.1"}, "met [h1 h2 h3 h4 h5 h6 h7 h8]"},
		{"nine", func(w *world) { w.aliases(9) }, []string{"192.0.2.1"},
			"unmet [h1 h2 h3 h4 h5 h6 h7 h8 h9] more than 8 aliases follow one another, www -> h1 -> h2 -> h3 -> h4 -> h5 -> h6 -> h7 -> h8 -> h9, on which resolvers give up: point it at the last of the names"},
		{"a circle", func(w *world) {
			w.put("www", "CNAME", 60, "a")
			w.put("a", "CNAME", 60, "b")
			w.put("b", "CNAME", 60, "a")
		}, []string{"192.0.2.1"},
			"unmet [a b a] its aliases lead in a circle, www -> a -> b -> a: point one of them at a name that has the record itself"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			tt.there(w)
			c := joined(w.config(), w.expect("www", "www", "A", tt.values...))
			p, err := Make(c, nil, w.followed(c), now)
			if err != nil {
				t.Fatal(err)
			}
			x := p.Expectations[0]
			got := strings.TrimSpace(fmt.Sprint(x.Status, " ", x.Through, " ", x.Why))
			if !strings.Contains(tt.want, ".contoso.com.") {
				got = strings.ReplaceAll(got, ".contoso.com.", "")
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// aliases makes n aliases from www to an address.
func (w *world) aliases(n int) {
	from := "www"
	for i := range n {
		to := fmt.Sprintf("h%d", i+1)
		w.put(from, "CNAME", 60, to)
		from = to
	}
	w.put(from, "A", 60, "192.0.2.1")
}

// TestMetByThisPlan has expectations that the records of the same plan meet.
func TestMetByThisPlan(t *testing.T) {
	www := rec{addr: "record.www", name: "www", typ: "A", values: []string{"192.0.2.1"}}
	alias := rec{addr: "record.alias", name: "www", typ: "CNAME", values: []string{"host"}}
	for _, tt := range []struct {
		name  string
		there func(*world)
		recs  []rec
		value string
		want  string
	}{
		{"a record", func(w *world) {}, []rec{www}, "192.0.2.1", "unmet [record.www]"},
		{"another value", func(w *world) {}, []rec{www}, "192.0.2.2", "unmet []"},
		{"another name", func(w *world) {}, []rec{mx}, "192.0.2.1", "unmet []"},
		{"met already", func(w *world) { w.put("www", "A", 60, "192.0.2.1") }, []rec{mx}, "192.0.2.1", "met []"},
		{"an alias", func(w *world) { w.put("host", "A", 60, "192.0.2.1") }, []rec{alias}, "192.0.2.1", "unmet []"}, // where it leads was not asked
		{"where an alias leads", func(w *world) { w.put("www", "CNAME", 60, "host") },
			[]rec{{addr: "record.host", name: "host", typ: "A", values: []string{"192.0.2.1"}}}, "192.0.2.1", "unmet [record.host]"},
		{"an alias and where it leads", func(w *world) {},
			[]rec{alias, {addr: "record.host", name: "host", typ: "A", values: []string{"192.0.2.1"}}}, "192.0.2.1", "unmet [record.alias record.host]"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			tt.there(w)
			c := joined(w.config(tt.recs...), w.expect("www", "www", "A", tt.value))
			p, err := Make(c, nil, w.followed(c), now)
			if err != nil {
				t.Fatal(err)
			}
			if got := fmt.Sprint(p.Expectations[0].Status, " ", p.Expectations[0].MetBy); got != tt.want {
				t.Errorf("%s, want %s: %s", got, tt.want, p.Expectations[0].Why)
			}
		})
	}
}

// TestDisagreement shows servers one by one, and says which one lags.
func TestDisagreement(t *testing.T) {
	mx := func(source string, serial, ttl uint32, hosts ...rr.Data) Observation {
		o := Observation{Source: source, Serial: serial, Code: NoName}
		if hosts != nil {
			set := rr.NewSet("contoso.com.", "MX", ttl, hosts...)
			o.Set, o.Code = &set, ""
		}
		return o
	}
	for _, tt := range []struct {
		name string
		obs  []Observation
		want []string
	}{
		{"agree", []Observation{mx("ns1", 0, 60, "10 a."), mx("ns2", 0, 60, "10 a.")}, []string{""}},
		{"serials not known", []Observation{mx("ns2", 0, 60, "10 a."), mx("ns1", 7, 60, "10 b.")}, []string{
			"the name servers disagree: correct the one that is wrong, and plan again",
			`ns1 says "10 b." (TTL 60), serial 7`, `ns2 says "10 a." (TTL 60)`}},
		{"one lags", []Observation{mx("ns1", 7, 60, "10 a."), mx("ns2", 5, 60)}, []string{
			"the name servers disagree: ns2 lags behind the newest serial, 7, as a secondary does until its next zone transfer; plan again after that, and if it stays so, look why transfers to it fail",
			`ns1 says "10 a." (TTL 60), serial 7`, `ns2 says that there is no such name, serial 5`}},
		{"serials that wrap", []Observation{mx("ns1", 1, 60, "10 a."), mx("ns2", 4294967295, 60, "10 b."), mx("ns3", 4294967295, 60, "10 b.")}, []string{
			"the name servers disagree: ns2 and ns3 lag behind the newest serial, 1, as a secondary does until its next zone transfer; plan again after that, and if it stays so, look why transfers to it fail",
			`ns1 says "10 a." (TTL 60), serial 1`, `ns2 says "10 b." (TTL 60), serial 4294967295`, `ns3 says "10 b." (TTL 60), serial 4294967295`}},
		{"only the TTL", []Observation{mx("ns1", 7, 60, "10 a."), mx("ns2", 7, 61, "10 a.")}, []string{
			"the name servers disagree, and all have the serial 7, so no zone transfer will make them agree: they are fed in different ways, or one was edited without raising the serial; correct the one that is wrong, and plan again",
			`ns1 says "10 a." (TTL 60), serial 7`, `ns2 says "10 a." (TTL 61), serial 7`}},
		{"one is silent", []Observation{mx("ns1", 0, 60, "10 a."), {Source: "ns2", Code: Silent, Err: "no answer"}}, []string{
			"ns2: no answer", `ns1 says "10 a." (TTL 60)`, "ns2 cannot be relied on: no answer"}},
		{"one server alone", []Observation{{Source: "ns2", Code: Silent, Err: "no answer"}}, []string{"ns2: no answer"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			v := merge(tt.obs)
			got := []string{v.open}
			for _, o := range v.answers {
				got = append(got, o.Words())
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestRemarks become notes, which hold nothing up.
func TestRemarks(t *testing.T) {
	w := newWorld(t)
	p, err := Make(w.config(), nil, Seen{Remarks: []string{"Nobody was asked."}}, now)
	if err != nil {
		t.Fatal(err)
	}
	want := []Finding{{Code: "MR211", Severity: "note", Summary: "Not everything could be asked", Detail: "Nobody was asked."}}
	if diff := cmp.Diff(want, p.Findings); diff != "" || !p.Converged() {
		t.Error(diff, p.Converged())
	}
}

// TestWildcardAtOneServer: what stands at one server and comes of a wildcard at the
// other is not the same.
func TestWildcardAtOneServer(t *testing.T) {
	set := rr.NewSet("x.contoso.com.", "TXT", 60, "v")
	a, b := Observation{Source: "ns1", Key: set.Key(), Set: &set}, Observation{Source: "ns2", Key: set.Key(), Set: &set, Wildcard: true}
	for _, obs := range [][]Observation{{a, b}, {b, a}} {
		v := merge(obs)
		if v.open == "" || len(v.answers) != 2 || !strings.Contains(v.answers[1].Words(), "(TTL 60) by a wildcard") {
			t.Errorf("%+v", v)
		}
	}
}
