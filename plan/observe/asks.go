package observe

import (
	"maps"
	"slices"

	"github.com/mailrelay/mailrelay/plan"
	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/revision"
	"github.com/mailrelay/mailrelay/schema/rr"
)

// Ask is one RRset to look at.
type Ask struct {
	Zone *schema.Zone // nil: outside every zone, asked at the resolvers
	Key  rr.Key
	// Itself asks what stands at the name itself: whether a wildcard answered is
	// found out.
	Itself bool
}

func (a Ask) zone() schema.Addr {
	if a.Zone == nil {
		return schema.Addr{}
	}
	return a.Zone.Addr()
}

// Asks lists what a plan has to know first, sorted, nothing twice: each record and
// each expectation of cfg, the proofs of ownership, and what base says is ours, was
// about to be written, was switched, or waits. What left the
// configuration together with its zone is asked for in the zone as base had it. base
// may be nil.
func Asks(cfg *schema.Config, base *revision.Revision) []Ask {
	var out []Ask
	type node struct {
		zone *schema.Zone
		name string
	}
	known := ours(cfg, base)
	exists := make(map[node]bool, len(known))
	for _, a := range known {
		if !a.Itself {
			exists[node{a.Zone, a.Key.Name}] = true
		}
	}
	for _, r := range cfg.Records() {
		if z := schema.At[*schema.Zone](cfg, r.Zone); z != nil {
			full := rr.Full(r.Name, z.Name)
			// No wildcard answers for a name where something of ours stands.
			out = append(out, Ask{z, rr.Key{Name: full, Type: r.Type}, !exists[node{z, full}]})
		}
	}
	for _, e := range cfg.Expects() {
		z := schema.At[*schema.Zone](cfg, e.Zone)
		switch {
		case z != nil:
			out = append(out, Ask{Zone: z, Key: rr.Key{Name: rr.Full(e.Name, z.Name), Type: e.Type}})
		case e.Zone.IsZero():
			out = append(out, Ask{Key: rr.Key{Name: rr.Full(e.Name, ""), Type: e.Type}})
		}
	}
	out = append(out, proofs(cfg, base)...)
	out = append(out, known...)
	return sorted(out)
}

// sorted gives asks sorted by zone and key, nothing twice. The many of a zone are
// next to each other after a sort of the few zones.
func sorted(asks []Ask) []Ask {
	byZone := map[schema.Addr][]Ask{}
	for _, a := range asks {
		byZone[a.zone()] = append(byZone[a.zone()], a)
	}
	out := asks[:0]
	for _, z := range slices.SortedFunc(maps.Keys(byZone), schema.Addr.Compare) {
		list := byZone[z]
		slices.SortFunc(list, func(a, b Ask) int { return a.Key.Compare(b.Key) })
		out = append(out, once(list)...)
	}
	return out
}

// once makes one of the asks of a sorted list that are about the same.
func once(asks []Ask) []Ask {
	out := asks[:0]
	for _, a := range asks {
		if n := len(out) - 1; n >= 0 && out[n].Zone == a.Zone && out[n].Key == a.Key {
			out[n].Itself = out[n].Itself || a.Itself
			continue
		}
		out = append(out, a)
	}
	return out
}

// own is an RRset in a zone.
type own struct {
	zone schema.Addr
	key  rr.Key
}

// ours lists the RRsets that base knows of, each in its zone. Those that may not
// stand there have Itself.
func ours(cfg *schema.Config, base *revision.Revision) []Ask {
	if base == nil {
		return nil
	}
	out := make([]Ask, 0, len(base.Owned))
	zones := plan.Zones(cfg, base)
	add := func(zone schema.Addr, key rr.Key, itself bool) {
		if z := zones(zone, key.Name); z != nil {
			out = append(out, Ask{Zone: z, Key: key, Itself: itself})
		}
	}
	for _, o := range base.Owned {
		add(o.Zone, o.Set.Key(), false)
	}
	for _, s := range base.Switched { // was it seen, or turned back?
		add(s.Zone, s.Key(), true)
	}
	for _, s := range slices.Concat(base.Intent, base.Pending) {
		for _, set := range []*rr.Set{s.Before, s.After} {
			if set != nil {
				add(s.Zone, set.Key(), true)
			}
		}
	}
	return out
}
