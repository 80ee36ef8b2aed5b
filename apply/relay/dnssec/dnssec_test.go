package dnssec

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"

	"github.com/mailrelay/mailrelay/apply/relay/deliver"
)

// zone is what a resolver knows: records by name and type, those whose answer is
// secure, and codes other than success.
type zone struct {
	records string // a line each; "!" before one makes the answer insecure
	codes   map[string]int
	cut     bool // over UDP
	asked   atomic.Int32
}

// serve runs a resolver that knows z, over UDP and TCP, and gives its address. It
// is a validating one as far as clients can see.
func (z *zone) serve(t *testing.T, validates bool) string {
	t.Helper()
	answers := map[string][]dns.RR{}
	insecure := map[string]bool{}
	for line := range strings.Lines(z.records) {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		text, not := strings.CutPrefix(line, "!")
		rr, err := dns.NewRR(text)
		if err != nil {
			t.Fatal(err)
		}
		k := key(rr.Header().Name, rr.Header().Rrtype)
		answers[k] = append(answers[k], rr)
		insecure[k] = insecure[k] || not
	}
	handler := dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		z.asked.Add(1)
		a := new(dns.Msg).SetReply(q)
		a.AuthenticatedData = validates && q.AuthenticatedData
		name, qtype := q.Question[0].Name, q.Question[0].Qtype
		a.Rcode = z.codes[key(name, qtype)]
		for range 5 {
			a.AuthenticatedData = a.AuthenticatedData && !insecure[key(name, qtype)]
			if rrs := answers[key(name, qtype)]; rrs != nil {
				a.Answer = append(a.Answer, rrs...)
				break
			}
			rrs := answers[key(name, dns.TypeCNAME)]
			if rrs == nil {
				break
			}
			a.AuthenticatedData = a.AuthenticatedData && !insecure[key(name, dns.TypeCNAME)]
			a.Answer = append(a.Answer, rrs...)
			name = rrs[0].(*dns.CNAME).Target
		}
		if _, udp := w.RemoteAddr().(*net.UDPAddr); udp && z.cut {
			a.Answer, a.Truncated = nil, true
		}
		_ = w.WriteMsg(a)
	})
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	pc, err := lc.ListenPacket(t.Context(), "udp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []*dns.Server{{Listener: l, Handler: handler}, {PacketConn: pc, Handler: handler}} {
		started, ended := make(chan struct{}), make(chan struct{})
		s.NotifyStartedFunc = func() { close(started) }
		go func() {
			defer close(ended)
			_ = s.ActivateAndServe()
		}()
		<-started
		t.Cleanup(func() {
			_ = s.Shutdown()
			<-ended
		})
	}
	return l.Addr().String()
}

func key(name string, qtype uint16) string { return strings.ToLower(name) + dns.TypeToString[qtype] }

const root = ". 60 IN SOA a. b. 1 1 1 1 1\n"

// TestUsable: which resolvers are believed.
func TestUsable(t *testing.T) {
	good, lax := &zone{records: root}, &zone{records: root}
	goodAt, laxAt := good.serve(t, true), lax.serve(t, false)
	sick := (&zone{codes: map[string]int{".SOA": dns.RcodeServerFailure}}).serve(t, true)
	for _, tt := range []struct {
		name    string
		system  []string
		trusted []string
		err     string
	}{
		{"the system's, here", []string{goodAt}, nil, ""},
		{"the system's, elsewhere", []string{"192.0.2.53:53"}, nil, "the system's are others (192.0.2.53:53)"},
		{"the system has none", nil, nil, "the system's are others (none)"},
		{"the system's first is elsewhere", []string{"192.0.2.53:53", goodAt}, nil, ""},
		{"one that does not validate", []string{laxAt}, nil, "the resolver " + laxAt + " does not validate DNSSEC"},
		{"one that is trusted and does not validate", nil, []string{laxAt}, "does not validate DNSSEC"},
		{"one of two validates", []string{laxAt, goodAt}, nil, ""},
		{"one that is trusted", []string{laxAt}, []string{goodAt}, ""},
		{"one that cannot answer", []string{sick}, nil, "SERVFAIL"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := New(Options{System: func() ([]string, error) { return tt.system, nil }})
			r.Trust(tt.trusted)
			switch err := r.Usable(t.Context()); {
			case tt.err == "" && err != nil:
				t.Error(err)
			case tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err)):
				t.Errorf("got %v, want %q", err, tt.err)
			}
		})
	}
	r := New(Options{System: func() ([]string, error) { return nil, errors.New("no such file") }})
	if err := r.Usable(t.Context()); err == nil || !strings.Contains(err.Error(), "trusted_resolvers") {
		t.Errorf("no resolv.conf: %v", err)
	}
}

