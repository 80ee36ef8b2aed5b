package mailtest

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/mailrelay/mailrelay/schema"
)

// Settle finds in c the relay and the binding that the test leaves open, and what
// has no meaning in the test because of c. A test with problems must not be run.
func (t *Test) Settle(c *schema.Config) []schema.Problem {
	s := &settling{test: t}
	s.place(c)
	if r := schema.At[*schema.Relay](c, t.Relay); r != nil && t.Certificate != nil && (r.TLS == nil || r.TLS.ClientCA == "") {
		s.report("client_certificate", "No certificate can be verified",
			"%s has no client_ca, so it verifies no certificate of a client, and none makes a client a partner. Add tls { client_ca = … } to it, or leave client_certificate out.", t.Relay)
	}
	return s.problems
}

type settling struct {
	test     *Test
	problems []schema.Problem
}

func (s *settling) report(attr, summary, format string, args ...any) {
	s.problems = append(s.problems, schema.Problem{Addr: s.test.Addr, Attr: attr, Summary: summary, Detail: fmt.Sprintf(format, args...)})
}

// door is where clients can connect.
type door struct {
	relay   schema.Addr
	binding string
}

// place finds the relay and the binding.
func (s *settling) place(c *schema.Config) {
	t := s.test
	doors := s.doors(c)
	if t.Binding == "" {
		usual := slices.DeleteFunc(slices.Clone(doors), func(d door) bool { return d.binding != "0.0.0.0:25" && d.binding != "[::]:25" })
		if len(usual) > 0 {
			doors = usual
		}
	}
	switch len(doors) {
	case 1:
		t.Relay = doors[0].relay
		if t.Binding == "" {
			t.Binding = doors[0].binding
		}
	case 0:
		s.nowhere(c)
	default:
		s.several(doors)
	}
}

// doors are those that the test may mean, each once, sorted.
func (s *settling) doors(c *schema.Config) []door {
	t := s.test
	var out []door
	for _, r := range schema.All[*schema.ReceiveConnector](c) {
		if !t.Relay.IsZero() && t.Relay != r.Relay {
			continue
		}
		for _, b := range r.Bindings {
			switch {
			case t.Binding == b:
			case t.Binding != "" && holds(b, t.Binding):
				b = t.Binding
			case t.Binding != "" || !reaches(t.Client, b):
				continue
			}
			out = append(out, door{r.Relay, b})
		}
	}
	slices.SortFunc(out, func(a, b door) int {
		if n := a.relay.Compare(b.relay); n != 0 {
			return n
		}
		return strings.Compare(a.binding, b.binding)
	})
	return slices.Compact(out)
}

// holds reports whether the binding wide is for all addresses, and so for narrow.
func holds(wide, narrow string) bool {
	w, err1 := netip.ParseAddrPort(wide)
	n, err2 := netip.ParseAddrPort(narrow)
	return err1 == nil && err2 == nil && w.Addr().IsUnspecified() && w.Addr().Is4() == n.Addr().Is4() && w.Port() == n.Port()
}

// reaches reports whether a client can connect to a binding by its family.
func reaches(client netip.Addr, binding string) bool {
	ap, err := netip.ParseAddrPort(binding)
	return err == nil && ap.Addr().Is4() == client.Is4()
}

func (s *settling) nowhere(c *schema.Config) {
	t := s.test
	at := "this configuration"
	if !t.Relay.IsZero() {
		at = t.Relay.String()
	}
	attr, what := "client", "a binding that "+t.Client.String()+" could connect to"
	if t.Binding != "" {
		attr, what = "binding", "the binding "+t.Binding
	}
	var have []string
	for _, r := range schema.All[*schema.ReceiveConnector](c) {
		if t.Relay.IsZero() || t.Relay == r.Relay {
			have = append(have, r.Bindings...)
		}
	}
	slices.Sort(have)
	if have = slices.Compact(have); len(have) == 0 {
		s.report(attr, "Nobody listens", "%s has no receive_connector, so no client can hand in mail. Declare one, or remove the test.", at)
		return
	}
	s.report(attr, "Nobody listens there", "No receive_connector of %s has %s. They listen on %s.", at, what, strings.Join(have, ", "))
}

func (s *settling) several(doors []door) {
	one := doors[0].relay
	var relays, bindings []string
	for _, d := range doors {
		relays, bindings = append(relays, d.relay.String()), append(bindings, d.binding)
	}
	slices.Sort(bindings)
	relays, bindings = slices.Compact(relays), slices.Compact(bindings)
	if len(relays) > 1 {
		s.report("", "Which relay?", "%s listen where the client of this test could connect, and they may answer differently. Say which one is meant: relay = %s.", strings.Join(relays, " and "), one)
		return
	}
	s.report("", "Which binding?", "%s listens on %s, and none of them is the usual port 25 on all addresses. Say which one is meant: binding = %q.", one, strings.Join(bindings, " and "), bindings[0])
}
