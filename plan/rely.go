package plan

import (
	"cmp"
	"slices"

	"github.com/mailrelay/mailrelay/schema/revision"
	"github.com/mailrelay/mailrelay/schema/rr"
)

// leading is an RRset that leads mail, as it was seen. Of what it says about the
// RRset, Was may be anything.
type leading struct {
	at  revision.Switched
	set *rr.Set
}

// rely makes the RRsets that concern what the plan takes away at once the plan's
// evidence: somebody may turn one back before it is applied.
func (p *Plan) rely(concerns func(revision.Switched) bool) {
	for _, l := range p.leading {
		if l.at.Was = route(l.set); l.at.Was == nil {
			l.at.Was = []rr.Data{} // it is known
		}
		if !concerns(l.at) {
			continue
		}
		e := Evidence{l.at.Zone, l.at.Key(), l.set}
		i, known := slices.BinarySearchFunc(p.Relied, e, func(a, b Evidence) int {
			return cmp.Or(a.Zone.Compare(b.Zone), a.Key.Compare(b.Key))
		})
		if !known {
			p.Relied = slices.Insert(p.Relied, i, e)
		}
	}
}
