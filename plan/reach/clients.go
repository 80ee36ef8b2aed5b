package reach

import (
	"net/netip"
	"slices"
	"time"

	"go4.org/netipx"

	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/decide"
)

// machine is how a Line names who comes over a Unix socket.
const machine = "this machine"

// door is what answers a client: a connector, and whether the entry of its allowlist
// demands TLS. The zero door is nobody.
type door struct {
	connector  *decide.Receive
	requireTLS bool
}

// doors are those before and after.
type doors [2]door

// crowd is all clients at doors with the same rules.
type crowd struct {
	doors   doors
	clients [2]decide.Client // one of them, as each policy sees it
	spans   []span
}

// span is a part of a crowd.
type span struct {
	house, listener int // of which relay, and which of its listeners
	rng             netipx.IPRange
}

// house is a relay, before and after.
type house struct {
	relays    [2]schema.Addr
	listeners []decide.Listener
}

// houses pairs the relays of two policies: by address, or because there is one each.
func houses(policies [2]*decide.Policy) []house {
	before, after := policies[0].Relays(), policies[1].Relays()
	nobody := schema.Addr{Type: "relay"} // no relay has it
	var out []house
	if len(before) == 1 && len(after) == 1 {
		out = append(out, house{relays: [2]schema.Addr{before[0], after[0]}})
	} else {
		for _, a := range before {
			out = append(out, house{relays: [2]schema.Addr{a, nobody}})
		}
		for _, a := range after {
			if i := slices.Index(before, a); i >= 0 {
				out[i].relays[1] = a
			} else {
				out = append(out, house{relays: [2]schema.Addr{nobody, a}})
			}
		}
	}
	for i := range out {
		h := &out[i]
		for side, p := range policies {
			for _, l := range p.Listeners(h.relays[side]) {
				if !slices.Contains(h.listeners, l) {
					h.listeners = append(h.listeners, l)
				}
			}
		}
	}
	return out
}

// name is the relay as a Line has it: where there are several.
func (h house) name(several bool) schema.Addr {
	switch {
	case !several:
		return schema.Addr{}
	case h.relays[1].Name != "":
		return h.relays[1]
	}
	return h.relays[0]
}

// crowds are all clients, by the rules of the doors that they come to.
func crowds(policies [2]*decide.Policy, houses []house, at time.Time) []*crowd {
	rules := map[*decide.Receive]string{nil: ""}
	of := func(r *decide.Receive) string {
		s, ok := rules[r]
		if !ok {
			s = r.Rules()
			rules[r] = s
		}
		return s
	}
	type key struct {
		rules      [2]string
		requireTLS [2]bool
	}
	index := map[key]*crowd{}
	var out []*crowd
	for hi, h := range houses {
		for li, l := range h.listeners {
			var both [2][]decide.Stretch
			for side, p := range policies {
				both[side] = p.Stretches(h.relays[side], l, at)
			}
			sweep(both, space(l), func(rng netipx.IPRange, d doors) {
				k := key{[2]string{of(d[0].connector), of(d[1].connector)}, [2]bool{d[0].requireTLS, d[1].requireTLS}}
				c := index[k]
				if c == nil {
					c = &crowd{doors: d}
					for side := range policies {
						c.clients[side] = decide.Client{Relay: h.relays[side], Local: l.Local, Unix: l.Unix, Remote: rng.From(), At: at}
					}
					index[k] = c
					out = append(out, c)
				}
				c.spans = append(c.spans, span{hi, li, rng})
			})
		}
	}
	return out
}

// space is who can connect to a listener: the addresses of its family, or the machine
// itself.
func space(l decide.Listener) netipx.IPRange {
	if l.Unix != "" {
		self := netip.AddrFrom4([4]byte{127, 0, 0, 1})
		return netipx.IPRangeFrom(self, self)
	}
	four, six := families()
	if l.Local.Addr().Is4() {
		return netipx.RangeOfPrefix(four)
	}
	return netipx.RangeOfPrefix(six)
}

// sweep cuts the space where the door changes, before or after.
func sweep(both [2][]decide.Stretch, all netipx.IPRange, f func(netipx.IPRange, doors)) {
	for next := all.From(); next.IsValid() && !all.To().Less(next); {
		end := all.To()
		var d doors
		for side := range both {
			for len(both[side]) > 0 && both[side][0].Range.To().Less(next) {
				both[side] = both[side][1:]
			}
			if len(both[side]) == 0 {
				continue
			}
			s := both[side][0]
			if next.Less(s.Range.From()) { // nobody, until then
				if before := s.Range.From().Prev(); before.IsValid() && before.Less(end) && before.Is4() == end.Is4() {
					end = before
				}
				continue
			}
			d[side] = door{s.Connector, s.RequireTLS}
			if s.Range.To().Less(end) {
				end = s.Range.To()
			}
		}
		f(netipx.IPRangeFrom(next, end), d)
		next = end.Next()
	}
}

// families are all addresses of IPv4 and of IPv6.
func families() (four, six netip.Prefix) {
	return netip.PrefixFrom(netip.IPv4Unspecified(), 0), netip.PrefixFrom(netip.IPv6Unspecified(), 0)
}

func ranges(s *netipx.IPSet) []string {
	var out []string
	for _, r := range s.Ranges() {
		out = append(out, schema.FormatRange(r))
	}
	return out
}
