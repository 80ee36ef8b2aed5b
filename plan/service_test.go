package plan

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/zclconf/go-cty/cty"

	"github.com/mailrelay/mailrelay/schema"
)

// expected365 is a service whose records somebody else writes.
func (w *world) expected365(more map[string]cty.Value) *schema.Config {
	attrs := map[string]cty.Value{
		"domain": cty.StringVal("domain.contoso"), "manage": cty.False, "cloud": cty.StringVal("worldwide"), "except": cty.SetValEmpty(cty.String),
		"purpose": cty.SetVal([]cty.Value{cty.StringVal("email"), cty.StringVal("teams"), cty.StringVal("mdm")}),
		"mx":      cty.StringVal("contoso-com.mail.protection.outlook.com"),
		"dkim":    cty.ListVal([]cty.Value{cty.StringVal("selector1-contoso-com._domainkey.contoso.onmicrosoft.com"), cty.StringVal("selector2-contoso-com._domainkey.contoso.onmicrosoft.com")}),
	}
	for k, v := range more {
		attrs[k] = v
	}
	return joined(w.config(),
		w.block(schema.Addr{Type: "domain", Name: "contoso"}, map[string]cty.Value{"name": cty.StringVal("contoso.com"), "type": cty.StringVal("authoritative"), "match_subdomains": cty.False, "default": cty.False}),
		w.block(schema.Addr{Type: "service", Name: "microsoft365", Key: ""}, attrs))
}

// put365 puts all that Microsoft 365 expects.
func (w *world) put365() {
	w.put("@", "MX", 3600, "0 contoso-com.mail.protection.outlook.com.")
	w.put("@", "TXT", 3600, "v=spf1 ip4:192.0.2.1 include:spf.protection.outlook.com -all")
	w.put("autodiscover", "CNAME", 3600, "autodiscover.outlook.com.")
	for _, n := range []string{"1", "2"} {
		w.put("selector"+n+"._domainkey", "CNAME", 3600, "selector"+n+"-contoso-com._domainkey.contoso.onmicrosoft.com.")
	}
	w.put("_sipfederationtls._tcp", "SRV", 3600, "100 1 5061 sipfed.online.lync.com.")
	w.put("_sip._tls", "SRV", 3600, "100 1 443 sipdir.online.lync.com.")
	w.put("sip", "CNAME", 3600, "sipdir.online.lync.com.")
	w.put("lyncdiscover", "CNAME", 3600, "webdir.online.lync.com.")
	w.put("enterpriseregistration", "CNAME", 3600, "enterpriseregistration.windows.net.")
	w.put("enterpriseenrollment", "CNAME", 3600, "enterpriseenrollment-s.manage.microsoft.com.")
}

