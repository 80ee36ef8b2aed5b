package mailtest

import (
	"net/netip"
	"strings"

	"github.com/mailrelay/mailrelay/schema"
)

// Check finds what has no meaning in the test by itself.
func (t *Test) Check() []schema.Problem {
	s := &settling{test: t}
	s.assertions()
	s.client()
	return s.problems
}

// assertions finds tests that assert nothing, or what cannot be true at once.
func (s *settling) assertions() {
	w := s.test.Want
	if w == (Want{}) {
		s.report("", "Test without an assertion", "Nothing is expected of this message, so the test cannot fail. Add accept = true, or another of code, via, next_hop, rewritten_to and connector.")
		return
	}
	refused := w.Accept != nil && !*w.Accept || w.Code >= 300
	switch {
	case w.Accept != nil && w.Code != 0 && *w.Accept != (w.Code < 300):
		s.report("code", "Contradicting assertions", "accept = %t and code = %d cannot both be true: codes from 200 to 299 accept a message, all others refuse it. Correct one of the two.", *w.Accept, w.Code)
	case refused && !w.Via.IsZero():
		s.refusedBut("via")
	case refused && w.NextHop != "":
		s.refusedBut("next_hop")
	case refused && !w.RewrittenTo.IsNull():
		s.refusedBut("rewritten_to")
	}
}

func (s *settling) refusedBut(attr string) {
	s.report(attr, "Contradicting assertions", "The test expects that the message is refused, and a message that is refused goes nowhere. Take %s out, or expect that it is accepted.", attr)
}

// client finds what no client can be.
func (s *settling) client() {
	t := s.test
	socket := strings.HasPrefix(t.Binding, "unix:")
	switch {
	case !t.Client.IsValid() && !socket:
		s.report("", "Missing required argument", "The test does not say which client sends the message. Write client = \"10.20.0.9\", with the address that is meant.")
	case t.Client.IsValid() && socket:
		s.report("client", "Client without an address", "Who connects to %s is this machine itself and has no address. Leave client out.", t.Binding)
	case t.Certificate != nil && t.TLS != nil && !*t.TLS:
		s.report("tls", "Certificate without TLS", "A client shows a certificate under TLS alone. Leave tls = false out, or client_certificate.")
	}
	if ap, err := netip.ParseAddrPort(t.Binding); err == nil && t.Client.IsValid() && ap.Addr().Is4() != t.Client.Is4() {
		s.report("binding", "Client and binding do not meet", "The client %s cannot connect to %s, because one of them is an IPv4 address and the other is IPv6. Write a binding of the client's family.", t.Client, t.Binding)
	}
}
