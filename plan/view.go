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
	// answers are what each server said, where several leave the matter open.
	answers []Observation
	through []rr.Data // the aliases that a resolver followed to get there
	// negative is for how many seconds caches may hold that there is no set; zero: not known.
	negative uint32
}

type views map[place]view

func newViews(seen []Observation) views {
	out := make(views, len(seen))
	var apart map[place][]Observation // what is not sorted, which no observer gives
	for i, end := 0, 0; i < len(seen); i = end {
		at := place{seen[i].Zone, seen[i].Key}
		for end = i + 1; end < len(seen) && seen[end].Key == at.key && seen[end].Zone == at.zone; end++ {
		}
		if _, again := out[at]; again {
			if apart == nil {
				apart = grouped(seen)
			}
			out[at] = merge(apart[at])
			continue
		}
		out[at] = merge(seen[i:end])
	}
	return out
}

func grouped(seen []Observation) map[place][]Observation {
	out := map[place][]Observation{}
	for _, o := range seen {
		at := place{o.Zone, o.Key}
		out[at] = append(out[at], o)
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
		return view{open: strings.Join(slices.Compact(failed), "; "), answers: several(obs)}
	}
	first := obs[0]
	negative := first.Negative
	for _, o := range obs[1:] {
		if !first.Agrees(o) {
			return view{open: disagreement(obs), answers: several(obs)}
		}
		negative = max(negative, o.Negative)
	}
	return view{set: first.Set, wire: first.Wire, cname: first.CNAME, wild: first.Wildcard, through: first.Through, negative: negative}
}

// several gives what the servers said one by one, if there is more than one.
func several(obs []Observation) []Observation {
	if len(obs) < 2 {
		return nil
	}
	return slices.SortedStableFunc(slices.Values(obs), func(a, b Observation) int { return strings.Compare(a.Source, b.Source) })
}

// Agrees reports whether o and p say the same of an RRset, TTL included, and of
// whether it stands there itself.
func (o Observation) Agrees(p Observation) bool {
	return o.CNAME == p.CNAME && o.Wildcard == p.Wildcard && rr.Equal(o.Set, p.Set)
}

// disagreement says what is known of why servers disagree; what each one says is
// with the answers.
func disagreement(obs []Observation) string {
	const all = "the name servers disagree"
	newest := obs[0]
	for _, o := range obs {
		switch {
		case o.Serial == 0:
			return all + ": correct the one that is wrong, and plan again"
		case int32(o.Serial-newest.Serial) > 0: // RFC 1982, 3.2
			newest = o
		}
	}
	var behind []string
	for _, o := range obs {
		if o.Serial != newest.Serial {
			behind = append(behind, o.Source)
		}
	}
	if behind == nil {
		return fmt.Sprintf("%s, and all have the serial %d, so no zone transfer will make them agree: they are fed in different ways, or one was edited without raising the serial; correct the one that is wrong, and plan again", all, newest.Serial)
	}
	slices.Sort(behind)
	lag := "lags"
	if len(behind) > 1 {
		lag = "lag"
	}
	return fmt.Sprintf("%s: %s %s behind the newest serial, %d, as a secondary does until its next zone transfer; plan again after that, and if it stays so, look why transfers to it fail", all, strings.Join(behind, " and "), lag, newest.Serial)
}

// Words says in words what a server answered.
func (o Observation) Words() string {
	what := "says " + describe(o.Set, o.CNAME)
	if o.Wildcard {
		what += " by a wildcard"
	}
	switch {
	case o.Err != "":
		return fmt.Sprintf("%s cannot be relied on: %s", o.Source, o.Err)
	case o.Code == NoName && o.CNAME == "":
		what = "says that there is no such name"
	}
	if o.Serial != 0 {
		what += fmt.Sprintf(", serial %d", o.Serial)
	}
	return o.Source + " " + what
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
