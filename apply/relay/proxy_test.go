package relay

import (
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/pires/go-proxyproto"

	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/decide"
)

// behindProxy are a connector for printers that believes the proxy 10.9.9.1, and one
// for others that does not.
func behindProxy(more string) string {
	return block(connector("printers", strings.Replace(relaying, "10.0.0.0/8", "10.1.0.0/16", 1), `proxy_protocol = ["10.9.9.1"]`, more) +
		connector("others", `remote_ip_ranges = ["10.9.0.0/16", "172.16.0.0/12"]`))
}

// second is a PROXY header of version 2.
func second(t *testing.T, command proxyproto.ProtocolVersionAndCommand, from string) string {
	t.Helper()
	h := proxyproto.HeaderProxyFromAddrs(2, net.TCPAddrFromAddrPort(netip.MustParseAddrPort(from)), &net.TCPAddr{IP: net.IPv4(10, 0, 0, 2), Port: 25})
	h.Command = command
	raw, err := h.Format()
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

const asPrinter = `
	<~ 220
	-> EHLO printer
	<~ 250
	-> MAIL FROM:<a@contoso.com>
	<~ 250
	-> RCPT TO:<b@fabrikam.com>
	<~ 250
	-> DATA
	<~ 354
	-> A: 1
	-> .
	<~ 250`

func TestProxy(t *testing.T) {
	tests := []struct {
		name, from, header, dialogue string
		received                     string // in the trace of what arrives
	}{
		{name: "version 1", from: "10.9.9.1", header: "PROXY TCP4 10.1.2.3 10.0.0.2 40000 25\r\n", dialogue: asPrinter, received: "from printer ([10.1.2.3])"},
		{name: "version 1, with the client's first words", from: "10.9.9.1", header: "PROXY TCP4 10.1.2.3 10.0.0.2 40000 25\r\nEHLO printer\r\n", dialogue: `
			<~ 220
			<~ 250
			-> QUIT
			<~ 221
			<eof`},
		{name: "version 2", from: "10.9.9.1", header: second(t, proxyproto.PROXY, "10.1.2.3:40000"), dialogue: asPrinter, received: "from printer ([10.1.2.3])"},
		{name: "IPv4 inside IPv6", from: "10.9.9.1", header: "PROXY TCP6 ::ffff:10.1.2.3 ::ffff:10.0.0.2 40000 25\r\n", dialogue: asPrinter, received: "([10.1.2.3])"},
		{name: "no header", from: "10.9.9.1", header: "EHLO printer\r\n", dialogue: `
			<~ 554 5\.7\.1 Connections from 10\.9\.9\.1 to relay\.edge must begin with a PROXY header
			<eof`},
		{name: "half a header", from: "10.9.9.1", header: "PROXY TCP4 10.1", dialogue: `
			<~ 554 5\.7\.1
			<eof`},
		{name: "a header without sense", from: "10.9.9.1", header: "PROXY TCP4 printer 10.0.0.2 40000 25\r\n", dialogue: `
			<~ 554 5\.7\.1
			<eof`},
		{name: "a client that nobody is meant for", from: "10.9.9.1", header: "PROXY TCP4 192.0.2.1 10.0.0.2 40000 25\r\n", dialogue: `
			<~ 554 5\.7\.1 No receive connector of relay\.edge is meant for your address
			<eof`},
		{name: "a client of a connector that does not believe", from: "10.9.9.1", header: "PROXY TCP4 172.16.0.1 10.0.0.2 40000 25\r\n", dialogue: `
			<~ 554 5\.7\.1 The PROXY header of 10\.9\.9\.1 is not believed for clients of receive_connector\.others
			<eof`},
		{name: "the proxy itself, version 1", from: "10.9.9.1", header: "PROXY UNKNOWN\r\n", dialogue: `
			<~ 220
			-> EHLO proxy
			<~ 250
			-> MAIL FROM:<a@contoso.com>
			<~ 250
			-> RCPT TO:<b@fabrikam.com>
			<~ 550 5\.7\.54 .*receive_connector\.others`},
		{name: "the proxy itself, version 2", from: "10.9.9.1", header: second(t, proxyproto.LOCAL, "10.1.2.3:40000"), dialogue: `
			<~ 220
			-> EHLO proxy
			<~ 250
			-> MAIL FROM:<a@contoso.com>
			<~ 250
			-> RCPT TO:<b@fabrikam.com>
			<~ 550 5\.7\.54 .*receive_connector\.others`},
		{name: "from elsewhere, version 1", from: "10.9.9.2", header: "PROXY TCP4 10.1.2.3 10.0.0.2 40000 25\r\n", dialogue: `
			<~ 220
			<~ 554 5\.7\.1 Your address 10\.9\.9\.2 is not in proxy_protocol of receive_connector\.others
			<eof`},
		{name: "from elsewhere, version 2", from: "10.9.9.2", header: second(t, proxyproto.PROXY, "10.1.2.3:40000"), dialogue: `
			<~ 220
			<~ 50[01]
			<~ 50[01]
			<~ 50[01]
			<~ 221
			<eof`},
		{name: "a client without proxy", from: "10.1.2.3", header: "", dialogue: asPrinter, received: "([10.1.2.3])"},
	}
	w := newWorld(t, nil)
	w.runsFrom(behindProxy(""))
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := w.connect(tt.from)
			if _, err := c.conn.Write([]byte(tt.header)); err != nil {
				t.Fatal(err)
			}
			c.play(tt.dialogue)
			if tt.received == "" {
				return
			}
			if l := w.sink.next(t); !strings.Contains(l.Content, tt.received) {
				t.Errorf("the message says %q, want %q", l.Content, tt.received)
			}
			c.play("-> QUIT\n<~ 221\n<eof")
		})
	}
	if n := len(w.sink.got); n > 0 {
		t.Errorf("%d more messages arrived", n)
	}
}

