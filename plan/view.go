package plan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/rr"
)

// place is one RRset as seen in one zone; the zero zone is the whole world.
type place struct {
	zone schema.Addr
	key  rr.Key
}

// view is what all servers together say of one RRset.
type view struct {
	set   *rr.Set // nil: absent
	wire  []string
	cname rr.Data // the name is an alias, if not empty
	wild  bool    // a wildcard says so: nothing stands at the name itself
	open  string  // why nothing certain is known; the rest means nothing then
}

type views map[place]view

func newViews(seen []Observation) views {
	grouped := map[place][]Observation{}
	for _, o := range seen {
		at := place{o.Zone, o.Key}
		grouped[at] = append(grouped[at], o)
	}
	out := make(views, len(grouped))
	for at, obs := range grouped {
		out[at] = merge(obs)
	}
	return out
}

// at gives the view of what stands at a place itself, which is nothing where a
// wildcard answers. What nobody was asked is open.
func (v views) at(zone schema.Addr, key rr.Key) view { return v.answer(zone, key).itself() }

// itself is the view without what a wildcard says.
func (w view) itself() view {
	if w.wild {
		w.set, w.wire, w.cname = nil, nil, ""
	}
	return w
}

// answer gives the view of what is answered for a place.
func (v views) answer(zone schema.Addr, key rr.Key) view {
	w, ok := v[place{zone, key}]
	if !ok {
		w.open = "no name server was asked for it"
	}
	return w
}

// merge makes one view of what each server said. A server that could not be asked
// leaves the matter open, and so do servers that disagree: nothing is guessed.
func merge(obs []Observation) view {
	var failed []string
	for _, o := range obs {
		if o.Err != "" {
			failed = append(failed, fmt.Sprintf("%s: %s", o.Source, o.Err))
		}
	}
	if failed != nil {
		slices.Sort(failed)
		return view{open: strings.Join(slices.Compact(failed), "; ")}
	}
	first := obs[0]
	for _, o := range obs[1:] {
		if !agree(first, o) {
			return view{open: disagreement(obs)}
		}
	}
	return view{set: first.Set, wire: first.Wire, cname: first.CNAME, wild: first.Wildcard}
}

func agree(a, b Observation) bool {
	if a.CNAME != b.CNAME || (a.Set == nil) != (b.Set == nil) {
		return false
	}
	return a.Set == nil || a.Set.Same(*b.Set) && a.Set.TTL == b.Set.TTL
}

func disagreement(obs []Observation) string {
	var says []string
	for _, o := range obs {
		says = append(says, fmt.Sprintf("%s says %s", o.Source, describe(o.Set, o.CNAME)))
	}
	slices.Sort(says)
	return "the name servers disagree: " + strings.Join(says, "; ")
}

// describe says in words what stands in an RRset.
func describe(s *rr.Set, cname rr.Data) string {
	switch {
	case cname != "":
		return "an alias for " + string(cname)
	case s == nil:
		return "nothing"
	}
	words := make([]string, len(s.Data))
	for i, d := range s.Data {
		words[i] = fmt.Sprintf("%q", string(d))
	}
	return fmt.Sprintf("%s (TTL %d)", strings.Join(words, ", "), s.TTL)
}
