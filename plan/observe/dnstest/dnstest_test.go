package dnstest

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"

	"github.com/mailrelay/mailrelay/schema/rr"
)

const secret = "c2VjcmV0IHNlY3JldCBzZWNyZXQgc2VjcmV0ISE="

const contoso = `
$TTL 3600
@     NS    ns1
@     MX    10 Mail.Contoso.com.
@     TXT   "ours" 
www   CNAME mail
mail  A     192.0.2.25
a.b.c A     192.0.2.1
*.w   TXT   "wild"
out   CNAME x.fabrikam.com.
sub   NS    ns.sub
sub   DS    1 13 2 abcd
ns.sub A    192.0.2.53
to    CNAME x.sub
`

func start(t *testing.T, o Options) *Server {
	t.Helper()
	if o.Zones == nil {
		o.Zones = map[string]string{"contoso.com": contoso}
	}
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func records(t *testing.T, lines ...string) []dns.RR {
	t.Helper()
	var out []dns.RR
	for _, l := range lines {
		r, err := dns.NewRR(l)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, r)
	}
	return out
}

func TestQuery(t *testing.T) {
	s := start(t, Options{})
	for _, tt := range []struct {
		name  string
		code  uint16
		rcode int
		want  []string // data of the answer
		soa   bool     // in the authority section
	}{
		{"contoso.com.", dns.TypeMX, 0, []string{"10 Mail.Contoso.com."}, false},
		{"CONTOSO.com.", dns.TypeMX, 0, []string{"10 Mail.Contoso.com."}, false},
		{"www.contoso.com.", dns.TypeA, 0, []string{"mail.contoso.com.", "192.0.2.25"}, false},
		{"www.contoso.com.", dns.TypeCNAME, 0, []string{"mail.contoso.com."}, false},
		{"out.contoso.com.", dns.TypeA, 0, []string{"x.fabrikam.com."}, false},
		{"mail.contoso.com.", dns.TypeAAAA, 0, nil, true},
		{"b.c.contoso.com.", dns.TypeA, 0, nil, true},
		{"no.contoso.com.", dns.TypeA, dns.RcodeNameError, nil, true},
		{"x.y.w.contoso.com.", dns.TypeTXT, 0, []string{`"wild"`}, false},
		{"x.w.contoso.com.", dns.TypeA, 0, nil, true},
		{"fabrikam.com.", dns.TypeA, dns.RcodeRefused, nil, false},
	} {
		t.Run(tt.name+" "+dns.TypeToString[tt.code], func(t *testing.T) {
			q := new(dns.Msg).SetQuestion(tt.name, tt.code)
			a, err := dns.Exchange(q, s.Addr())
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, r := range a.Answer {
				got = append(got, strings.TrimPrefix(r.String(), r.Header().String()))
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
			soa := len(a.Ns) == 1 && a.Ns[0].Header().Rrtype == dns.TypeSOA
			if a.Rcode != tt.rcode || soa != tt.soa || a.Authoritative != (tt.rcode != dns.RcodeRefused) {
				t.Errorf("rcode %d, soa %v, aa %v: %v", a.Rcode, soa, a.Authoritative, a)
			}
			if len(a.Answer) > 0 && a.Answer[0].Header().Name != tt.name {
				t.Errorf("the owner is %q", a.Answer[0].Header().Name)
			}
		})
	}
}

func TestUpdate(t *testing.T) {
	type rrs = func(*dns.Msg)
	used := func(l ...string) rrs { return func(m *dns.Msg) { m.Used(records(t, l...)) } }
	insert := func(l ...string) rrs { return func(m *dns.Msg) { m.Insert(records(t, l...)) } }
	remove := func(l ...string) rrs { return func(m *dns.Msg) { m.Remove(records(t, l...)) } }
	removeSet := func(l ...string) rrs { return func(m *dns.Msg) { m.RemoveRRset(records(t, l...)) } }
	removeName := func(l ...string) rrs { return func(m *dns.Msg) { m.RemoveName(records(t, l...)) } }
	exists := func(l ...string) rrs { return func(m *dns.Msg) { m.RRsetUsed(records(t, l...)) } }
	absent := func(l ...string) rrs { return func(m *dns.Msg) { m.RRsetNotUsed(records(t, l...)) } }
	nameUsed := func(l ...string) rrs { return func(m *dns.Msg) { m.NameUsed(records(t, l...)) } }
	nameFree := func(l ...string) rrs { return func(m *dns.Msg) { m.NameNotUsed(records(t, l...)) } }
	add := insert("new.contoso.com. 60 IN A 192.0.2.9")
	const added = "new.contoso.com. A 60 192.0.2.9"
	for _, tt := range []struct {
		name  string
		zone  string
		do    []rrs
		rcode int
		add   []string // what is there afterwards and was not before
		gone  []string
	}{
		{"add", "contoso.com.", []rrs{add}, 0, []string{added}, nil},
		{"exact set", "contoso.com.", []rrs{used("contoso.com. 0 IN MX 10 Mail.Contoso.com."), add}, 0, []string{added}, nil},
		{"other case", "contoso.com.", []rrs{used("contoso.com. 0 IN MX 10 mail.contoso.com."), add}, dns.RcodeNXRrset, nil, nil},
		{"more than the set", "contoso.com.", []rrs{used("contoso.com. 0 IN MX 10 Mail.Contoso.com.", "contoso.com. 0 IN MX 20 b."), add}, dns.RcodeNXRrset, nil, nil},
		{"set exists", "contoso.com.", []rrs{exists("mail.contoso.com. 0 IN A 192.0.2.1"), add}, 0, []string{added}, nil},
		{"set does not exist", "contoso.com.", []rrs{exists("mail.contoso.com. 0 IN TXT a"), add}, dns.RcodeNXRrset, nil, nil},
		{"set is absent", "contoso.com.", []rrs{absent("mail.contoso.com. 0 IN TXT a"), add}, 0, []string{added}, nil},
		{"set is not absent", "contoso.com.", []rrs{absent("mail.contoso.com. 0 IN A 192.0.2.1"), add}, dns.RcodeYXRrset, nil, nil},
		{"name in use", "contoso.com.", []rrs{nameUsed("mail.contoso.com. 0 IN A 192.0.2.1"), add}, 0, []string{added}, nil},
		{"name not in use", "contoso.com.", []rrs{nameUsed("no.contoso.com. 0 IN A 192.0.2.1"), add}, dns.RcodeNameError, nil, nil},
		{"name free", "contoso.com.", []rrs{nameFree("no.contoso.com. 0 IN A 192.0.2.1"), add}, 0, []string{added}, nil},
		{"name not free", "contoso.com.", []rrs{nameFree("mail.contoso.com. 0 IN A 192.0.2.1"), add}, dns.RcodeYXDomain, nil, nil},
		{"wildcards do not count", "contoso.com.", []rrs{exists("x.w.contoso.com. 0 IN TXT a"), add}, dns.RcodeNXRrset, nil, nil},
		{"all or nothing", "contoso.com.", []rrs{add, insert("x.fabrikam.com. 0 IN A 192.0.2.1")}, dns.RcodeNotZone, nil, nil},
		{"unknown zone", "fabrikam.com.", []rrs{insert("x.fabrikam.com. 0 IN A 192.0.2.1")}, dns.RcodeNotAuth, nil, nil},
		{"remove one", "contoso.com.", []rrs{remove("mail.contoso.com. 0 IN A 192.0.2.25")}, 0, nil, []string{"mail.contoso.com. A 3600 192.0.2.25"}},
		{"remove set", "contoso.com.", []rrs{removeSet("mail.contoso.com. 0 IN A 192.0.2.1")}, 0, nil, []string{"mail.contoso.com. A 3600 192.0.2.25"}},
		{"remove name", "contoso.com.", []rrs{removeName("mail.contoso.com. 0 IN A 192.0.2.1")}, 0, nil, []string{"mail.contoso.com. A 3600 192.0.2.25"}},
		{"apex NS stays", "contoso.com.", []rrs{removeSet("contoso.com. 0 IN NS x."), remove("contoso.com. 0 IN NS ns1.contoso.com.")}, 0, nil, nil},
		{"alias beside data", "contoso.com.", []rrs{insert("mail.contoso.com. 60 IN CNAME x.")}, 0, nil, nil},
		{"data beside alias", "contoso.com.", []rrs{insert("www.contoso.com. 60 IN A 192.0.2.1")}, 0, nil, nil},
		{"alias for data", "contoso.com.", []rrs{removeSet("mail.contoso.com. 0 IN A 192.0.2.1"), insert("mail.contoso.com. 60 IN CNAME x.")}, 0,
			[]string{"mail.contoso.com. CNAME 60 x."}, []string{"mail.contoso.com. A 3600 192.0.2.25"}},
		{"alias added before data goes", "contoso.com.", []rrs{insert("mail.contoso.com. 60 IN CNAME x."), removeSet("mail.contoso.com. 0 IN A 192.0.2.1")}, 0,
			nil, []string{"mail.contoso.com. A 3600 192.0.2.25"}},
		{"same data, other TTL", "contoso.com.", []rrs{insert("mail.contoso.com. 60 IN A 192.0.2.25")}, 0, nil, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := start(t, Options{TSIG: map[string]string{"key.": secret}})
			before, serial := lines(s), s.Serial("contoso.com")
			m := new(dns.Msg).SetUpdate(tt.zone)
			for _, do := range tt.do {
				do(m)
			}
			m.SetTsig("key.", dns.HmacSHA256, 300, time.Now().Unix())
			c := &dns.Client{Net: "tcp", TsigSecret: map[string]string{"key.": secret}}
			a, _, err := c.Exchange(m, s.Addr())
			if a == nil { // miekg/dns verifies no NOTAUTH, and says so beside the answer
				t.Fatal(err)
			}
			after := lines(s)
			if diff := cmp.Diff(tt.add, missing(after, before)); diff != "" || a.Rcode != tt.rcode {
				t.Errorf("%s: added %s", dns.RcodeToString[a.Rcode], diff)
			}
			if diff := cmp.Diff(tt.gone, missing(before, after)); diff != "" {
				t.Errorf("gone %s", diff)
			}
			if changed := len(tt.add)+len(tt.gone) > 0; changed != (s.Serial("contoso.com") > serial) {
				t.Errorf("the serial went from %d to %d", serial, s.Serial("contoso.com"))
			}
			if a.IsTsig() == nil {
				t.Error("the answer is not signed")
			}
		})
	}
}

