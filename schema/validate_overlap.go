package schema

import (
	"slices"

	"go4.org/netipx"
)

// claim is a range of addresses that a receive connector is for.
type claim struct {
	netipx.IPRange
	by   *ReceiveConnector
	attr string // where it was written: remote_ip_ranges or allowlists
}

// overlaps finds ranges of two connectors on one binding of one relay that
// overlap and are not nested, or that are the same: for the addresses in both, no
// connector would be the most specific.
func (v *validation) overlaps() {
	type listener struct {
		relay   Addr
		binding string
	}
	claims := map[listener][]claim{}
	var order []listener
	for _, c := range All[*ReceiveConnector](v.config) {
		own := v.claims(c)
		for _, b := range c.Bindings {
			l := listener{c.Relay, b}
			if claims[l] == nil {
				order = append(order, l)
			}
			claims[l] = append(claims[l], own...)
		}
	}
	said := map[[2]*ReceiveConnector]bool{}
	for _, l := range order {
		for _, pair := range collisions(claims[l]) {
			a, b := pair[0], pair[1]
			if b.by.addr.Compare(a.by.addr) < 0 {
				a, b = b, a
			}
			if said[[2]*ReceiveConnector{a.by, b.by}] {
				continue
			}
			said[[2]*ReceiveConnector{a.by, b.by}] = true
			if a.IPRange == b.IPRange {
				v.report(b.by, b.attr, "Two connectors for the same addresses", "%s and %s are both for %s on %s, so neither is the more specific. Take it out of one of the two.", a.by.addr, b.by.addr, FormatRange(a.IPRange), l.binding)
				continue
			}
			v.report(b.by, b.attr, "Ranges overlap", "%s is for %s and %s is for %s, both on %s. Some addresses are in both ranges, and neither range lies inside the other, so neither connector is the more specific. Cut the ranges so that they do not overlap, or so that one lies inside the other.",
				a.by.addr, FormatRange(a.IPRange), b.by.addr, FormatRange(b.IPRange), l.binding)
		}
	}
}

// claims are the ranges of c, those of its allowlists included.
func (v *validation) claims(c *ReceiveConnector) []claim {
	var out []claim
	for _, r := range c.RemoteIPRanges {
		out = append(out, claim{r, c, "remote_ip_ranges"})
	}
	for _, ref := range c.Allowlists {
		a := At[*Allowlist](v.config, ref)
		if a == nil {
			continue
		}
		for _, r := range a.Addresses {
			out = append(out, claim{r, c, "allowlists"})
		}
		for _, e := range a.Entries {
			out = append(out, claim{e.Range, c, "allowlists"})
		}
	}
	return out
}

// collisions gives the pairs of claims of different connectors that are equal, or
// overlap without being nested. It goes through the ranges from the lowest
// address on, the wider first, and keeps those that are still open.
func collisions(claims []claim) [][2]claim {
	slices.SortStableFunc(claims, func(a, b claim) int {
		if n := a.From().Compare(b.From()); n != 0 {
			return n
		}
		return b.To().Compare(a.To())
	})
	var out [][2]claim
	var open []claim
	for _, c := range claims {
		open = slices.DeleteFunc(open, func(o claim) bool { return o.To().Less(c.From()) })
		for _, o := range open {
			if o.by != c.by && (o.IPRange == c.IPRange || o.To().Less(c.To())) {
				out = append(out, [2]claim{o, c})
			}
		}
		open = append(open, c)
	}
	return out
}
