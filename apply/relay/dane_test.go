package relay

import (
	"context"
	"net"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"github.com/mailrelay/mailrelay/apply/state"
)

// TestDANEByTrustedResolver: a relay believes DNSSEC only where its configuration
// says so, and says why it cannot verify. When it can, a host that has TLSA records
// and no TLS gets no mail.
func TestDANEByTrustedResolver(t *testing.T) {
	records := map[uint16]string{
		dns.TypeSOA:  ". 60 IN SOA a. b. 1 1 1 1 1",
		dns.TypeA:    "mx.fabrikam.com. 60 IN A 192.0.2.1",
		dns.TypeTLSA: "_25._tcp.mx.fabrikam.com. 60 IN TLSA 3 1 1 0000000000000000000000000000000000000000000000000000000000000000",
	}
	pc, err := new(net.ListenConfig).ListenPacket(t.Context(), "udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &dns.Server{PacketConn: pc, Handler: dns.HandlerFunc(func(rw dns.ResponseWriter, q *dns.Msg) {
		a := new(dns.Msg).SetReply(q)
		a.AuthenticatedData = true
		if rr, err := dns.NewRR(records[q.Question[0].Qtype]); err == nil && rr != nil {
			a.Answer = []dns.RR{rr}
		}
		_ = rw.WriteMsg(a)
	})}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = server.ActivateAndServe()
	}()
	t.Cleanup(func() {
		pc.Close()
		<-ended
	})
	w := newWorld(t, func(o *Options) {
		o.Resolvers = func() ([]string, error) { return []string{"192.0.2.53:53"}, nil }
		sink := o.Dial
		o.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
			if address == pc.LocalAddr().String() {
				return new(net.Dialer).DialContext(ctx, network, address)
			}
			return sink(ctx, network, address)
		}
	})
	text := block(connector("in", relaying) + "\n" + `mailrelay {}`)
	text = strings.Replace(text, `smart_hosts    = ["192.0.2.1"]`, `smart_hosts = ["mx.fabrikam.com"]
  tls {
    verify = "dane"
  }`, 1)
	w.runsFrom(text)
	w.talk("10.0.0.1", "<~ 220\n-> EHLO x\n<~ 250\n-> MAIL FROM:<a@contoso.com>\n<~ 250\n-> RCPT TO:<b@contoso.com>\n<~ 250\n-> DATA\n<~ 354\n-> x\n-> .\n<~ 250\n-> QUIT\n<~ 221")
	says := func(sentence string) {
		t.Helper()
		w.await(sentence, func(n state.Node) bool { return strings.Contains(n.LastError, sentence) })
	}
	says(`send_connector.out has verify = "dane", which cannot be done: the answers of DNS are believed only from a resolver on this machine, and the system's are others (192.0.2.53:53)`)
	w.runs(w.config(strings.Replace(text, "mailrelay {}", "mailrelay {\n  trusted_resolvers = [\""+pc.LocalAddr().String()+"\"]\n}", 1)))
	says("mx.fabrikam.com does not offer STARTTLS, and its TLSA records in DNS say that it does")
	select {
	case l := <-w.sink.got:
		t.Errorf("it was sent: %+v", l)
	default:
	}
}