// lines writes each record of the zone on a line.
func lines(s *Server) []string {
	var out []string
	for _, set := range s.Records("contoso.com") {
		for _, d := range set.Data {
			out = append(out, fmt.Sprintf("%s %d %s", set.Key(), set.TTL, d))
		}
	}
	return out
}

func missing(from, in []string) []string {
	have := map[string]bool{}
	for _, l := range in {
		have[l] = true
	}
	var out []string
	for _, l := range from {
		if !have[l] {
			out = append(out, l)
		}
	}
	return out
}

func TestSignatures(t *testing.T) {
	other := "b3RoZXIgb3RoZXIgb3RoZXIgb3RoZXIgb3RoZXI="
	for _, tt := range []struct {
		name, key, secret string
		age               time.Duration
		rcode             int
		tsig              uint16
	}{
		{"good", "key.", secret, 0, 0, 0},
		{"unsigned", "", "", 0, dns.RcodeRefused, 0},
		{"wrong key", "nobody.", secret, 0, dns.RcodeNotAuth, dns.RcodeBadKey},
		{"wrong secret", "key.", other, 0, dns.RcodeNotAuth, dns.RcodeBadSig},
		{"old", "key.", secret, time.Hour, dns.RcodeNotAuth, dns.RcodeBadTime},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := start(t, Options{TSIG: map[string]string{"key.": secret}})
			m := new(dns.Msg).SetUpdate("contoso.com.")
			m.Insert(records(t, "new.contoso.com. 60 IN A 192.0.2.9"))
			c := &dns.Client{Net: "tcp"}
			if tt.key != "" {
				m.SetTsig(tt.key, dns.HmacSHA256, 300, time.Now().Add(-tt.age).Unix())
				c.TsigSecret = map[string]string{tt.key: tt.secret}
			}
			a, _, err := c.Exchange(m, s.Addr())
			if a == nil {
				t.Fatal(err)
			}
			var bad uint16
			if sig := a.IsTsig(); sig != nil {
				bad = sig.Error
			}
			if a.Rcode != tt.rcode || bad != tt.tsig {
				t.Errorf("got %s with TSIG error %d, want %s with %d", dns.RcodeToString[a.Rcode], bad, dns.RcodeToString[tt.rcode], tt.tsig)
			}
			done := len(missing([]string{"new.contoso.com. A 60 192.0.2.9"}, lines(s))) == 0
			if done != (tt.rcode == 0) {
				t.Errorf("done: %v", done)
			}
		})
	}
}

