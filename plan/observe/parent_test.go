package observe

import (
	"context"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/mailrelay/mailrelay/plan/observe/dnstest"
	"github.com/mailrelay/mailrelay/schema/rr"
)

// TestDelegatedByTheParent has resolvers that cannot answer for a zone: its name
// servers come from the servers of com, addresses included.
func TestDelegatedByTheParent(t *testing.T) {
	parent := referring(t, map[string][]string{
		"contoso.com.":  {"contoso.com. 60 IN NS ns1.contoso.com.", "ns1.contoso.com. 60 IN A 192.0.2.1"},
		"fabrikam.com.": {"fabrikam.com. 60 IN NS ns1.nowhere.example."},
	})
	child := serve(t, dnstest.Options{Zones: map[string]string{"contoso.com": contoso}})
	resolver := serve(t, dnstest.Options{
		Zones: map[string]string{"com": "@ NS ns.gtld.example.", "gtld.example": "ns A 198.51.100.1", "nowhere.example": ""},
		Fault: func(r dnstest.Request) dnstest.Fault {
			if strings.HasSuffix(r.Key.Name, "contoso.com.") {
				return dnstest.Fault{Code: 2}
			}
			return dnstest.Fault{}
		}})
	c := New(Options{Resolvers: []string{resolver.Addr()}, Clock: clock, Timeout: time.Second, Retries: -1,
		Dial: func(ctx context.Context, network, addr string) (net.Conn, error) {
			to := map[string]string{resolver.Addr(): resolver.Addr(), "198.51.100.1:53": parent, "192.0.2.1:53": child.Addr()}[addr]
			return new(net.Dialer).DialContext(ctx, network, to)
		}})
	for _, tt := range []struct {
		zone, source, err string
		key               rr.Key
	}{
		{"contoso.com", "ns1.contoso.com. (192.0.2.1:53)", "", key("mail.contoso.com.", "A")},
		{"fabrikam.com", "ns1.nowhere.example.", "it has no address in DNS", key("fabrikam.com.", "A")},
		{"tailspin.com", "tailspin.com's name servers", "ns.gtld.example, which serves com, delegates it nowhere", key("tailspin.com.", "A")},
	} {
		got := c.RRsets(t.Context(), []Ask{{Zone: zone(t, "zone.it", tt.zone), Key: tt.key}})
		if len(got) != 1 || got[0].Source != tt.source || !strings.Contains(got[0].Err, tt.err) || (tt.err == "") != (got[0].Set != nil) {
			t.Errorf("%s: got %+v", tt.zone, got)
		}
	}
}

// referring runs a server that refers names to others: an NS set, and glue.
func referring(t *testing.T, to map[string][]string) (addr string) {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	up := make(chan struct{})
	s := &dns.Server{PacketConn: conn, NotifyStartedFunc: func() { close(up) }, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		a := new(dns.Msg).SetReply(q)
		for _, text := range to[q.Question[0].Name] {
			r, err := dns.NewRR(text)
			if err != nil {
				t.Error(err)
				return
			}
			if r.Header().Rrtype == dns.TypeNS {
				a.Ns = append(a.Ns, r)
			} else {
				a.Extra = append(a.Extra, r)
			}
		}
		a.Authoritative = len(a.Ns) == 0
		w.WriteMsg(a)
	})}
	go s.ActivateAndServe()
	<-up
	t.Cleanup(func() { s.Shutdown() })
	return conn.LocalAddr().String()
}
