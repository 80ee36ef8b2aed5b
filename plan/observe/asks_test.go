package observe

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/zclconf/go-cty/cty"

	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/revision"
	"github.com/mailrelay/mailrelay/schema/rr"
)

func TestAsks(t *testing.T) {
	ref := func(s string) cty.Value { return text(s) }
	old, err := revision.Objects(schema.NewConfig([]schema.Block{zone(t, "zone.gone", "gone.example")}, nil))
	if err != nil {
		t.Fatal(err)
	}
	cfg := schema.NewConfig([]schema.Block{
		zone(t, "zone.contoso", "contoso.com"),
		block(t, "record.mx", attrs{"zone": ref("zone.contoso"), "type": text("MX"), "values": list("10 mail")}),
		block(t, "record.spf", attrs{"zone": ref("zone.contoso"), "type": text("TXT"), "values": list("a")}),
		block(t, "record.too", attrs{"zone": ref("zone.contoso"), "type": text("TXT"), "values": list("b")}),
		block(t, "expect.auto", attrs{"zone": ref("zone.contoso"), "name": text("autodiscover"), "type": text("CNAME"), "values": list("x")}),
		block(t, "expect.rdns", attrs{"name": text("25.113.0.203.in-addr.arpa"), "type": text("PTR"), "values": list("x")}),
	}, nil)
	at := func(s string) schema.Addr {
		a, err := schema.ParseAddr(s)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	base := &revision.Revision{
		Target: old,
		Owned: []revision.Owned{
			{Zone: at("zone.contoso"), Set: rr.NewSet("contoso.com.", "MX", 60, "10 mail.contoso.com.")},
			{Zone: at("zone.contoso"), Set: rr.NewSet("left.contoso.com.", "A", 60, "192.0.2.1")},
			{Zone: at("zone.gone"), Set: rr.NewSet("www.gone.example.", "A", 60, "192.0.2.1")},
			{Zone: at("zone.nobody"), Set: rr.NewSet("www.nobody.example.", "A", 60, "192.0.2.1")},
		},
		Intent:  []revision.Step{{Zone: at("zone.contoso"), After: set("half.contoso.com.", "A", 60, "192.0.2.1")}},
		Pending: []revision.Step{{Zone: at("zone.contoso"), Before: set("later.contoso.com.", "A", 60, "192.0.2.1")}},
	}
	type line struct {
		Zone string
		Key  rr.Key
	}
	var got []line
	for _, a := range Asks(cfg, base) {
		got = append(got, line{a.zone().String(), a.Key})
	}
	want := []line{
		{"", key("25.113.0.203.in-addr.arpa.", "PTR")},
		{"zone.contoso", key("autodiscover.contoso.com.", "CNAME")},
		{"zone.contoso", key("contoso.com.", "MX")},
		{"zone.contoso", key("contoso.com.", "TXT")},
		{"zone.contoso", key("half.contoso.com.", "A")},
		{"zone.contoso", key("later.contoso.com.", "A")},
		{"zone.contoso", key("left.contoso.com.", "A")},
		{"zone.gone", key("www.gone.example.", "A")},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	renamed := schema.NewConfig([]schema.Block{zone(t, "zone.gone", "new.example")}, nil)
	if all := Asks(renamed, base); len(all) != 1 || all[0].Zone.Name != "gone.example" {
		t.Errorf("with the zone renamed: %v", all)
	}
	if n := len(Asks(cfg, nil)); n != 4 {
		t.Errorf("%d asks without a base, want 4", n)
	}
}

// A proof of ownership is looked for at the servers of its zone and at the
// resolvers, unless the zone says which servers count, or it was seen before. With
// nothing applied yet, the MX may tell that the domain is in service.
func TestAsksForProofs(t *testing.T) {
	domain := func(name string, proof attrs) schema.Block {
		typ := schema.TypeNamed(schema.Types(), "domain").Body.Type().AttributeType("verification")
		body := map[string]cty.Value{}
		for n, t := range typ.AttributeTypes() {
			body[n] = cty.NullVal(t)
			if v, ok := proof[n]; ok {
				body[n] = v
			}
		}
		return block(t, "domain.d"+name[:2], attrs{"name": text(name), "verification": cty.ObjectVal(body)})
	}
	cfg := schema.NewConfig([]schema.Block{
		zone(t, "zone.contoso", "contoso.com"),
		block(t, "zone.inside", attrs{"name": text("inside.example"), "servers": list("192.0.2.53:53")}),
		domain("eu.contoso.com", attrs{"method": text("mx")}),
		domain("inside.example", nil),
		domain("outside.example", attrs{"method": text("cname"), "name": text("x"), "value": text("y.example")}),
	}, nil)
	asked := func(base *revision.Revision) []string {
		var got []string
		for _, a := range Asks(cfg, base) {
			got = append(got, a.zone().String()+" "+a.Key.String())
		}
		return got
	}
	seen := revision.Proof{Name: "eu.contoso.com", Method: "mx", Token: "t", Since: time.Unix(1, 0)}
	unseen := seen
	unseen.Since = time.Time{}
	all := []string{" eu.contoso.com. MX", " x.outside.example. CNAME", "zone.contoso eu.contoso.com. MX", "zone.inside inside.example. TXT"}
	for _, tt := range []struct {
		name string
		base *revision.Revision
		want []string
	}{
		{"never applied", nil, []string{" eu.contoso.com. MX", " outside.example. MX", " x.outside.example. CNAME", "zone.contoso eu.contoso.com. MX", "zone.inside inside.example. MX", "zone.inside inside.example. TXT"}},
		{"new", &revision.Revision{}, all},
		{"unverified", &revision.Revision{Proofs: []revision.Proof{unseen}}, all},
		{"verified", &revision.Revision{Proofs: []revision.Proof{seen}}, all[1:]},
	} {
		if diff := cmp.Diff(tt.want, asked(tt.base)); diff != "" {
			t.Errorf("%s: -want +got\n%s", tt.name, diff)
		}
	}
}
