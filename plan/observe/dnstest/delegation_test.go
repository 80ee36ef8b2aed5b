package dnstest

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"
)

func TestDelegation(t *testing.T) {
	s := start(t, Options{})
	for _, tt := range []struct {
		name string
		code uint16
		aa   bool
		refs bool // to ns.sub
		data int  // records in the answer
	}{
		{"sub.contoso.com.", dns.TypeNS, false, true, 0},
		{"x.sub.contoso.com.", dns.TypeA, false, true, 0},
		{"ns.sub.contoso.com.", dns.TypeA, false, true, 0},
		{"to.contoso.com.", dns.TypeA, true, true, 1},
		{"sub.contoso.com.", dns.TypeDS, true, false, 1},
		{"contoso.com.", dns.TypeNS, true, false, 1},
		{"x.sub.contoso.com.", dns.TypeDS, false, true, 0},
	} {
		a, err := dns.Exchange(new(dns.Msg).SetQuestion(tt.name, tt.code), s.Addr())
		if err != nil {
			t.Fatal(err)
		}
		refs := len(a.Ns) == 1 && a.Ns[0].String() == "sub.contoso.com.\t3600\tIN\tNS\tns.sub.contoso.com." && len(a.Extra) == 1
		if a.Authoritative != tt.aa || refs != tt.refs || len(a.Answer) != tt.data {
			t.Errorf("%s %s: %v", tt.name, dns.TypeToString[tt.code], a)
		}
	}
}

func TestTransfer(t *testing.T) {
	s := start(t, Options{})
	var want []string
	for range 3 * bundle {
		want = append(want, "x.contoso.com. A")
	}
	m := new(dns.Msg).SetUpdate("contoso.com.")
	for i := range 3 * bundle {
		m.Insert([]dns.RR{&dns.A{Hdr: dns.RR_Header{Name: "x.contoso.com.", Rrtype: dns.TypeA, Class: dns.ClassINET}, A: []byte{192, 0, byte(i >> 8), byte(i)}}})
	}
	tcp := &dns.Client{Net: "tcp"}
	if _, _, err := tcp.Exchange(m, s.Addr()); err != nil {
		t.Fatal(err)
	}
	in, err := new(dns.Transfer).In(new(dns.Msg).SetAxfr("contoso.com."), s.Addr())
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for e := range in {
		if e.Error != nil {
			t.Fatal(e.Error)
		}
		for _, r := range e.RR {
			if r.Header().Name == "x.contoso.com." {
				got = append(got, r.Header().Name+" A")
			}
		}
	}
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	a, _, err := tcp.Exchange(new(dns.Msg).SetAxfr("fabrikam.com."), s.Addr())
	if err != nil || a.Rcode != dns.RcodeRefused {
		t.Errorf("of another zone: %v, %v", a, err)
	}
}