// TestUsableIsRemembered: a resolver is not tested for each message, but again
// after a while, and at once when others are to be asked.
func TestUsableIsRemembered(t *testing.T) {
	z := &zone{records: root}
	at := z.serve(t, false)
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	r := New(Options{Clock: func() time.Time { return now }, System: func() ([]string, error) { return []string{at}, nil }})
	for _, step := range []struct {
		after time.Duration
		trust []string
		asked int32
	}{
		{0, nil, 1},
		{badFor - 1, nil, 1},
		{1, nil, 2},
		{1, []string{at}, 3},
		{1, []string{at}, 3},
	} {
		now = now.Add(step.after)
		r.Trust(step.trust)
		if err := r.Usable(t.Context()); err == nil {
			t.Error("it is believed")
		}
		if n := z.asked.Load(); n != step.asked {
			t.Errorf("after %s it was asked %d times, want %d", step.after, n, step.asked)
		}
	}
}

func TestLookup(t *testing.T) {
	z := &zone{
		records: root + `
a.test. 60 IN MX 10 mx.a.test.
a.test. 60 IN MX 5 mx2.a.test.
!b.test. 60 IN MX 10 mx.a.test.
c.test. 60 IN CNAME a.test.
null.test. 60 IN MX 0 .
mx.a.test. 60 IN A 192.0.2.1
mx.a.test. 60 IN AAAA 2001:db8::1
!open.test. 60 IN A 192.0.2.2
alias.test. 60 IN CNAME MX.a.test.
away.test. 60 IN CNAME open.test.
!far.test. 60 IN CNAME mx.a.test.
half.test. 60 IN A 192.0.2.3
circle.test. 60 IN CNAME circle.test.
_25._tcp.mx.a.test. 60 IN TLSA 3 1 1 0102
_25._tcp.mx.a.test. 60 IN TLSA 2 0 2 03
!_25._tcp.open.test. 60 IN TLSA 3 1 1 0102
_25._tcp.alias.test. 60 IN CNAME _25._tcp.mx.a.test.
`,
		codes: map[string]int{
			"bogus.test.MX": dns.RcodeServerFailure, "gone.test.MX": dns.RcodeNameError, "half.test.AAAA": dns.RcodeServerFailure,
			"bogus.test.A": dns.RcodeServerFailure, "bogus.test.AAAA": dns.RcodeServerFailure, "_25._tcp.bogus.test.TLSA": dns.RcodeRefused,
		},
	}
	at := z.serve(t, true)
	r := New(Options{System: func() ([]string, error) { return []string{at}, nil }})
	ctx := t.Context()
	kind := func(err error) string {
		var e *net.DNSError
		switch {
		case err == nil:
			return ""
		case errors.As(err, &e) && e.IsNotFound:
			return "nothing"
		}
		return "error"
	}
	for name, want := range map[string][]any{
		"a.test.":     {[]*net.MX{{Host: "mx.a.test.", Pref: 10}, {Host: "mx2.a.test.", Pref: 5}}, true, ""},
		"b.test.":     {[]*net.MX{{Host: "mx.a.test.", Pref: 10}}, false, ""},
		"c.test.":     {[]*net.MX{{Host: "mx.a.test.", Pref: 10}, {Host: "mx2.a.test.", Pref: 5}}, true, ""},
		"null.test.":  {[]*net.MX{{Host: "."}}, true, ""},
		"empty.test.": {[]*net.MX(nil), true, "nothing"},
		"gone.test.":  {[]*net.MX(nil), true, "nothing"},
		"bogus.test.": {[]*net.MX(nil), false, "error"},
	} {
		mx, secure, err := r.LookupMX(ctx, name)
		if diff := cmp.Diff(want, []any{mx, secure, kind(err)}); diff != "" {
			t.Errorf("MX %s: %s", name, diff)
		}
	}
	addrs := func(s ...string) (out []netip.Addr) {
		for _, a := range s {
			out = append(out, netip.MustParseAddr(a))
		}
		return out
	}
	both := addrs("2001:db8::1", "192.0.2.1")
	for name, want := range map[string][]any{
		"mx.a.test.":   {deliver.Host{Addrs: both, Secure: true}, ""},
		"open.test.":   {deliver.Host{Addrs: addrs("192.0.2.2")}, ""},
		"alias.test.":  {deliver.Host{Addrs: both, Secure: true, Name: "mx.a.test"}, ""},
		"away.test.":   {deliver.Host{Addrs: addrs("192.0.2.2"), Alias: true, Name: "open.test"}, ""},
		"far.test.":    {deliver.Host{Addrs: both, Name: "mx.a.test"}, ""},
		"half.test.":   {deliver.Host{Addrs: addrs("192.0.2.3"), Secure: true}, ""},
		"circle.test.": {deliver.Host{}, "nothing"},
		"none.test.":   {deliver.Host{}, "nothing"},
		"bogus.test.":  {deliver.Host{}, "error"},
	} {
		h, err := r.LookupHost(ctx, name)
		if diff := cmp.Diff(want, []any{h, kind(err)}, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	records := []deliver.TLSA{{Usage: 3, Selector: 1, Matching: 1, Data: []byte{1, 2}}, {Usage: 2, Selector: 0, Matching: 2, Data: []byte{3}}}
	for name, want := range map[string][]any{
		"_25._tcp.mx.a.test.":  {records, true, ""},
		"_25._tcp.open.test.":  {records[:1], false, ""},
		"_25._tcp.alias.test.": {records, true, ""},
		"_25._tcp.none.test.":  {[]deliver.TLSA(nil), true, "nothing"},
		"_25._tcp.bogus.test.": {[]deliver.TLSA(nil), false, "error"},
	} {
		got, secure, err := r.LookupTLSA(ctx, name)
		if diff := cmp.Diff(want, []any{got, secure, kind(err)}); diff != "" {
			t.Errorf("TLSA %s: %s", name, diff)
		}
	}
}

// TestLarge: what does not fit into a packet comes by TCP.
func TestLarge(t *testing.T) {
	z := &zone{records: root + "a.test. 60 IN MX 10 mx.a.test.\n", cut: true}
	at := z.serve(t, true)
	r := New(Options{System: func() ([]string, error) { return []string{at}, nil }})
	if mx, secure, err := r.LookupMX(t.Context(), "a.test."); err != nil || !secure || len(mx) != 1 {
		t.Errorf("%v, %t, %v", mx, secure, err)
	}
}

// TestSpoofed: an answer to another question is none.
func TestSpoofed(t *testing.T) {
	var liar dns.HandlerFunc = func(w dns.ResponseWriter, q *dns.Msg) {
		a := new(dns.Msg).SetReply(q)
		a.AuthenticatedData = true
		if q.Question[0].Name != "." {
			a.Question[0].Name = "other.test."
		}
		_ = w.WriteMsg(a)
	}
	var lc net.ListenConfig
	pc, err := lc.ListenPacket(context.Background(), "udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &dns.Server{PacketConn: pc, Handler: liar}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = s.ActivateAndServe()
	}()
	r := New(Options{System: func() ([]string, error) { return []string{pc.LocalAddr().String()}, nil }})
	if mx, _, err := r.LookupMX(t.Context(), "a.test."); err == nil || !strings.Contains(err.Error(), "no answer to the question") {
		t.Errorf("%v, %v", mx, err)
	}
	pc.Close()
	<-ended
}
