package plan

import (
	"fmt"
	"slices"

	"github.com/mailrelay/mailrelay/schema/revision"
	"github.com/mailrelay/mailrelay/schema/rr"
)

// takenOver is the finding of a record that replaces what was not ours.
const takenOver = "MR202"

// before is what stood in the RRset before the block w, which owns nothing in it
// yet, came. Where it follows another block of ours, that is what was before that.
func (s rrset) before(w wanted) *rr.Set {
	i := slices.IndexFunc(s.ours, func(o revision.Owned) bool { return o.Before != nil })
	switch {
	case w.block.Exclusive && i >= 0:
		return s.ours[i].Before
	case s.view.set == nil || w.block.Exclusive && len(s.ours) > 0:
		return nil
	case w.block.Exclusive:
		return s.view.set
	}
	var mine []rr.Data // of other blocks, or of one that had this address
	for _, o := range s.ours {
		mine = append(mine, o.Set.Data...)
	}
	found := rr.Set{Data: within(s.view.set, w.data)}
	out := rr.NewSet(s.at.key.Name, s.at.key.Type, s.view.set.TTL, without(&found, mine)...)
	if i >= 0 {
		out.TTL = s.ours[i].Before.TTL
	} else if len(s.ours) > 0 && len(out.Data) == 0 {
		return nil
	}
	return &out
}

// restored is data, and the TTL that it gets. On the way back, where nothing is
// wanted any more, it is with what stood there before us.
func (s rrset) restored(data []rr.Data) ([]rr.Data, uint32) {
	if len(s.want) > 0 || s.view.set == nil {
		return data, s.ttl()
	}
	ttl := s.view.set.TTL // only others remain, and keep theirs
	for _, o := range s.ours {
		if s.back && o.Before != nil && len(within(s.view.set, o.Set.Data)) > 0 {
			data, ttl = append(data, o.Before.Data...), o.Before.TTL
		}
	}
	return data, ttl
}

// takeOver finds an exclusive record over an RRset that was not ours and holds
// something else.
func (s rrset) takeOver(p *Plan, after *rr.Set) {
	if !s.exclusive() || len(s.ours) > 0 {
		return
	}
	w := s.want[0]
	found := s.routed(w.data)
	if found == nil || found.Same(rr.NewSet(s.at.key.Name, s.at.key.Type, 0, w.data...)) {
		return
	}
	p.Findings = append(p.Findings, Finding{
		Code: takenOver, Severity: "warning", Addr: w.block.Addr(),
		Summary: fmt.Sprintf("%s replaces what others wrote", w.block.Addr()),
		Detail: fmt.Sprintf("%s is %s, which is not ours, and becomes %s. What stands there now is kept in the state, and mailrelay plan -revision puts it back. If that is meant, say so in the block: allow %q { reason = \"…\" }.",
			s.at.key, describe(found, ""), describe(after, ""), takenOver),
		Decl: position(w.block), Allowed: w.block.Allowed()[takenOver],
	})
}
