package plan

import (
	"slices"

	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/revision"
	"github.com/mailrelay/mailrelay/schema/rr"
)

// files notes which RRsets are written by editing a master file, and which of them
// stand there already.
func (p *Plan) files(c *schema.Config, base *revision.Revision) {
	for i := range p.Sets {
		s := &p.Sets[i]
		if s.File = file(c, base, s.Zone, s.Key.Name); s.File == "" {
			continue
		}
		s.Unseen = slices.ContainsFunc(p.Unsettled, func(step revision.Step) bool {
			return step.Zone == s.Zone && step.Key() == s.Key && rr.Equal(step.After, s.After)
		})
	}
}

// file is the master file of the zone in which a full name stands; empty if none is edited.
func file(c *schema.Config, base *revision.Revision, zone schema.Addr, name string) string {
	if z := Zone(c, base, zone, name); z != nil {
		return z.File
	}
	return ""
}
