package plan

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/revision"
)

// Zone finds the zone at an address in which a full name stands: in the
// configuration or, if it has left that or has another name there, in the revision
// that still knows it. Where none holds the name, it is the newest at that address;
// nil if there is none.
func Zone(c *schema.Config, base *revision.Revision, zone schema.Addr, name string) *schema.Zone {
	return Zones(c, base)(zone, name)
}

// Zones is Zone for many names. What it gives may not be called by several
// goroutines at the same time.
func Zones(c *schema.Config, base *revision.Revision) func(zone schema.Addr, name string) *schema.Zone {
	var old map[schema.Addr][]*schema.Zone // as they were, newest first, once one is asked for
	return func(a schema.Addr, name string) *schema.Zone {
		now := schema.At[*schema.Zone](c, a)
		if now != nil && Holds(now, name) || base == nil {
			return now
		}
		if old == nil {
			old = oldZones(base)
		}
		list := old[a]
		if now != nil {
			list = append([]*schema.Zone{now}, list...)
		}
		for _, z := range list {
			if Holds(z, name) {
				return z
			}
		}
		if len(list) == 0 {
			return nil
		}
		return list[0]
	}
}

// Holds reports whether a full name is that of the zone, or below it.
func Holds(z *schema.Zone, name string) bool { return holds(z.Name, name) }

func holds(zone, name string) bool {
	rest, ok := strings.CutSuffix(name, zone+".")
	return ok && (rest == "" || rest[len(rest)-1] == '.')
}

// oldZones gives the zones that base knows. One that cannot be read is left out.
func oldZones(base *revision.Revision) map[schema.Addr][]*schema.Zone {
	out := map[schema.Addr][]*schema.Zone{}
	read := func(objects []revision.Object) {
		all, err := revision.Config(objects)
		for i, o := range objects {
			if err != nil {
				all, _ = revision.Config(objects[i : i+1])
			}
			if all == nil {
				continue
			}
			if z := schema.At[*schema.Zone](all, o.Addr); z != nil {
				out[o.Addr] = append(out[o.Addr], z)
			}
		}
	}
	read(revision.Only(base.Target, "zone"))
	for i := range base.Former {
		read(base.Former[i : i+1]) // several may be at one address
	}
	return out
}

// former lists the zones of base that c has no more, or has under another name.
func former(c *schema.Config, base *revision.Revision) []revision.Object {
	type zone struct {
		addr schema.Addr
		name string
	}
	var out []revision.Object
	known := map[zone]bool{}
	for _, o := range slices.Concat(revision.Only(base.Target, "zone"), base.Former) {
		is := zone{o.Addr, zoneName(o)}
		if z := schema.At[*schema.Zone](c, o.Addr); (z == nil || z.Name != is.name) && !known[is] {
			known[is] = true
			out = append(out, o)
		}
	}
	return out
}

// zoneName is the name of a stored zone; empty if it cannot be read.
func zoneName(o revision.Object) string {
	var z struct {
		Name string `json:"name"`
	}
	_ = json.Unmarshal(o.Value, &z) // what cannot be read holds no name
	return z.Name
}

// FormerFor gives those of the zones that p knows from before in which something of
// r still stands, or may: nobody else knows where to ask for it.
func (p *Plan) FormerFor(r *revision.Revision) []revision.Object {
	var out []revision.Object
	for _, o := range p.Former {
		name := zoneName(o)
		in := func(zone schema.Addr, owner string) bool { return zone == o.Addr && holds(name, owner) }
		if slices.ContainsFunc(r.Owned, func(x revision.Owned) bool { return in(x.Zone, x.Set.Name) }) ||
			slices.ContainsFunc(r.Intent, func(x revision.Step) bool { return in(x.Zone, x.Key().Name) }) ||
			slices.ContainsFunc(r.Pending, func(x revision.Step) bool { return in(x.Zone, x.Key().Name) }) ||
			slices.ContainsFunc(r.Switched, func(x revision.Switched) bool { return x.Since.IsZero() && in(x.Zone, x.Key().Name) }) {
			out = append(out, o)
		}
	}
	return out
}

// byHand reports whether a person writes the zone.
func byHand(z *schema.Zone) bool { return z == nil || z.Manual() }
