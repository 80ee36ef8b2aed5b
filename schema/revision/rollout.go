package revision

import (
	"bytes"
	"slices"

	"github.com/mailrelay/mailrelay/schema"
)

// Canary says which nodes of a relay take a revision over before the others.
type Canary struct {
	Relay schema.Addr `json:"relay"`
	Nodes []string    `json:"nodes"` // by name; the others stay with the revision before
}

// Meant reports whether a node of a relay is to run r: it is one of those that go
// first, or nobody goes first. One that is not stays with the newest revision before
// r that is meant for it.
func (r *Revision) Meant(relay schema.Addr, node string) bool {
	for _, c := range r.Rollout {
		if c.Relay == relay {
			return slices.Contains(c.Nodes, node)
		}
	}
	return true
}

// SameRelays reports whether relays do the same with both revisions. What concerns
// DNS alone does not count.
func SameRelays(a, b *Revision) bool {
	x, y := a.relays(), b.relays()
	return slices.EqualFunc(x, y, func(x, y Object) bool { return x.Addr == y.Addr && bytes.Equal(x.Value, y.Value) }) &&
		slices.Equal(a.unproven(), b.unproven())
}

// relays are the objects in force that relays run from.
func (r *Revision) relays() []Object {
	out := slices.DeleteFunc(r.InForceObjects(), func(o Object) bool {
		return slices.Contains([]string{"zone", "record", "expect", "service", "stage", "check", "probe"}, o.Addr.Type)
	})
	slices.SortStableFunc(out, func(x, y Object) int { return x.Addr.Compare(y.Addr) })
	return out
}

// unproven are the domains for which mail may wait.
func (r *Revision) unproven() []schema.Addr {
	var out []schema.Addr
	for _, p := range r.Proofs {
		if p.Gates && !p.Verified() {
			out = append(out, p.Domain)
		}
	}
	return out
}
