package schema

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
)

// made makes a block from the attributes that are given.
func made(t *testing.T, addr string, attrs map[string]cty.Value) Block {
	t.Helper()
	a, err := ParseAddr(addr)
	if err != nil {
		t.Fatal(err)
	}
	typ := TypeNamed(Types(), a.Type)
	full := typ.Body.Defaults().AsValueMap()
	for k, v := range attrs {
		full[k] = v
	}
	b, err := typ.New(a, cty.ObjectVal(full), hcl.Range{})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func set(ss ...string) cty.Value {
	if len(ss) == 0 {
		return cty.SetValEmpty(cty.String)
	}
	return words(ss...)
}

func dkim(ss ...string) cty.Value {
	var out []cty.Value
	for _, s := range ss {
		out = append(out, cty.StringVal(s))
	}
	return cty.ListVal(out)
}

// withService is a configuration with one service for contoso.com.
func withService(t *testing.T, attrs map[string]cty.Value) *Config {
	t.Helper()
	attrs["domain"] = cty.StringVal("domain.contoso")
	return NewConfig([]Block{
		made(t, "zone.contoso", map[string]cty.Value{"name": cty.StringVal("contoso.com")}),
		made(t, "domain.contoso", map[string]cty.Value{"name": cty.StringVal("contoso.com")}),
		made(t, "service.microsoft365.contoso", attrs),
	}, nil)
}

// standsFor lists what the configuration stands for, a line each: w what is
// written, x what is expected.
func standsFor(c *Config) []string {
	var out []string
	for _, r := range c.Records() {
		l := fmt.Sprintf("w %s %s %s %d %s", partName(r.Addr()), r.Name, r.Type, *r.TTL, strings.Join(r.Values, ","))
		if r.Or != nil {
			l += " or " + r.Or[0]
		}
		out = append(out, l)
	}
	for _, e := range c.Expects() {
		l := fmt.Sprintf("x %s %s %s %s", partName(e.Addr()), e.Name, e.Type, strings.Join(e.Values, ",")+e.Contains)
		if e.Absent {
			l += "absent"
		}
		if e.Or != nil {
			l += " or " + e.Or[0]
		}
		out = append(out, l)
	}
	slices.Sort(out)
	return out
}

func partName(a Addr) string { return strings.TrimSuffix(strings.TrimPrefix(a.Part, `record["`), `"]`) }

// TestServiceRecords holds the records that Microsoft's documentation lists, by
// purpose and cloud.
func TestServiceRecords(t *testing.T) {
	mail := map[string]cty.Value{"purpose": set("email"), "mx": cty.StringVal("contoso-com.mail.protection.outlook.com"),
		"dkim": dkim("selector1-contoso-com._domainkey.contoso.onmicrosoft.com", "selector2-contoso-com._domainkey.contoso.onmicrosoft.com")}
	with := func(more map[string]cty.Value) map[string]cty.Value {
		out := map[string]cty.Value{}
		for k, v := range mail {
			out[k] = v
		}
		for k, v := range more {
			out[k] = v
		}
		return out
	}
	for _, tt := range []struct {
		name  string
		attrs map[string]cty.Value
		want  []string
	}{
		{"no purpose", map[string]cty.Value{}, nil},
		{"email", mail, []string{
			"w autodiscover autodiscover CNAME 3600 autodiscover.outlook.com.",
			"w mx @ MX 3600 0 contoso-com.mail.protection.outlook.com.",
			"w selector1 selector1._domainkey CNAME 3600 selector1-contoso-com._domainkey.contoso.onmicrosoft.com.",
			"w selector2 selector2._domainkey CNAME 3600 selector2-contoso-com._domainkey.contoso.onmicrosoft.com.",
			"x msoid msoid CNAME absent",
			"x spf @ TXT include:spf.protection.outlook.com",
		}},
		{"in coexistence", with(map[string]cty.Value{"except": set("mx", "autodiscover", "dkim")}), []string{
			"x msoid msoid CNAME absent",
			"x spf @ TXT include:spf.protection.outlook.com",
		}},
		{"only expected", with(map[string]cty.Value{"manage": cty.False, "except": set("dkim", "msoid", "spf")}), []string{
			"x autodiscover autodiscover CNAME autodiscover.outlook.com.",
			"x mx @ MX 0 contoso-com.mail.protection.outlook.com.",
		}},
		{"gcc", with(map[string]cty.Value{"cloud": cty.StringVal("gcc"), "purpose": set("email", "teams", "mdm")}), []string{
			"w autodiscover autodiscover CNAME 3600 autodiscover.outlook.com.",
			"w enterpriseenrollment enterpriseenrollment CNAME 3600 enterpriseenrollment-s.manage.microsoft.com. or enterpriseenrollment.manage.microsoft.com.",
			"w enterpriseregistration enterpriseregistration CNAME 3600 enterpriseregistration.windows.net.",
			"w lyncdiscover lyncdiscover CNAME 3600 webdir.online.lync.com.",
			"w mx @ MX 3600 0 contoso-com.mail.protection.outlook.com.",
			"w selector1 selector1._domainkey CNAME 3600 selector1-contoso-com._domainkey.contoso.onmicrosoft.com.",
			"w selector2 selector2._domainkey CNAME 3600 selector2-contoso-com._domainkey.contoso.onmicrosoft.com.",
			"w sip sip CNAME 3600 sipdir.online.lync.com.",
			"w sip_tls _sip._tls SRV 3600 100 1 443 sipdir.online.lync.com.",
			"w sipfederationtls _sipfederationtls._tcp SRV 3600 100 1 5061 sipfed.online.lync.com.",
			"x msoid msoid CNAME absent",
			"x spf @ TXT include:spf.protection.outlook.com",
		}},
		{"dod", with(map[string]cty.Value{"cloud": cty.StringVal("dod"), "mx": cty.StringVal("contoso-com.mail.protection.office365.us")}), []string{
			"w autodiscover autodiscover CNAME 3600 autodiscover-s.office365.us.",
			"w mx @ MX 3600 0 contoso-com.mail.protection.office365.us.",
			"w selector1 selector1._domainkey CNAME 3600 selector1-contoso-com._domainkey.contoso.onmicrosoft.com.",
			"w selector2 selector2._domainkey CNAME 3600 selector2-contoso-com._domainkey.contoso.onmicrosoft.com.",
			"x msoid msoid CNAME absent",
			"x spf @ TXT include:spf.protection.office365.us",
		}},
		{"gcc_high", with(map[string]cty.Value{"cloud": cty.StringVal("gcc_high"), "mx": cty.StringVal("contoso-com.mail.protection.office365.us"), "except": set("mx", "dkim")}), []string{
			"w autodiscover autodiscover CNAME 3600 autodiscover-s.office365.us.",
			"x msoid msoid CNAME absent",
			"x spf @ TXT include:spf.protection.office365.us",
		}},
		{"china", map[string]cty.Value{"cloud": cty.StringVal("china"), "purpose": set("email", "teams"), "except": set("mx", "dkim")}, []string{
			"w autodiscover autodiscover CNAME 3600 autodiscover.partner.outlook.cn.",
			"w lyncdiscover lyncdiscover CNAME 3600 webdir.online.partner.lync.cn.",
			"w msoid msoid CNAME 3600 clientconfig.partner.microsoftonline-p.net.cn.",
			"w sip sip CNAME 3600 sipdir.online.partner.lync.cn.",
			"w sip_tls _sip._tls SRV 3600 100 1 443 sipdir.online.partner.lync.cn.",
			"w sipfederationtls _sipfederationtls._tcp SRV 3600 100 1 5061 sipfed.online.partner.lync.cn.",
			"x spf @ TXT include:spf.protection.partner.outlook.cn",
		}},
		{"teams and mdm", map[string]cty.Value{"purpose": set("teams", "mdm")}, []string{
			"w enterpriseenrollment enterpriseenrollment CNAME 3600 enterpriseenrollment-s.manage.microsoft.com. or enterpriseenrollment.manage.microsoft.com.",
			"w enterpriseregistration enterpriseregistration CNAME 3600 enterpriseregistration.windows.net.",
			"w lyncdiscover lyncdiscover CNAME 3600 webdir.online.lync.com.",
			"w sip sip CNAME 3600 sipdir.online.lync.com.",
			"w sip_tls _sip._tls SRV 3600 100 1 443 sipdir.online.lync.com.",
			"w sipfederationtls _sipfederationtls._tcp SRV 3600 100 1 5061 sipfed.online.lync.com.",
			"x msoid msoid CNAME absent",
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := withService(t, tt.attrs)
			if problems := Validate(c); len(problems) > 0 {
				t.Fatal(problems)
			}
			if diff := cmp.Diff(tt.want, standsFor(c)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestServiceShapes(t *testing.T) {
	good := []string{"contoso-com.mail.protection.outlook.com", "contoso-com.d-v1.mx.microsoft"}
	for _, tt := range []struct {
		attrs map[string]cty.Value
		want  string
	}{
		{map[string]cty.Value{"purpose": set("email"), "except": set("dkim")}, "Missing MX host"},
		{map[string]cty.Value{"purpose": set("email"), "except": set("mx")}, "Missing DKIM targets"},
		{map[string]cty.Value{"mx": cty.StringVal("mail.contoso.com")}, "Invalid MX host"},
		{map[string]cty.Value{"mx": cty.StringVal(good[0]), "cloud": cty.StringVal("dod")}, "Invalid MX host"},
		{map[string]cty.Value{"mx": cty.StringVal(good[0])}, ""},
		{map[string]cty.Value{"mx": cty.StringVal(good[1])}, ""},
		{map[string]cty.Value{"dkim": dkim("selector1-contoso-com._domainkey.contoso.onmicrosoft.com")}, "Invalid DKIM targets"},
		{map[string]cty.Value{"dkim": dkim("selector2-contoso-com._domainkey.contoso.onmicrosoft.com", "selector1-contoso-com._domainkey.contoso.onmicrosoft.com")}, "Invalid DKIM target"},
		{map[string]cty.Value{"dkim": dkim("selector1-contoso-com._domainkey.contoso.d-v1.dkim.mail.microsoft", "selector2-contoso-com._domainkey.contoso.d-v1.dkim.mail.microsoft")}, ""},
		{map[string]cty.Value{"purpose": set("mdm"), "cloud": cty.StringVal("gcc_high")}, "Unknown records"},
		{map[string]cty.Value{"purpose": set("teams"), "cloud": cty.StringVal("dod")}, "Unknown records"},
		{map[string]cty.Value{"purpose": set("mdm"), "cloud": cty.StringVal("china")}, "Unknown records"},
		{map[string]cty.Value{"mx": cty.StringVal(good[0]), "cloud": cty.StringVal("china")}, "Invalid MX host"},
		{map[string]cty.Value{"mx": cty.StringVal("contoso-com.mail.protection.partner.outlook.cn"), "cloud": cty.StringVal("china")}, ""},
	} {
		got := ""
		for _, p := range Validate(withService(t, tt.attrs)) {
			got = p.Summary
		}
		if got != tt.want {
			t.Errorf("%v: got %q, want %q", tt.attrs, got, tt.want)
		}
	}
}

func TestServiceInAParentZone(t *testing.T) {
	c := NewConfig([]Block{
		made(t, "zone.contoso", map[string]cty.Value{"name": cty.StringVal("contoso.com")}),
		made(t, "domain.sales", map[string]cty.Value{"name": cty.StringVal("sales.contoso.com")}),
		made(t, "service.microsoft365.sales", map[string]cty.Value{"domain": cty.StringVal("domain.sales"), "zone": cty.StringVal("zone.contoso"), "purpose": set("mdm")}),
	}, nil)
	want := []string{
		"w enterpriseenrollment enterpriseenrollment.sales CNAME 3600 enterpriseenrollment-s.manage.microsoft.com. or enterpriseenrollment.manage.microsoft.com.",
		"w enterpriseregistration enterpriseregistration.sales CNAME 3600 enterpriseregistration.windows.net.",
		"x msoid msoid.sales CNAME absent",
	}
	if diff := cmp.Diff(want, standsFor(c)); diff != "" {
		t.Error(diff)
	}
}
