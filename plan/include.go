package plan

import (
	"maps"
	"slices"

	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/rr"
	"github.com/mailrelay/mailrelay/schema/rr/policy"
)

// Includes finds out what the SPF records that a configuration writes, and those
// that stand in their places, lead to. It is asked what is missing and told what was
// seen of that, until nothing is missing: records lead to records. There is an end to
// it, because nothing is followed far beyond what receivers follow.
type Includes struct {
	known known
	open  []sender // of which it is not known whether everything is known
}

// sender is an SPF record at a place.
type sender struct {
	at   place
	text string
}

// NewIncludes begins with what was seen already.
func NewIncludes(c *schema.Config, seen []Observation) *Includes {
	var i Includes
	for _, r := range schema.All[*schema.Record](c) {
		texts := spfOf(r)
		if texts == nil {
			continue
		}
		if i.known.views == nil { // most configurations have no SPF record that leads anywhere
			i.known = known{follow(c, newViews(seen))}
		}
		at := placeOf(c, r)
		if set := i.known.views.answer(at.zone, at.key).set; set != nil {
			texts = append(texts, spfIn(set)...)
		}
		slices.Sort(texts)
		for _, text := range slices.Compact(texts) {
			i.open = append(i.open, sender{at, text})
		}
	}
	return &i
}

// Missing lists, sorted, what was not seen yet.
func (i *Includes) Missing() []Question {
	missing := map[Question]bool{}
	i.open = slices.DeleteFunc(i.open, func(s sender) bool {
		whole := true
		i.known.cost(s.at, s.text, func(q Question) { missing[q], whole = true, false })
		return whole
	})
	return slices.SortedFunc(maps.Keys(missing), Question.compare)
}

// Learn takes in what was seen of what was missing.
func (i *Includes) Learn(seen []Observation) { maps.Copy(i.known.views, newViews(seen)) }

// placeOf is where a record stands.
func placeOf(c *schema.Config, r *schema.Record) place {
	return place{r.Zone, rr.Key{Name: rr.Full(r.Name, origin(c, r.Zone)), Type: r.Type}}
}

// spfOf are the SPF records among the values of r.
func spfOf(r *schema.Record) []string {
	if r.Type != "TXT" {
		return nil
	}
	var out []string
	for _, text := range r.Values {
		if policy.KindOf("", text) == policy.SPF {
			out = append(out, text)
		}
	}
	return out
}

// spfIn are the SPF records in an RRset.
func spfIn(set *rr.Set) []string { return ofKind(policy.SPF, set) }

// ofKind are the texts of an RRset that are policies of that kind.
func ofKind(kind policy.Kind, set *rr.Set) []string {
	var out []string
	if set != nil {
		for _, d := range set.Data {
			if text := d.Text(); policy.KindOf(set.Name, text) == kind {
				out = append(out, text)
			}
		}
	}
	return out
}

// known answers what SPF records ask: from what was seen, or from what will be.
type known struct{ follower }

// cost is what the SPF record text at a place costs. missing, if not nil, is told
// what would have to be asked for.
func (k *known) cost(at place, text string, missing func(Question)) policy.Cost {
	r, _ := policy.ReadSPF(text) // what is broken in it is said elsewhere
	return policy.CostOf(at.key.Name, r, func(q policy.Question) policy.Answer {
		return k.ask(at.zone, rr.Key(q), missing)
	})
}

// ask answers one question of a record in the zone from.
func (k *known) ask(from schema.Addr, key rr.Key, missing func(Question)) policy.Answer {
	there := k.from(place{k.zone(from, key.Name), key})
	if _, asked := k.views[there.at]; !asked && missing != nil {
		missing(Question{there.at.zone, there.at.key})
	}
	if there.open != "" || there.endless != "" {
		return policy.Answer{Open: true}
	}
	a := policy.Answer{Found: there.set != nil}
	if there.set != nil && key.Type == "TXT" {
		for _, d := range there.set.Data {
			a.Texts = append(a.Texts, d.Text())
		}
	}
	return a
}
