package plan

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/zclconf/go-cty/cty"

	"github.com/mailrelay/mailrelay/plan/check"
	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/rr"
)

// TestFacts holds that findings know what is there, what will be, what is ours and
// what was asked for.
func TestFacts(t *testing.T) {
	many := []rec{}
	for _, n := range strings.Fields("a b c d e f g h i j") {
		many = append(many, rec{addr: "record." + n, name: n, typ: "A", values: []string{"192.0.2.1"}})
	}
	mx := rec{addr: "record.mx", name: "@", typ: "MX", values: []string{"10 mail"}}
	mail := rec{addr: "record.mail", name: "mail", typ: "A", values: []string{"192.0.2.1"}}
	for _, tt := range []struct {
		name          string
		first, config []rec
		want          []string
	}{
		{"an address that this plan writes", nil, []rec{mx, mail}, nil},
		{"an address that it takes away", []rec{mx, mail}, []rec{mx}, []string{"MR213 record.mx"}},
		{"an MX that it takes away", []rec{mx, mail}, []rec{mail}, []string{"MR404 zone.contoso"}},
		{"most of a zone", many, many[:6], []string{"MR407 zone.contoso"}},
		{"little of a zone", many, many[:7], nil},
	} {
		w := newWorld(t)
		w.put("mail", "A", 3600)
		if tt.first != nil {
			w.apply(w.plan(w.config(tt.first...)))
		}
		c := w.config(tt.config...)
		seen := w.seen(c)
		absent := func(name, typ string) {
			k := rr.Key{Name: name, Type: typ}
			if !slices.ContainsFunc(seen.RRsets, func(o Observation) bool { return o.Key == k }) {
				seen.RRsets = append(seen.RRsets, Observation{Zone: zoneAddr, Key: k, Source: "ns1", At: now, Code: NoData})
			}
		}
		absent("mail.contoso.com.", "A")
		absent("mail.contoso.com.", "AAAA")
		p, err := Make(c, w.base, seen, now)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, f := range p.Findings {
			if f.Code == "MR213" && !strings.Contains(f.Detail, "BIND") { // which the zone's server may be
				t.Errorf("%s: %s", tt.name, f.Detail)
			}
			got = append(got, f.Code+" "+f.Addr.String())
		}
		if d := cmp.Diff(tt.want, got); d != "" {
			t.Errorf("%s: -want +got\n%s", tt.name, d)
		}
	}
}

// TestInquiry asks in rounds, and for nothing twice.
func TestInquiry(t *testing.T) {
	w := newWorld(t)
	blocks := append(w.config(rec{addr: "record.mx", name: "@", typ: "MX", values: []string{"10 mail", "20 mx.elsewhere.example."}}).Blocks,
		w.block(schema.Addr{Type: "relay", Name: "edge"}, map[string]cty.Value{"hostname": cty.StringVal("mail.contoso.com"), "egress_addresses": cty.SetVal([]cty.Value{cty.StringVal("203.0.113.25")})}),
		w.block(schema.Addr{Type: "send_connector", Name: "out"}, map[string]cty.Value{"address_spaces": cty.SetVal([]cty.Value{cty.StringVal("*")})}))
	i, err := NewInquiry(schema.NewConfig(blocks, nil), check.Files{}, now)
	if err != nil {
		t.Fatal(err)
	}
	keys := func(questions []Question) (out []string) {
		for _, q := range questions {
			out = append(out, strings.TrimSpace(q.Zone.String()+" "+q.Key.String()))
		}
		return out
	}
	want := []string{"25.113.0.203.in-addr.arpa. PTR", "mx.elsewhere.example. A", "mx.elsewhere.example. AAAA", "zone.contoso mail.contoso.com. A", "zone.contoso mail.contoso.com. AAAA"}
	if d := cmp.Diff(want, keys(i.Missing(nil))); d != "" {
		t.Errorf("first: -want +got\n%s", d)
	}
	var seen []Observation
	for _, q := range i.Missing(nil) {
		o := Observation{Zone: q.Zone, Key: q.Key, Source: "x", At: now, Code: NoData}
		if q.Key.Type == "PTR" {
			set := rr.NewSet(q.Key.Name, "PTR", 60, "dyn.elsewhere.example.")
			o.Set = &set
		}
		seen = append(seen, o)
	}
	want = []string{"dyn.elsewhere.example. A", "dyn.elsewhere.example. AAAA"}
	if d := cmp.Diff(want, keys(i.Missing(seen))); d != "" {
		t.Errorf("then: -want +got\n%s", d)
	}
}