// TestProxyLimits counts connections of the client, not of the proxy.
func TestProxyLimits(t *testing.T) {
	w := newWorld(t, nil)
	w.runsFrom(behindProxy("max_inbound_connections_per_source = 1"))
	for _, tt := range []struct{ from, want string }{{"10.1.0.1", `<~ 220`}, {"10.1.0.2", `<~ 220`}, {"10.1.0.1", `<~ 421 4\.3\.2 .*per_source`}} {
		w.connect("10.9.9.1").play(`-> PROXY TCP4 ` + tt.from + ` 10.0.0.2 40000 25` + "\n" + tt.want)
	}
}

// TestSilentProxy gives a proxy so long to say who speaks, and no longer.
func TestSilentProxy(t *testing.T) {
	w := newWorld(t, nil)
	n := newNode(t.Context(), w.o.withDefaults())
	s := &script{reads: []any{os.ErrDeadlineExceeded}}
	start := time.Now()
	n.unproxied(s, decide.Client{Remote: netip.MustParseAddr("10.9.9.1")})
	if len(s.deadlines) == 0 || s.deadlines[0].IsZero() || s.deadlines[0].Sub(start) > proxyTimeout+time.Second {
		t.Errorf("deadlines %v", s.deadlines)
	}
	if got := strings.Join(s.written, ""); !strings.HasPrefix(got, "554 5.7.1 ") || !s.closed {
		t.Errorf("got %q", got)
	}
}

// TestProxyLooksWhetherWeAreThere: load balancers connect and hang up, all day long.
func TestProxyLooksWhetherWeAreThere(t *testing.T) {
	w := newWorld(t, nil)
	n := newNode(t.Context(), w.o.withDefaults())
	s := &script{}
	n.unproxied(s, decide.Client{Remote: netip.MustParseAddr("10.9.9.1")})
	if !s.closed || len(s.written) > 0 { // who is refused is told so
		t.Errorf("closed %v, written %q", s.closed, s.written)
	}
}

// TestRefusedInAFlood cuts off refused clients when many of them are being told why.
func TestRefusedInAFlood(t *testing.T) {
	w := newWorld(t, nil)
	n := newNode(t.Context(), w.o.withDefaults())
	for range cap(n.refusing) {
		n.refusing <- struct{}{}
	}
	s := &script{}
	n.reject(s, decide.Client{}, schema.Addr{}, reply(554, 5, 7, 1, "No"))
	if !s.closed || len(s.written) > 0 {
		t.Errorf("closed %v, written %q", s.closed, s.written)
	}
}
