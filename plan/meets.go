package plan

import (
	"slices"

	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/revision"
	"github.com/mailrelay/mailrelay/schema/rr"
)

// written is the world as it will be when a plan has been carried out.
type written struct {
	follower
	by    map[place][]schema.Addr // who writes an RRset
	owned map[place][]revision.Owned
}

// written gives the world after p, nil if p writes nothing.
func (p *Plan) written(c *schema.Config, seen views) *written {
	if len(p.Sets) == 0 {
		return nil
	}
	w := &written{by: map[place][]schema.Addr{}, owned: map[place][]revision.Owned{}}
	after := make(views, len(seen))
	for _, s := range p.Sets {
		w.by[place{s.Zone, s.Key}], w.owned[place{s.Zone, s.Key}] = s.Addrs, s.Owned
		after[place{s.Zone, s.Key}] = view{set: s.After}
	}
	for at, v := range seen {
		if _, written := after[at]; written {
			continue
		}
		alias := aliasOf(at)
		if v, changed := after[alias]; changed && w.by[alias] != nil && at.key.Type != "CNAME" { // it is seen at the other types too
			after[at] = view{}
			if v.set != nil {
				after[at] = view{cname: v.set.Data[0]}
			}
			continue
		}
		after[at] = v
	}
	w.follower = follow(c, after)
	return w
}

// aliasOf is where an alias would stand.
func aliasOf(at place) place { return place{at.zone, rr.Key{Name: at.key.Name, Type: "CNAME"}} }

// meets gives the records whose writing meets an expectation, nil if it stays
// unmet.
func (w *written) meets(e *schema.Expect, want rr.Set, or []rr.Data, at place) []schema.Addr {
	if w == nil {
		return nil
	}
	there := w.from(at)
	if there.open != "" || unmet(e, want, or, there) != "" {
		return nil
	}
	out := slices.Clone(w.by[there.at])
	for _, o := range w.owned[there.at] { // one of those that share an RRset may do it alone
		if unmet(e, want, or, end{view: view{set: &o.Set}, at: there.at}) == "" {
			out = []schema.Addr{o.Addr}
		}
	}
	for _, target := range there.through {
		out = append(out, w.by[aliasOf(at)]...)
		at = place{w.zone(at.zone, string(target)), rr.Key{Name: string(target), Type: at.key.Type}}
	}
	slices.SortFunc(out, schema.Addr.Compare)
	return slices.Compact(out)
}
