package plan

import (
	"fmt"
	"slices"

	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/revision"
	"github.com/mailrelay/mailrelay/schema/rr"
)

// takenOver is the finding of a record that replaces what was not ours.
const takenOver = "MR202"

// before is what stood in the RRset before the block w, which owns nothing in it
// yet, or not all of it, came. Where it follows another block of ours, that is what
// was before that.
func (s rrset) before(w wanted) *rr.Set {
	i := slices.IndexFunc(s.ours, func(o revision.Owned) bool { return o.Before != nil })
	switch {
	case w.block.Exclusive && len(s.ours) > 0 && !s.shared():
		if i < 0 {
			return nil
		}
		return s.ours[i].Before
	case w.block.Exclusive:
		return s.beneath(i)
	case s.view.set == nil:
		return nil
	}
	found := rr.Set{Data: within(s.view.set, w.data)}
	out := rr.NewSet(s.at.key.Name, s.at.key.Type, s.view.set.TTL, without(&found, s.mine())...)
	if i >= 0 {
		out.TTL = s.ours[i].Before.TTL
	} else if len(s.ours) > 0 && len(out.Data) == 0 {
		return nil
	}
	return &out
}

// beneath is what stands in the RRset that is not ours, and what of ours stood there
// before us; i is one of ours of which that is known, -1 if none is.
func (s rrset) beneath(i int) *rr.Set {
	data := without(s.view.set, s.mine())
	for _, o := range s.ours {
		if o.Before != nil {
			data = append(data, o.Before.Data...)
		}
	}
	if len(data) == 0 {
		return nil
	}
	out := rr.NewSet(s.at.key.Name, s.at.key.Type, 0, data...)
	if i >= 0 {
		out.TTL = s.ours[i].Before.TTL
	} else {
		out.TTL = s.view.set.TTL // it is there, for nothing else gave data
	}
	return &out
}

// shared reports whether something is ours, and no block had the RRset for itself.
func (s rrset) shared() bool {
	return len(s.ours) > 0 && !slices.ContainsFunc(s.ours, func(o revision.Owned) bool { return o.Exclusive })
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

// takeOver finds an exclusive record over an RRset that was not ours, or not all of
// it, and holds something else.
func (s rrset) takeOver(p *Plan, after *rr.Set) {
	if !s.exclusive() || len(s.ours) > 0 && !s.shared() {
		return
	}
	w := s.want[0]
	known := append(s.mine(), w.data...)
	found := s.routed(known)
	if found == nil || found.Same(rr.NewSet(s.at.key.Name, s.at.key.Type, 0, w.data...)) {
		return
	}
	if s.shared() {
		if found.Data = without(found, known); len(found.Data) == 0 {
			return
		}
	}
	p.Findings = append(p.Findings, Finding{
		Code: takenOver, Severity: "warning", Addr: w.block.Addr(),
		Summary: fmt.Sprintf("%s replaces what others wrote", w.block.Addr()),
		Detail: fmt.Sprintf("%s is %s, which is not ours, and becomes %s. What stands there now is kept in the state, and mailrelay plan -revision puts it back. If that is meant, say so in the block: allow %q { reason = \"…\" }.",
			s.at.key, describe(found, ""), describe(after, ""), takenOver),
		Decl: schema.Place(w.block.Decl()), Allowed: w.block.Allowed()[takenOver],
	})
}
