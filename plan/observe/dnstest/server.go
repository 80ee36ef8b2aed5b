// Package dnstest is an authoritative name server in process, for tests and for
// the sandbox, as net/http/httptest is for HTTP.
//
// It answers over UDP and TCP on one port of loopback, from zones given as text:
// authoritatively, with the SOA in negative answers, with wildcards and CNAMEs.
// It takes dynamic updates (RFC 2136) signed by TSIG (RFC 8945), with every kind
// of prerequisite, each update whole or not at all. To stand in for the world it
// also offers recursion (ra), which is no more than the names of its own zones:
// it refuses all others.
//
// Where servers differ it takes the stricter side: like Knot it compares names in
// the data of prerequisites with regard to case, and it ignores data that is
// there already even if it comes with another TTL.
//
// A Server does not sign zones.
package dnstest

import (
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/miekg/dns"

	"github.com/mailrelay/mailrelay/schema/rr"
)

// Options say what a Server serves. Only Zones is needed.
type Options struct {
	// Zones holds the text of master files by zone name. A zone without SOA gets
	// one with serial 1.
	Zones map[string]string
	// TSIG holds secrets in base64 by key name. With any, updates must be signed by
	// one of them; without, they are taken from everybody.
	TSIG map[string]string
	// Listen is the address of both sockets; empty means 127.0.0.1 and a free port.
	Listen string
	// Fault is asked what goes wrong with each message. Nil: nothing does. It is
	// called by several goroutines.
	Fault func(Request) Fault
}

// Request is what a fault may depend on.
type Request struct {
	Network string // "udp" or "tcp"
	Update  bool
	EDNS    bool   // the message has an OPT record
	Key     rr.Key // the question; of an update, the zone and SOA
}

// Fault is what goes wrong. The zero Fault is nothing.
type Fault struct {
	Delay    time.Duration // before the message is looked at
	Code     int           // answered, other than 0, and nothing is done: 2 is SERVFAIL, 5 REFUSED
	Lost     bool          // nothing is done, and nothing is answered
	Silent   bool          // what was asked is done, and not answered
	Hangup   bool          // with Lost or Silent, over TCP: the connection is closed
	Truncate bool          // an answer over UDP is cut to nothing
	NotAuth  bool          // an answer is not authoritative
	// Garble, if set, gives what goes out in place of an answer, which it may change.
	Garble func(answer []byte) []byte
}

// Server is a running name server.
type Server struct {
	addr    string
	mu      sync.Mutex
	zones   map[string]*zone // by name: lower case, final dot
	fault   func(Request) Fault
	secured bool // updates must be signed
	running []*dns.Server
	closed  chan struct{}
}

// New starts a server, which runs until Close.
func New(o Options) (*Server, error) {
	s := &Server{zones: map[string]*zone{}, fault: o.Fault, secured: len(o.TSIG) > 0, closed: make(chan struct{})}
	for name, text := range o.Zones {
		z, err := parseZone(name, text)
		if err != nil {
			return nil, err
		}
		s.zones[z.name] = z
	}
	secrets := map[string]string{}
	for name, secret := range o.TSIG {
		secrets[dns.CanonicalName(name)] = secret
	}
	packets, streams, err := listen(o.Listen)
	if err != nil {
		return nil, err
	}
	s.addr = packets.LocalAddr().String()
	up := make(chan struct{}, 2)
	for _, d := range []*dns.Server{{PacketConn: packets, Net: "udp"}, {Listener: streams, Net: "tcp"}} {
		d.Handler = handler{s, d.Net}
		d.TsigSecret = secrets
		d.UDPSize = dns.MaxMsgSize
		d.MsgAcceptFunc = accept
		d.NotifyStartedFunc = func() { up <- struct{}{} }
		s.running = append(s.running, d)
		go d.ActivateAndServe()
	}
	<-up
	<-up
	return s, nil
}

// listen opens one port for both networks. A free one is looked for a few times,
// since a port that is free for one may be taken for the other.
func listen(addr string) (net.PacketConn, net.Listener, error) {
	if addr == "" {
		addr = "127.0.0.1:0"
	}
	for try := 1; ; try++ {
		l, err := net.Listen("tcp", addr)
		if err != nil {
			return nil, nil, fmt.Errorf("dnstest: %w", err)
		}
		p, err := net.ListenPacket("udp", l.Addr().String())
		if err == nil {
			return p, l, nil
		}
		l.Close()
		if try == 20 {
			return nil, nil, fmt.Errorf("dnstest: %w", err)
		}
	}
}

// accept lets updates through, which miekg/dns refuses by default.
func accept(h dns.Header) dns.MsgAcceptAction {
	const response = 1 << 15
	switch opcode := int(h.Bits>>11) & 0xF; {
	case h.Bits&response != 0:
		return dns.MsgIgnore
	case opcode != dns.OpcodeQuery && opcode != dns.OpcodeUpdate:
		return dns.MsgRejectNotImplemented
	case h.Qdcount != 1:
		return dns.MsgReject
	}
	return dns.MsgAccept
}

// Addr is the address of the server, for UDP and TCP: "127.0.0.1:40123".
func (s *Server) Addr() string { return s.addr }

// Close stops the server and waits for its goroutines. It may be called once.
func (s *Server) Close() error {
	close(s.closed)
	var first error
	for _, d := range s.running {
		if err := d.Shutdown(); err != nil && first == nil {
			first = err
		}
	}
	return first
}

// SetFault changes what goes wrong from now on. Nil: nothing does.
func (s *Server) SetFault(f func(Request) Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = f
}

// Records lists the RRsets of a zone, sorted, without the SOA. It is nil for a
// zone that the server does not have.
func (s *Server) Records(zone string) []rr.Set {
	s.mu.Lock()
	defer s.mu.Unlock()
	z := s.zones[dns.CanonicalName(zone)]
	if z == nil {
		return nil
	}
	return z.sets()
}

// Serial is the serial number of a zone, 0 if there is none.
func (s *Server) Serial(zone string) uint32 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if z := s.zones[dns.CanonicalName(zone)]; z != nil {
		return z.soa().Serial
	}
	return 0
}

// Set puts an RRset in place of what is there, as if somebody else had done it.
// name is full; values are data as in a master file, TXT in quotes. Without
// values the RRset goes.
func (s *Server) Set(name, typ string, ttl uint32, values ...string) error {
	name = dns.Fqdn(name)
	var set []dns.RR
	for _, v := range values {
		r, err := dns.NewRR(fmt.Sprintf("%s %d IN %s %s", name, ttl, typ, v))
		if err != nil || r == nil {
			return fmt.Errorf("dnstest: %s %s %q: %w", name, typ, v, err)
		}
		set = append(set, r)
	}
	code, err := rr.Code(typ)
	if err != nil {
		return fmt.Errorf("dnstest: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	z := s.zoneOf(dns.CanonicalName(name))
	if z == nil {
		return fmt.Errorf("dnstest: %s is in none of the zones", name)
	}
	z.put(name, code, set)
	z.raise()
	return nil
}

// zoneOf finds the zone with the longest name that holds name, nil if none does.
func (s *Server) zoneOf(name string) *zone {
	for {
		if z := s.zones[name]; z != nil {
			return z
		}
		next, end := dns.NextLabel(name, 0)
		if end {
			return s.zones["."]
		}
		name = name[next:]
	}
}
