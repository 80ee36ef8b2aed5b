package decide

import (
	"cmp"
	"net/netip"
	"slices"
	"time"

	"github.com/gaissmai/bart"
	"go4.org/netipx"
)

// door is a binding of a receive connector, with the clients that it answers
// there.
type door struct {
	client  Client // as somebody who connects there, without an address
	clients *netipx.IPSet
}

// doors are the bindings of every receive connector at the time at: what its
// ranges hold, without what a more specific range of another one takes. Whoever
// comes over a Unix socket is the machine itself.
func (p *Policy) doors(at time.Time) map[*Receive][]door {
	out := map[*Receive][]door{}
	for relay, e := range p.entrances {
		if relay.IsZero() {
			continue // the connectors of all relays, once more
		}
		for local, t := range e.tables {
			c := Client{Relay: relay, Local: local, At: at}
			for r, set := range answered(t, at) {
				out[r] = append(out[r], door{c, set})
			}
		}
		for path, t := range e.sockets {
			c := Client{Relay: relay, Unix: path, At: at}
			for r, set := range answered(t, at) {
				if self := within(set, machine()); len(self.Ranges()) > 0 {
					out[r] = append(out[r], door{c, self})
				}
			}
		}
	}
	for _, list := range out {
		slices.SortFunc(list, func(a, b door) int {
			return cmp.Or(a.client.Local.Compare(b.client.Local), cmp.Compare(a.client.Unix, b.client.Unix))
		})
	}
	return out
}

// machine is who comes over a Unix socket.
func machine() *netipx.IPSet {
	var b netipx.IPSetBuilder
	b.Add(netip.AddrFrom4([4]byte{127, 0, 0, 1}))
	return set(&b)
}

// answered are the addresses for which each connector of a table is chosen.
func answered(t *bart.Table[[]claim], at time.Time) map[*Receive]*netipx.IPSet {
	sets := map[*Receive]*netipx.IPSetBuilder{}
	for _, s := range stretches(t, at) {
		if sets[s.Connector] == nil {
			sets[s.Connector] = &netipx.IPSetBuilder{}
		}
		sets[s.Connector].AddRange(s.Range)
	}
	out := map[*Receive]*netipx.IPSet{}
	for r, b := range sets {
		out[r] = set(b)
	}
	return out
}

// set is the set that b describes: of valid prefixes alone, so that nothing can
// fail.
func set(b *netipx.IPSetBuilder) *netipx.IPSet {
	s, err := b.IPSet()
	if err != nil {
		return &netipx.IPSet{}
	}
	return s
}

func within(a, b *netipx.IPSet) *netipx.IPSet {
	var in netipx.IPSetBuilder
	in.AddSet(a)
	in.Intersect(b)
	return set(&in)
}

func union(a, b *netipx.IPSet) *netipx.IPSet {
	var all netipx.IPSetBuilder
	all.AddSet(a)
	all.AddSet(b)
	return set(&all)
}

func without(a, b *netipx.IPSet) *netipx.IPSet {
	var left netipx.IPSetBuilder
	left.AddSet(a)
	left.RemoveSet(b)
	return set(&left)
}
