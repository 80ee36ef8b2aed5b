package observe

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/zclconf/go-cty/cty"

	"github.com/mailrelay/mailrelay/plan"
	"github.com/mailrelay/mailrelay/plan/observe/dnstest"
	"github.com/mailrelay/mailrelay/schema"
)

// TestIncludes: what SPF records lead to is asked for, each once: at the servers of
// a zone of the configuration, elsewhere at the resolver.
func TestIncludes(t *testing.T) {
	ours := serve(t, dnstest.Options{Zones: map[string]string{"contoso.com": contoso + `
_spf    TXT   "v=spf1 include:a.example include:ring.contoso.com a:ns1.contoso.com -all"
ring    CNAME _ring
_ring   TXT   "v=spf1 include:_ring.contoso.com include:b.example -all"
`}})
	var mu sync.Mutex
	asked := map[string]int{}
	world := serve(t, dnstest.Options{Zones: map[string]string{"example": `
a    TXT "v=spf1 include:alias.example mx:c.example exists:%{i}.list.example ip4:192.0.2.1 -all"
alias CNAME b
b    TXT "other" 
b    TXT "v=spf1 include:gone.example include:%{d}.example a:b.example ~all"
c    MX  10 mail
`}, Fault: func(r dnstest.Request) dnstest.Fault {
		mu.Lock()
		defer mu.Unlock()
		asked[r.Key.String()]++
		return dnstest.Fault{}
	}})
	z := zone(t, "zone.contoso", "contoso.com", ours.Addr())
	record := block(t, "record.spf", attrs{"zone": text("zone.contoso"), "name": text("news"), "type": text("TXT"), "values": list("v=spf1 include:_spf.contoso.com include:b.example -all")})
	cfg := schema.NewConfig([]schema.Block{z, record}, nil)
	c := New(Options{Resolvers: []string{world.Addr()}, Clock: clock})
	seen := c.Observe(t.Context(), cfg, nil)
	want := map[string]int{
		"a.example. TXT": 1, "alias.example. TXT": 1, "b.example. TXT": 1, "gone.example. TXT": 1,
		"b.example. A": 1, "b.example. AAAA": 1, "c.example. MX": 1,
	}
	mu.Lock()
	defer mu.Unlock()
	if diff := cmp.Diff(want, asked); diff != "" {
		t.Errorf("asked for at the resolver -want +got\n%s", diff)
	}
	if missing := plan.NewIncludes(cfg, seen.RRsets).Missing(); len(missing) > 0 {
		t.Errorf("%v is still missing", missing)
	}
	p, err := plan.Make(cfg, nil, seen, now)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range p.Findings {
		got = append(got, fmt.Sprintf("%s %s", f.Code, f.Summary))
	}
	// news 2, _spf 3, a 3, ring 2, _ring 2, and b 3 four times.
	if diff := cmp.Diff([]string{
		"MR206 the SPF record of news.contoso.com needs at least 24 look-ups",
		"MR208 receivers cannot use the SPF record of news.contoso.com",
	}, got); diff != "" {
		t.Errorf("findings -want +got\n%s", diff)
	}
}

// TestIncludesSilent: a resolver that says nothing holds nothing up for long, and
// the plan guesses nothing.
func TestIncludesSilent(t *testing.T) {
	ours := serve(t, dnstest.Options{Zones: map[string]string{"contoso.com": contoso}})
	world := serve(t, dnstest.Options{Fault: func(dnstest.Request) dnstest.Fault { return dnstest.Fault{Silent: true} }})
	z := zone(t, "zone.contoso", "contoso.com", ours.Addr())
	record := block(t, "record.spf", attrs{"zone": text("zone.contoso"), "name": text("news"), "type": text("TXT"), "values": cty.ListVal([]cty.Value{text("v=spf1 include:a.example include:b.example -all")})})
	cfg := schema.NewConfig([]schema.Block{z, record}, nil)
	c := New(Options{Resolvers: []string{world.Addr()}, Clock: clock, Timeout: 200 * time.Millisecond})
	p, err := plan.Make(cfg, nil, c.Observe(t.Context(), cfg, nil), now)
	if err != nil {
		t.Fatal(err)
	}
	for _, ch := range p.Changes {
		for _, d := range ch.Meaning {
			if d.Term == "look-ups" && (d.After != "2" || len(d.AtLeast) != 2) {
				t.Errorf("it counts %+v", d)
			}
			if d.Term == "void look-ups" {
				t.Errorf("silence is taken for a name without records: %+v", d)
			}
		}
	}
	if len(p.Changes) != 1 || len(p.Changes[0].Meaning) == 0 || len(p.Findings) > 0 {
		t.Errorf("changes %+v, findings %+v", p.Changes, p.Findings)
	}
}

// TestIncludesNobody: without resolvers there is nobody to ask, which is no reason to
// fail.
func TestIncludesNobody(t *testing.T) {
	ours := serve(t, dnstest.Options{Zones: map[string]string{"contoso.com": contoso}})
	z := zone(t, "zone.contoso", "contoso.com", ours.Addr())
	record := block(t, "record.spf", attrs{"zone": text("zone.contoso"), "name": text("news"), "type": text("TXT"), "values": list("v=spf1 include:a.example -all")})
	cfg := schema.NewConfig([]schema.Block{z, record}, nil)
	seen := New(Options{Resolvers: []string{}, Clock: clock}).Observe(t.Context(), cfg, nil)
	if !slices.ContainsFunc(seen.RRsets, func(o plan.Observation) bool { return o.Key == key("a.example.", "TXT") && o.Err != "" }) {
		t.Errorf("seen %+v", seen.RRsets)
	}
}

// TestIncludesNothing: without an SPF record nobody is asked anything more.
func TestIncludesNothing(t *testing.T) {
	ours := serve(t, dnstest.Options{Zones: map[string]string{"contoso.com": contoso}})
	z := zone(t, "zone.contoso", "contoso.com", ours.Addr())
	record := block(t, "record.x", attrs{"zone": text("zone.contoso"), "name": text("news"), "type": text("TXT"), "values": list("include:a.example")})
	cfg := schema.NewConfig([]schema.Block{z, record}, nil)
	if seen := New(Options{Resolvers: []string{}, Clock: clock}).Observe(t.Context(), cfg, nil); len(seen.RRsets) != 1 {
		t.Errorf("seen %+v", seen.RRsets)
	}
}
