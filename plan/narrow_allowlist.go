package plan

import (
	"maps"
	"slices"

	"github.com/zclconf/go-cty/cty"
	"go4.org/netipx"

	"github.com/mailrelay/mailrelay/schema"
)

// allowlist: addresses that left it, or that count under stricter terms. What came
// to it counts at once, and so does what left it where the list lets clients relay,
// or will.
func (n *narrowing) allowlist(old, next *schema.Allowlist) []kept {
	for _, c := range slices.Concat(schema.All[*schema.ReceiveConnector](n.force), schema.All[*schema.ReceiveConnector](n.c)) {
		if slices.Contains(c.Allowlists, old.Addr()) && everybodyRelays(c) {
			return nil
		}
	}
	if next == nil {
		return []kept{{old.Addr(), old.Value()}}
	}
	entries := func(a *schema.Allowlist) map[string]cty.Value {
		if v := a.Value().GetAttr("entry"); !v.IsNull() {
			return v.AsValueMap()
		}
		return nil
	}
	strict := func(a, b schema.Entry) bool {
		sooner := !b.Expires.IsZero() && (a.Expires.IsZero() || b.Expires.Before(a.Expires))
		return sooner || b.RequireTLS && !a.RequireTLS
	}
	all := maps.Clone(entries(next))
	narrower := rangesLost(ranges(old), ranges(next))
	for _, o := range old.Entries {
		i := slices.IndexFunc(next.Entries, func(e schema.Entry) bool { return e.Label == o.Label })
		if i >= 0 && strict(o, next.Entries[i]) || i < 0 && rangesLost([]netipx.IPRange{o.Range}, next.Addresses) {
			narrower = true
			if all == nil {
				all = map[string]cty.Value{}
			}
			all[o.Label] = entries(old)[o.Label]
		}
	}
	if !narrower {
		return nil
	}
	v := with(next.Value(), "addresses", union(old.Value().GetAttr("addresses"), next.Value().GetAttr("addresses")))
	if len(all) > 0 {
		v = with(v, "entry", cty.MapVal(all))
	}
	return []kept{{old.Addr(), v}}
}

// ranges are all the addresses of a list, those of entries too.
func ranges(a *schema.Allowlist) []netipx.IPRange {
	out := slices.Clone(a.Addresses)
	for _, e := range a.Entries {
		out = append(out, e.Range)
	}
	return out
}

func union(a, b cty.Value) cty.Value {
	all := append(a.AsValueSlice(), b.AsValueSlice()...)
	if len(all) == 0 {
		return b
	}
	return cty.SetVal(all)
}
