package plan

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/rr"
)

// chain is how many aliases in a row are followed: resolvers give up at about as
// many.
const chain = 8

// follower follows aliases from a name that somebody asks for to where they end. In
// zones of the configuration it goes by what their own servers say, elsewhere by
// what the resolvers say, who follow by themselves.
type follower struct {
	views views
	zones map[string][]*schema.Zone // by full name
}

func follow(c *schema.Config, v views) follower {
	f := follower{v, map[string][]*schema.Zone{}}
	for _, z := range schema.All[*schema.Zone](c) {
		f.zones[z.Name+"."] = append(f.zones[z.Name+"."], z)
	}
	return f
}

// end is what stands where the aliases of a name lead.
type end struct {
	view
	at      place     // of the view
	through []rr.Data // each alias on the way
	endless string    // why there is no end; the view means nothing then
}

// from follows the aliases at a place. An alias that is asked for is not followed.
func (f follower) from(start place) end {
	e := end{view: f.views.answer(start.zone, start.key), at: start}
	for e.open == "" && e.cname != "" && !e.at.zone.IsZero() && start.key.Type != "CNAME" {
		been := string(e.cname) == start.key.Name || slices.Contains(e.through, e.cname)
		e.through = append(e.through, e.cname)
		switch {
		case been:
			e.endless = fmt.Sprintf("its aliases lead in a circle, %s: point one of them at a name that has the record itself", way(start, e.through))
			return e
		case len(e.through) > chain:
			e.endless = fmt.Sprintf("more than %d aliases follow one another, %s, on which resolvers give up: point it at the last of the names", chain, way(start, e.through))
			return e
		}
		target := string(e.cname)
		e.at = place{f.zone(e.at.zone, target), rr.Key{Name: target, Type: start.key.Type}}
		e.view = f.views.answer(e.at.zone, e.at.key)
	}
	if e.at.zone.IsZero() {
		e.through = append(e.through, e.view.through...)
	}
	return e
}

// way writes the names that were gone through.
func way(start place, through []rr.Data) string {
	words := []string{start.key.Name}
	for _, d := range through {
		words = append(words, string(d))
	}
	return strings.Join(words, " -> ")
}

// zone finds the zone of the configuration that holds a name, zero if none does.
// Of several zones of one name it is the one that is looked at from where one
// comes: with the same servers.
func (f follower) zone(from schema.Addr, name string) schema.Addr {
	for rest := name; rest != ""; {
		switch all := f.zones[rest]; {
		case len(all) == 1:
			return all[0].Addr()
		case len(all) > 1:
			for _, z := range all {
				if z.Addr() == from || slices.Equal(z.Servers, f.servers(from)) {
					return z.Addr()
				}
			}
			return schema.Addr{}
		}
		_, rest, _ = strings.Cut(rest, ".")
	}
	return schema.Addr{}
}

func (f follower) servers(zone schema.Addr) []string {
	for _, all := range f.zones {
		for _, z := range all {
			if z.Addr() == zone {
				return z.Servers
			}
		}
	}
	return nil
}

// Question is an RRset to ask for; the zero zone is the whole world.
type Question struct {
	Zone schema.Addr
	Key  rr.Key
}

func (q Question) compare(r Question) int {
	return cmp.Or(q.Zone.Compare(r.Zone), q.Key.Compare(r.Key))
}

// Unfollowed lists, sorted, where the aliases of expectations lead that was not asked yet.
// When it has been, there may be more.
func Unfollowed(c *schema.Config, seen []Observation) []Question {
	if !slices.ContainsFunc(seen, func(o Observation) bool { return o.CNAME != "" && !o.Zone.IsZero() }) {
		return nil
	}
	f := follow(c, newViews(seen))
	var out []Question
	for _, e := range c.Expects() {
		zone, key := Place(c, e)
		at := f.from(place{zone, key}).at
		if _, asked := f.views[at]; !asked && at != (place{zone, key}) {
			out = append(out, Question{at.zone, at.key})
		}
	}
	slices.SortFunc(out, Question.compare)
	return slices.Compact(out)
}
