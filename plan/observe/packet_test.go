package observe

import (
	"encoding/hex"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"

	"github.com/mailrelay/mailrelay/schema/rr"
)

// TestPacket compares with what the library makes.
func TestPacket(t *testing.T) {
	for _, k := range []rr.Key{
		key("contoso.com.", "MX"), key(".", "NS"), key("25.0/26.113.0.203.in-addr.arpa.", "PTR"),
		key(`a\.b\065.contoso.com.`, "TXT"), key("x.contoso.com.", "TYPE65280"),
	} {
		for _, recurse := range []bool{false, true} {
			got, end, err := packet(k, 4711, recurse)
			if err != nil {
				t.Fatal(err)
			}
			q, err := question(k, recurse)
			if err != nil {
				t.Fatal(err)
			}
			q.Id = 4711
			want, err := q.Pack()
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(hex.EncodeToString(want), hex.EncodeToString(got)); diff != "" || end != len(got)-11 {
				t.Errorf("%s: ends at %d of %d: %s", k, end, len(got), diff)
			}
		}
	}
	if _, _, err := packet(key("no such type", "MX"), 1, false); err == nil {
		t.Error("a name without a final dot was packed")
	}
}

// TestEchoes has the cases of TestAnswers, which is about whole messages.
func TestEchoes(t *testing.T) {
	k := key("contoso.com.", "MX")
	q, end, err := packet(k, 4711, false)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		edit func(*dns.Msg)
		want bool
	}{
		{"as asked", func(*dns.Msg) {}, true},
		{"other case", func(a *dns.Msg) { a.Question[0].Name = "Contoso.COM." }, true},
		{"other name", func(a *dns.Msg) { a.Question[0].Name = "fabrika.com." }, false},
		{"longer name", func(a *dns.Msg) { a.Question[0].Name = "contoso.com.contoso.com." }, false},
		{"other type", func(a *dns.Msg) { a.Question[0].Qtype = dns.TypeA }, false},
		{"other class", func(a *dns.Msg) { a.Question[0].Qclass = dns.ClassCHAOS }, false},
		{"a question", func(a *dns.Msg) { a.Response = false }, false},
		{"nothing", func(a *dns.Msg) { a.Question = nil }, false},
		{"refused without question", func(a *dns.Msg) { a.Question, a.Rcode = nil, dns.RcodeRefused }, true},
	} {
		a := new(dns.Msg).SetReply(ask(k.Name, dns.TypeMX, false))
		tt.edit(a)
		raw, err := a.Pack()
		if err != nil {
			t.Fatal(err)
		}
		if got := echoes(raw, q, end); got != tt.want {
			t.Errorf("%s: %v", tt.name, got)
		}
		if len(a.Question) > 0 && echoes(raw[:headerSize+3], q, end) {
			t.Errorf("%s: cut short, it is taken", tt.name)
		}
	}
}