// TestMicrosoft365 has every deviation from what Microsoft 365 expects, each with
// what is wanted and what is there.
func TestMicrosoft365(t *testing.T) {
	const mx = `should be "0 contoso-com.mail.protection.outlook.com."`
	for _, tt := range []struct {
		name  string
		there func(*world)
		attrs map[string]cty.Value
		want  []string // unmet: part and why
	}{
		{name: "all as expected", there: func(*world) {}},
		{name: "the older enrolment host", there: func(w *world) {
			w.put("enterpriseenrollment", "CNAME", 3600, "enterpriseenrollment.manage.microsoft.com.")
		}},
		{name: "another TTL", there: func(w *world) { w.put("sip", "CNAME", 60, "sipdir.online.lync.com.") }},
		{name: "a proof beside the MX", there: func(w *world) {
			w.put("@", "MX", 3600, "0 contoso-com.mail.protection.outlook.com.", "32767 ms12345678.msv1.invalid.")
		}},
		{name: "another preference", there: func(w *world) { w.put("@", "MX", 3600, "10 contoso-com.mail.protection.outlook.com.") },
			want: []string{`mx: it is "10 contoso-com.mail.protection.outlook.com." (TTL 3600), and ` + mx}},
		{name: "a second MX", there: func(w *world) {
			w.put("@", "MX", 3600, "0 contoso-com.mail.protection.outlook.com.", "10 old")
		}, want: []string{`mx: it is "0 contoso-com.mail.protection.outlook.com.", "10 old.contoso.com." (TTL 3600), and ` + mx}},
		{name: "only the proof", there: func(w *world) { w.put("@", "MX", 3600, "32767 ms12345678.msv1.invalid.") },
			want: []string{`mx: it is "32767 ms12345678.msv1.invalid." (TTL 3600), and ` + mx}},
		{name: "no MX", there: func(w *world) { w.put("@", "MX", 0) },
			want: []string{`mx: there is no such record, and there ` + mx}},
		{name: "SPF without the include", there: func(w *world) { w.put("@", "TXT", 60, "v=spf1 -all") },
			want: []string{`spf: the SPF record "v=spf1 -all" does not hold include:spf.protection.outlook.com`}},
		{name: "two SPF records", there: func(w *world) {
			w.put("@", "TXT", 60, "v=spf1 include:spf.protection.outlook.com -all", "v=spf1 mx -all")
		}, want: []string{"spf: there are 2 SPF records, and receivers take that as an error: merge them into one that holds include:spf.protection.outlook.com"}},
		{name: "msoid", there: func(w *world) { w.put("msoid", "CNAME", 60, "clientconfig.microsoftonline-p.net.") },
			want: []string{`msoid: nothing should be there, and there is "clientconfig.microsoftonline-p.net." (TTL 60)`}},
		{name: "autodiscover on premises", there: func(w *world) { w.put("autodiscover", "CNAME", 60, "mail") },
			want: []string{`autodiscover: it is "mail.contoso.com." (TTL 60), and should be "autodiscover.outlook.com."`}},
		{name: "autodiscover by address", there: func(w *world) {
			w.put("autodiscover", "CNAME", 60)
			w.put("autodiscover", "A", 60, "192.0.2.1")
		}, want: []string{`autodiscover: there is no such record, and there should be "autodiscover.outlook.com."`}},
		{name: "selectors changed over", there: func(w *world) {
			w.put("selector1._domainkey", "CNAME", 60, "selector2-contoso-com._domainkey.contoso.onmicrosoft.com.")
		}, want: []string{`selector1: it is "selector2-contoso-com._domainkey.contoso.onmicrosoft.com." (TTL 60), and should be "selector1-contoso-com._domainkey.contoso.onmicrosoft.com."`}},
		{name: "another port", there: func(w *world) { w.put("_sip._tls", "SRV", 60, "100 1 5061 sipdir.online.lync.com.") },
			want: []string{`sip_tls: it is "100 1 5061 sipdir.online.lync.com." (TTL 60), and should be "100 1 443 sipdir.online.lync.com."`}},
		{name: "what is excepted", there: func(w *world) { w.put("@", "MX", 0); w.put("msoid", "CNAME", 60, "x") },
			attrs: map[string]cty.Value{"except": cty.SetVal([]cty.Value{cty.StringVal("mx"), cty.StringVal("msoid")})}},
		{name: "no purpose", there: func(w *world) { clear(w.sets); w.put("msoid", "CNAME", 60, "x") },
			attrs: map[string]cty.Value{"purpose": cty.SetValEmpty(cty.String)}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			w.put365()
			tt.there(w)
			p := w.plan(w.expected365(tt.attrs))
			var got []string
			for _, x := range p.Expectations {
				if part := strings.Trim(strings.TrimPrefix(x.Addr.Part, "record"), `[]"`); x.Status != Met {
					got = append(got, fmt.Sprintf("%s: %s", part, x.Why))
				}
			}
			slices.Sort(got)
			if diff := cmp.Diff(tt.want, got); diff != "" || len(p.Sets) > 0 {
				t.Errorf("%d RRsets are written; %s", len(p.Sets), diff)
			}
			if _, none := tt.attrs["purpose"]; !none && len(p.Expectations) < 10 {
				t.Errorf("%d expectations, want those of all purposes", len(p.Expectations))
			}
		})
	}
}
