package reach

import (
	"slices"
	"strings"

	"go4.org/netipx"

	"github.com/mailrelay/mailrelay/schema/decide"
)

// place is listeners with the clients that are meant there.
type place struct {
	listeners []string // nil: all
	clients   []string
}

// gather puts listeners together that mean the same clients: all of the relay's, as
// far as those can connect there, or all of one port. sets has nil where nobody is
// meant.
func gather(listeners []decide.Listener, sets []*netipx.IPSetBuilder) []place {
	var all netipx.IPSetBuilder
	built := make([]*netipx.IPSet, len(sets))
	var sockets []string
	same := true // for every listener on the network
	for i, b := range sets {
		if b == nil {
			built[i] = &netipx.IPSet{}
			continue
		}
		built[i], _ = b.IPSet() // of valid ranges alone
		if listeners[i].Unix != "" {
			sockets = append(sockets, "unix:"+listeners[i].Unix)
		} else {
			all.AddSet(built[i])
		}
	}
	var out []place
	if len(sockets) > 0 {
		out = append(out, place{sockets, []string{machine}})
	}
	union, _ := all.IPSet()
	if len(union.Ranges()) == 0 {
		return out
	}
	net := 0
	for i, l := range listeners {
		if l.Unix == "" {
			net++
			same = same && built[i].Equal(family(union, l))
		}
	}
	if same {
		p := place{clients: ranges(union)}
		if net < len(listeners) { // a socket means something else
			for _, l := range listeners {
				if l.Unix == "" {
					p.listeners = append(p.listeners, l.Local.String())
				}
			}
		}
		return append(out, p)
	}
	return append(out, byPort(listeners, built)...)
}

// byPort gathers the listeners of each port, and then ports with the same clients.
func byPort(listeners []decide.Listener, built []*netipx.IPSet) []place {
	ports := map[uint16]*netipx.IPSetBuilder{}
	for i, l := range listeners {
		if l.Unix != "" {
			continue
		}
		if ports[l.Local.Port()] == nil {
			ports[l.Local.Port()] = &netipx.IPSetBuilder{}
		}
		ports[l.Local.Port()].AddSet(built[i])
	}
	unions := map[uint16]*netipx.IPSet{}
	uniform := map[uint16]bool{}
	for port, b := range ports {
		unions[port], _ = b.IPSet()
		uniform[port] = true
	}
	for i, l := range listeners {
		if l.Unix == "" {
			uniform[l.Local.Port()] = uniform[l.Local.Port()] && built[i].Equal(family(unions[l.Local.Port()], l))
		}
	}
	index := map[string]int{}
	var out []place
	for i, l := range listeners {
		clients := built[i]
		if l.Unix != "" {
			continue
		}
		if uniform[l.Local.Port()] {
			clients = unions[l.Local.Port()]
		}
		if len(clients.Ranges()) == 0 {
			continue
		}
		p := place{clients: ranges(clients)}
		key := strings.Join(p.clients, " ")
		at, ok := index[key]
		if !ok {
			at = len(out)
			index[key] = at
			out = append(out, p)
		}
		out[at].listeners = append(out[at].listeners, l.Local.String())
	}
	for i := range out {
		slices.Sort(out[i].listeners)
	}
	return out
}

// family are the addresses of s that can connect to l.
func family(s *netipx.IPSet, l decide.Listener) *netipx.IPSet {
	var b netipx.IPSetBuilder
	b.AddRange(space(l))
	b.Intersect(s)
	out, _ := b.IPSet()
	return out
}