func TestSet(t *testing.T) {
	s := start(t, Options{})
	if err := s.Set("contoso.com", "TXT", 60, `"a" "b"`, `"c"`); err != nil {
		t.Fatal(err)
	}
	if err := s.Set("mail.contoso.com.", "A", 0); err != nil {
		t.Fatal(err)
	}
	for _, set := range s.Records("contoso.com.") {
		switch set.Key() {
		case rr.Key{Name: "contoso.com.", Type: "TXT"}:
			if diff := cmp.Diff(rr.NewSet("contoso.com.", "TXT", 60, "ab", "c"), set); diff != "" {
				t.Error(diff)
			}
		case rr.Key{Name: "mail.contoso.com.", Type: "A"}:
			t.Errorf("%v is still there", set)
		}
	}
	if err := s.Set("fabrikam.com", "A", 60, "192.0.2.1"); err == nil {
		t.Error("a name in no zone was set")
	}
	if s.Records("fabrikam.com") != nil {
		t.Error("an unknown zone has records")
	}
}

func TestBadZone(t *testing.T) {
	for _, text := range []string{"@ MX mail", "x.fabrikam.com. A 192.0.2.1"} {
		if s, err := New(Options{Zones: map[string]string{"contoso.com": text}}); err == nil {
			s.Close()
			t.Errorf("%q was taken", text)
		}
	}
}
