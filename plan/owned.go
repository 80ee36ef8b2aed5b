package plan

import (
	"slices"

	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/revision"
	"github.com/mailrelay/mailrelay/schema/rr"
)

// settle gives what is ours, by place. An intent in the revision is what an apply
// was about to write, or had written, when it ended: what is there now says
// which. Steps of which it is not known are open.
func settle(c *schema.Config, base *revision.Revision, views views) (out map[place][]revision.Owned, open []revision.Step) {
	out = make(map[place][]revision.Owned, len(base.Owned))
	for _, o := range base.Owned {
		at := place{o.Zone, o.Set.Key()}
		out[at] = append(out[at], o)
	}
	for _, step := range base.Intent {
		at := place{step.Zone, step.Key()}
		v := views.at(at.zone, at.key)
		switch {
		case v.open != "":
			open = append(open, step) // what was ours before may still be
		case rr.Equal(v.set, step.Before) && file(c, base, step.Zone, step.Key().Name) != "":
			open = append(open, step) // the file may hold it, and a reload is to come
		case rr.Equal(v.set, step.Before):
			// Not written: what was ours before still is.
		case rr.Equal(v.set, step.After):
			out[at] = step.Owned
		default:
			out[at] = present(append(slices.Clone(out[at]), step.Owned...), v.set)
		}
		if len(out[at]) == 0 {
			delete(out, at)
		}
	}
	for _, step := range base.Pending {
		at := place{step.Zone, step.Key()}
		if v := views.at(at.zone, at.key); v.open == "" && v.set != nil {
			out[at] = byPerson(out[at], step, v.set)
		}
	}
	return out, open
}

// byPerson adds to what is ours what a person wrote for us while the rest of step is
// pending. No block asks for it: we made it up, of what stood there before and what
// is wanted.
func byPerson(owned []revision.Owned, step revision.Step, set *rr.Set) []revision.Owned {
	var known []rr.Data
	if step.After != nil {
		known = slices.Clone(step.After.Data)
	}
	for _, o := range owned {
		known = append(known, o.Set.Data...)
	}
	data := within(set, without(step.Before, known))
	i := slices.IndexFunc(step.Owned, func(o revision.Owned) bool { return slices.Contains(step.Addrs, o.Addr) })
	if len(data) == 0 || i < 0 {
		return owned
	}
	mine := step.Owned[i]
	mine.Set = rr.NewSet(set.Name, set.Type, set.TTL, data...)
	block := []revision.Owned{mine}
	var others []revision.Owned
	for _, o := range owned {
		if o.Addr == mine.Addr {
			block = append(block, o)
		} else {
			others = append(others, o)
		}
	}
	return append(others, present(block, set)...)
}

// present keeps of owned what stands in set.
func present(owned []revision.Owned, set *rr.Set) []revision.Owned {
	if set == nil {
		return nil
	}
	byAddr := map[schema.Addr]int{}
	var out []revision.Owned
	for _, o := range owned {
		data := slices.DeleteFunc(slices.Clone(o.Set.Data), func(d rr.Data) bool { return !set.Has(d) })
		if len(data) == 0 {
			continue
		}
		if i, ok := byAddr[o.Addr]; ok {
			out[i].Set = rr.NewSet(o.Set.Name, o.Set.Type, o.Set.TTL, append(data, out[i].Set.Data...)...)
			continue
		}
		byAddr[o.Addr] = len(out)
		o.Set.Data = data
		out = append(out, o)
	}
	return out
}

// without gives the data of s that is not in drop.
func without(s *rr.Set, drop []rr.Data) []rr.Data {
	if s == nil {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(s.Data), func(d rr.Data) bool { return slices.Contains(drop, d) })
}

// within gives the data of s that is in keep too.
func within(s *rr.Set, keep []rr.Data) []rr.Data {
	if s == nil {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(s.Data), func(d rr.Data) bool { return !slices.Contains(keep, d) })
}
