package plan

import (
	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/revision"
)

// Zone finds a zone in the configuration or, if it has left that, in the revision
// that still has it; nil if neither does.
func Zone(c *schema.Config, base *revision.Revision, zone schema.Addr) *schema.Zone {
	return Zones(c, base)(zone)
}

// Zones is Zone for many zones. What it gives may not be called by several
// goroutines at the same time.
func Zones(c *schema.Config, base *revision.Revision) func(schema.Addr) *schema.Zone {
	var old map[schema.Addr]*schema.Zone // those that left, once one is asked for
	return func(a schema.Addr) *schema.Zone {
		if z := schema.At[*schema.Zone](c, a); z != nil || base == nil {
			return z
		}
		if old == nil {
			old = OldZones(base, func(a schema.Addr) bool { return c.Block(a) == nil })
		}
		return old[a]
	}
}

// OldZones gives those zones of base of which want is true, as base had them. One
// that cannot be read is left out.
func OldZones(base *revision.Revision, want func(schema.Addr) bool) map[schema.Addr]*schema.Zone {
	var objects []revision.Object
	for _, o := range revision.Only(base.Target, "zone") {
		if want(o.Addr) {
			objects = append(objects, o)
		}
	}
	out := make(map[schema.Addr]*schema.Zone, len(objects))
	all, err := revision.Config(objects)
	for i, o := range objects {
		if err != nil {
			all, _ = revision.Config(objects[i : i+1])
		}
		if all != nil {
			out[o.Addr] = schema.At[*schema.Zone](all, o.Addr)
		}
	}
	return out
}

// byHand reports whether a person writes the zone.
func byHand(z *schema.Zone) bool { return z == nil || z.Manual() }
