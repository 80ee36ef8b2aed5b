package observe

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"

	"github.com/mailrelay/mailrelay/plan"
	"github.com/mailrelay/mailrelay/schema/rr"
)

// TestDelegation reads a referral, which dnstest does not make.
func TestDelegation(t *testing.T) {
	ns, err := dns.NewRR("sub.contoso.com. 60 IN NS ns.fabrikam.com.")
	if err != nil {
		t.Fatal(err)
	}
	referral := &dns.Msg{Ns: []dns.RR{ns}}
	for _, tt := range []struct {
		key rr.Key
		set *rr.Set
		err string
	}{
		{key("sub.contoso.com.", "NS"), set("sub.contoso.com.", "NS", 60, "ns.fabrikam.com."), ""},
		{key("sub.contoso.com.", "A"), nil, "sub.contoso.com is delegated away from contoso.com"},
		{key("x.sub.contoso.com.", "NS"), nil, "sub.contoso.com is delegated away"},
		{key("other.contoso.com.", "A"), nil, "not authoritative"},
	} {
		o := plan.Observation{Key: tt.key}
		authority(&o, "contoso.com", referral)
		if diff := cmp.Diff(tt.set, o.Set); diff != "" || !strings.Contains(o.Err, tt.err) || (tt.err == "") != (o.Err == "") {
			t.Errorf("%s: %s, error %q, want %q", tt.key, diff, o.Err, tt.err)
		}
	}
}

func TestAnswers(t *testing.T) {
	q := ask("contoso.com", dns.TypeMX, false)
	good := func() *dns.Msg { return new(dns.Msg).SetReply(q) }
	for _, tt := range []struct {
		name string
		edit func(*dns.Msg)
		want bool
	}{
		{"as asked", func(*dns.Msg) {}, true},
		{"other case", func(a *dns.Msg) { a.Question[0].Name = "Contoso.COM." }, true},
		{"other id", func(a *dns.Msg) { a.Id++ }, false},
		{"other name", func(a *dns.Msg) { a.Question[0].Name = "fabrikam.com." }, false},
		{"other type", func(a *dns.Msg) { a.Question[0].Qtype = dns.TypeA }, false},
		{"a question", func(a *dns.Msg) { a.Response = false }, false},
		{"nothing", func(a *dns.Msg) { a.Question = nil }, false},
		{"refused without question", func(a *dns.Msg) { a.Question, a.Rcode = nil, dns.RcodeRefused }, true},
	} {
		a := good()
		tt.edit(a)
		if got := answers(a, q); got != tt.want {
			t.Errorf("%s: %v", tt.name, got)
		}
	}
}
