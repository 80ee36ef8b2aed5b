package observe

import (
	"cmp"
	"slices"
	"strings"

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

// compare orders by zone, then key, and of the same the one that asks more first.
func (a Ask) compare(b Ask) int {
	if c := cmp.Or(a.zone().Compare(b.zone()), a.Key.Compare(b.Key)); c != 0 || a.Itself == b.Itself {
		return c
	}
	if a.Itself {
		return -1
	}
	return 1
}

func (a Ask) zone() schema.Addr {
	if a.Zone == nil {
		return schema.Addr{}
	}
	return a.Zone.Addr()
}

// Asks lists what a plan has to know first, sorted, nothing twice: each record and
// each expectation of cfg, the proofs of ownership, and what base says is ours, was
// about to be written, was switched and not seen yet, or waits. What left the
// configuration together with its zone is asked for in the zone as base had it. base
// may be nil.
func Asks(cfg *schema.Config, base *revision.Revision) []Ask {
	var out []Ask
	known := ours(base)
	exists := map[own]bool{} // without a type
	for _, o := range known {
		exists[own{zone: o.zone, key: rr.Key{Name: o.key.Name}}] = true
	}
	in := func(z *schema.Zone, name, typ string) {
		full := rr.Full(name, z.Name)
		// No wildcard answers for a name where something of ours stands.
		itself := !exists[own{zone: z.Addr(), key: rr.Key{Name: full}}]
		out = append(out, Ask{z, rr.Key{Name: full, Type: typ}, itself})
	}
	for _, r := range cfg.Records() {
		if z := schema.At[*schema.Zone](cfg, r.Zone); z != nil {
			in(z, r.Name, r.Type)
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
	old := map[schema.Addr]*schema.Zone{}
	for _, o := range known {
		z := schema.At[*schema.Zone](cfg, o.zone)
		if z == nil || !within(o.key.Name, z.Name) {
			if _, known := old[o.zone]; !known {
				old[o.zone] = zoneIn(base, o.zone)
			}
			z = old[o.zone]
		}
		if z != nil {
			out = append(out, Ask{Zone: z, Key: o.key})
		}
	}
	slices.SortFunc(out, Ask.compare)
	return slices.CompactFunc(out, func(a, b Ask) bool { return a.Zone == b.Zone && a.Key == b.Key })
}

// own is an RRset that base knows of.
type own struct {
	zone schema.Addr
	key  rr.Key
}

func ours(base *revision.Revision) []own {
	if base == nil {
		return nil
	}
	var out []own
	for _, o := range base.Owned {
		out = append(out, own{o.Zone, o.Set.Key()})
	}
	for _, s := range base.Switched {
		if s.Since.IsZero() { // was it seen?
			out = append(out, own{s.Zone, s.Key()})
		}
	}
	for _, s := range slices.Concat(base.Intent, base.Pending) {
		for _, set := range []*rr.Set{s.Before, s.After} {
			if set != nil {
				out = append(out, own{s.Zone, set.Key()})
			}
		}
	}
	return out
}

// zoneIn gives the zone at a as base had it, nil if it had none.
func zoneIn(base *revision.Revision, a schema.Addr) *schema.Zone {
	for _, b := range base.Target {
		if b.Addr != a {
			continue
		}
		old, err := revision.Config([]revision.Object{b})
		if err != nil {
			return nil
		}
		return schema.At[*schema.Zone](old, a)
	}
	return nil
}

// within reports whether the full name is the zone or below it.
func within(name, zone string) bool {
	return name == zone+"." || strings.HasSuffix(name, "."+zone+".")
}
