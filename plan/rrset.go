package plan

import (
	"slices"

	"github.com/hashicorp/hcl/v2"

	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/revision"
	"github.com/mailrelay/mailrelay/schema/rr"
)

// rrset is one RRset that is wanted, or of which something is ours.
type rrset struct {
	at     place
	view   view
	want   []wanted // the blocks that share it
	ours   []revision.Owned
	manual bool
	back   bool // what was there before us is put back where we leave
}

// decide adds to the plan what happens to the RRset.
func (s rrset) decide(p *Plan) {
	if s.view.open != "" {
		s.unknown(p)
		return
	}
	after, owned := s.after()
	s.drift(p, after)
	if !rr.Equal(s.view.set, after) {
		ch := SetChange{Addrs: s.addrs(), Zone: s.at.zone, Key: s.at.key, Before: s.view.set, Wire: s.view.wire, After: after, Owned: owned, Manual: s.manual}
		p.Sets = append(p.Sets, ch)
		if s.manual {
			p.Manual = append(p.Manual, revision.Step{Addrs: ch.Addrs, Zone: ch.Zone, Before: ch.Before, After: ch.After})
		}
	}
	s.takeOver(p, after)
	for i, w := range s.want {
		s.change(p, w, owned[i])
	}
	for _, o := range s.ours {
		if !s.wants(o.Addr) {
			s.leave(p, o)
		}
	}
}

// unknown leaves everything as it is, and says so.
func (s rrset) unknown(p *Plan) {
	for _, w := range s.want {
		set := rr.NewSet(s.at.key.Name, s.at.key.Type, s.ttl(), w.data...)
		p.Changes = append(p.Changes, Change{Addr: w.block.Addr(), Action: Inconclusive, After: value(s.at.zone, &set), Why: s.view.open, Answers: s.view.answers, Decl: w.block.Decl()})
	}
	for _, o := range s.ours {
		if !s.wants(o.Addr) {
			p.Changes = append(p.Changes, Change{Addr: o.Addr, Action: Inconclusive, Before: value(s.at.zone, &o.Set), Why: s.view.open, Answers: s.view.answers})
		}
	}
}

func (s rrset) wants(a schema.Addr) bool {
	return slices.ContainsFunc(s.want, func(w wanted) bool { return w.block.Addr() == a })
}

// wanted is the data of all blocks.
func (s rrset) wanted() []rr.Data {
	var out []rr.Data
	for _, w := range s.want {
		out = append(out, w.data...)
	}
	return out
}

// mine is the data that is ours already.
func (s rrset) mine() []rr.Data {
	var out []rr.Data
	for _, o := range s.ours {
		out = append(out, o.Set.Data...)
	}
	return out
}

// exclusive reports whether the RRset holds what is wanted and no more: an MX that
// proves something stands beside any other.
func (s rrset) exclusive() bool {
	return slices.ContainsFunc(s.want, func(w wanted) bool { return w.block.Exclusive })
}

// ttl is the TTL that the RRset gets: the one that a block gives, or the one it
// has if others may stand in it.
func (s rrset) ttl() uint32 {
	for _, w := range s.want {
		if w.block.TTL != nil {
			return *w.block.TTL
		}
	}
	if s.view.set != nil && !s.exclusive() {
		return s.view.set.TTL
	}
	return DefaultTTL
}

// after is the whole RRset as it will be, nil if it goes, and what is ours of it:
// one Owned for each wanted block, in their order.
func (s rrset) after() (*rr.Set, []revision.Owned) {
	mine, all := s.mine(), s.wanted()
	data := append(all, proofs(s.view.set, append(mine, all...))...)
	if !s.exclusive() {
		data = append(without(s.view.set, mine), all...)
	}
	var owned []revision.Owned
	for _, w := range s.want {
		o := revision.Owned{Addr: w.block.Addr(), Zone: s.at.zone, Exclusive: w.block.Exclusive,
			Set: rr.NewSet(s.at.key.Name, s.at.key.Type, s.ttl(), w.data...)}
		i := s.owner(w.block.Addr())
		if i >= 0 {
			o.Adopted = s.ours[i].Adopted
		}
		if i >= 0 && (s.ours[i].Exclusive || !w.block.Exclusive) {
			o.Before = s.ours[i].Before
		} else {
			o.Before = s.before(w)
		}
		owned = append(owned, o)
	}
	data, ttl := s.restored(data)
	if len(data) == 0 {
		return nil, owned
	}
	set := rr.NewSet(s.at.key.Name, s.at.key.Type, ttl, data...)
	return &set, owned
}

// owner is the index in ours of what the block at a owns, or -1.
func (s rrset) owner(a schema.Addr) int {
	return slices.IndexFunc(s.ours, func(o revision.Owned) bool { return o.Addr == a })
}

// foreign counts the values in the RRset that are nobody's here.
func (s rrset) foreign() int {
	if s.view.set == nil {
		return 0
	}
	n := 0
	for _, d := range s.view.set.Data {
		mine := slices.ContainsFunc(s.ours, func(o revision.Owned) bool { return o.Set.Has(d) }) ||
			slices.ContainsFunc(s.want, func(w wanted) bool { return slices.Contains(w.data, d) })
		if !mine {
			n++
		}
	}
	return n
}

