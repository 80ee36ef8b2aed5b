package policy_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mailrelay/mailrelay/schema/rr/policy"
)

func TestReadSPF(t *testing.T) {
	for _, c := range []struct{ name, text, want, err string }{
		{"empty", "v=spf1", "v=spf1", ""},
		{"case and spaces", "V=SPF1  +MX  Include:SPF.Contoso.COM. ~ALL ", "v=spf1 mx include:spf.contoso.com ~all", ""},
		{"networks", "v=spf1 ip4:192.0.2.1/32 ip4:192.0.2.9/24 ip6:2001:DB8:0::/32 -ip6:::1", "v=spf1 ip4:192.0.2.1 ip4:192.0.2.0/24 ip6:2001:db8::/32 -ip6:::1", ""},
		{"lengths", "v=spf1 a/24 a:b.example//64 mx/32 mx:c.example/24//128 ?all", "v=spf1 a/24 a:b.example//64 mx mx:c.example/24 ?all", ""},
		{"macros", "v=spf1 exists:%{i}._spf.%{d/2}.Example a:%{H/}.example/24 -all", "v=spf1 exists:%{i}._spf.%{d/2}.Example a:%{H/}.example/24 -all", ""},
		{"modifiers", "v=spf1 redirect=A.example exp=why.example x-mine.1=%{s}", "v=spf1 redirect=a.example exp=why.example x-mine.1=%{s}", ""},
		{"a modifier that was meant to be a mechanism", "v=spf1 ip4=192.0.2.1 -all", "v=spf1 ip4=192.0.2.1 -all", ""},
		{"no record", "v=spf10 -all", "v=spf1", `"v=spf10 -all" is no SPF record: one begins with v=spf1 and a space`},
		{"unknown", "v=spf1 inclde:a.example mx -all", "v=spf1 mx -all", `"inclde" is not a term of SPF, and receivers would treat the record as broken`},
		{"two qualifiers", "v=spf1 +-all", "v=spf1", `"-all" is not a term of SPF, and receivers would treat the record as broken`},
		{"a qualifier alone", "v=spf1 - all", "v=spf1 all", `"" is not a term of SPF, and receivers would treat the record as broken`},
		{"a tab", "v=spf1 mx\t-all", "v=spf1", `"mx\t-all" is not a term of SPF, and receivers would treat the record as broken`},
		{"no network", "v=spf1 ip4:192.0.2.0/33 -all", "v=spf1 -all", `"192.0.2.0/33" is no network for ip4, and receivers would treat the record as broken: write it like ip4:203.0.113.0/24 or ip6:2001:db8::/32`},
		{"the other family", "v=spf1 ip6:192.0.2.1 -all", "v=spf1 -all", `"192.0.2.1" is no network for ip6, and receivers would treat the record as broken: write it like ip4:203.0.113.0/24 or ip6:2001:db8::/32`},
		{"no domain", "v=spf1 a: -all", "v=spf1 -all", `"a" needs a domain, and receivers would treat the record as broken: write it like a:spf.contoso.com`},
		{"no domain to redirect to", "v=spf1 redirect=", "v=spf1", `"redirect" needs a domain, and receivers would treat the record as broken: write it like redirect=spf.contoso.com`},
		{"all of something", "v=spf1 all:contoso.com", "v=spf1", `"all:contoso.com" has something behind all, and receivers would treat the record as broken`},
		{"a length too long", "v=spf1 mx/33 a//129 -all", "v=spf1 -all", `"mx/33" does not end with prefix lengths, like a:contoso.com/24//64, and receivers would treat the record as broken`},
		{"a length where none may be", "v=spf1 include:a.example/24 ptr/24 -all", "v=spf1 -all", `"include:a.example/24" names no domain, and receivers would treat the record as broken`},
		{"two redirects", "v=spf1 redirect=a.example redirect=b.example", "v=spf1 redirect=a.example", `redirect stands twice, and receivers would treat the record as broken: leave one`},
		{"not ASCII", "v=spf1 a:ü.example -all", "v=spf1 -all", `"a:ü.example" holds a character that no domain can, and receivers would treat the record as broken`},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, err := policy.ReadSPF(c.text)
			got := ""
			if err != nil {
				got = err.Error()
			}
			if diff := cmp.Diff(c.err, got); diff != "" {
				t.Errorf("error -want +got\n%s", diff)
			}
			if diff := cmp.Diff(c.want, r.String()); diff != "" {
				t.Errorf("record -want +got\n%s", diff)
			}
		})
	}
}

func FuzzReadSPF(f *testing.F) {
	for _, seed := range []string{"v=spf1", "v=spf1 a/24//64 mx:%{d/}/3 ip4:1.2.3.4/8 -all", "v=spf1 redirect=a exp=%{i} =x :/"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r, err := policy.ReadSPF(text)
		if err != nil {
			return
		}
		again, err := policy.ReadSPF(r.String())
		if err != nil {
			t.Fatalf("%q was read, and %q, which it is, was not: %v", text, r, err)
		}
		if diff := cmp.Diff(r.String(), again.String()); diff != "" {
			t.Fatalf("read again -want +got\n%s", diff)
		}
		if lost := policy.Lost(r, again); len(lost) > 0 {
			t.Fatalf("%q loses %v to itself", text, lost)
		}
	})
}