// change adds what happens to the block w, which will own mine.
func (s rrset) change(p *Plan, w wanted, mine revision.Owned) {
	ch := Change{Addr: w.block.Addr(), Decl: w.block.Decl()}
	i := s.owner(w.block.Addr())
	var before *rr.Set
	if w.block.Exclusive {
		before = s.routed(w.data)
	} else {
		ch.Foreign = s.foreign()
		data := within(s.view.set, w.data)
		if i >= 0 { // what it owned, still stands there, and is no other block's now
			left := rr.Set{Data: within(s.view.set, s.ours[i].Set.Data)}
			data = append(data, without(&left, s.wanted())...)
		}
		if len(data) > 0 {
			set := rr.NewSet(s.at.key.Name, s.at.key.Type, s.view.set.TTL, data...)
			before = &set
		}
	}
	switch {
	case before == nil:
		ch.Action = Create
	case !rr.Equal(before, &mine.Set):
		ch.Action = Update
	case i >= 0 && rr.Equal(&s.ours[i].Set, &mine.Set):
		return
	case i >= 0: // what others wrote is what is wanted now
		p.Adopted = append(p.Adopted, mine)
		return
	default:
		ch.Action = Import
		mine.Adopted = true
		p.Adopted = append(p.Adopted, mine)
	}
	ch.Before, ch.After = value(s.at.zone, before), value(s.at.zone, &mine.Set)
	p.Changes = append(p.Changes, ch)
}

// routed is what stands there, without the proofs that are left alone; nil if that
// is nothing.
func (s rrset) routed(wanted []rr.Data) *rr.Set {
	if s.view.set == nil {
		return nil
	}
	data := without(s.view.set, proofs(s.view.set, wanted))
	if len(data) == 0 {
		return nil
	}
	set := rr.NewSet(s.at.key.Name, s.at.key.Type, s.view.set.TTL, data...)
	return &set
}

// leave adds what happens to what is ours and not wanted any more.
func (s rrset) leave(p *Plan, o revision.Owned) {
	data := without(&o.Set, s.wanted()) // what other blocks want stays, and changes its owner
	gone := within(s.view.set, data)
	if len(gone) == 0 {
		p.Disowned = append(p.Disowned, o)
		return
	}
	set := rr.NewSet(s.at.key.Name, s.at.key.Type, s.view.set.TTL, gone...)
	ch := Change{Addr: o.Addr, Action: Delete, Before: value(s.at.zone, &set), Decl: hcl.Range{}}
	if was := o.Before; s.back && was != nil && len(was.Data) > 0 {
		if rr.Equal(was, &set) {
			p.Disowned = append(p.Disowned, o)
			return
		}
		ch.Action, ch.After, ch.Why = Update, value(s.at.zone, was), "what stood there before us comes back, and is not ours"
	}
	if !o.Exclusive {
		ch.Foreign = s.foreign()
	}
	p.Changes = append(p.Changes, ch)
}

// drift adds what others did to what is ours, unless it is what is wanted now.
func (s rrset) drift(p *Plan, after *rr.Set) {
	if rr.Equal(s.view.set, after) {
		return
	}
	for _, o := range s.ours {
		found := s.routed(o.Set.Data)
		if !o.Exclusive && found != nil {
			found = nil
			if data := within(s.view.set, o.Set.Data); len(data) > 0 {
				set := rr.NewSet(o.Set.Name, o.Set.Type, o.Set.TTL, data...) // its TTL is everybody's
				found = &set
			}
		}
		if rr.Equal(&o.Set, found) || !p.Scope.RefreshOnly && s.rewritten(o) {
			continue
		}
		d := Change{Addr: o.Addr, Action: Update, Before: value(s.at.zone, &o.Set), After: value(s.at.zone, found)}
		if found == nil {
			d.Action = Delete
		}
		p.Drift = append(p.Drift, d)
		p.accept(o, found)
	}
}

// rewritten reports whether the configuration wants something else of a block than
// what it owned: what others did to that meanwhile is no matter then, since the
// change shows what is there.
func (s rrset) rewritten(o revision.Owned) bool {
	for _, w := range s.want {
		if w.block.Addr() != o.Addr {
			continue
		}
		now := rr.NewSet(o.Set.Name, o.Set.Type, s.ttl(), w.data...)
		return !now.Same(o.Set) || (w.block.Exclusive || w.block.TTL != nil) && now.TTL != o.Set.TTL
	}
	return false
}

// addrs are the blocks that the RRset is made of, and those that leave it.
func (s rrset) addrs() []schema.Addr {
	var out []schema.Addr
	for _, w := range s.want {
		out = append(out, w.block.Addr())
	}
	for _, o := range s.ours {
		if !slices.Contains(out, o.Addr) {
			out = append(out, o.Addr)
		}
	}
	return out
}
