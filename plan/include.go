package plan

import (
	"maps"
	"slices"

	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/rr"
	"github.com/mailrelay/mailrelay/schema/rr/policy"
)

// Includes lists what the SPF records that c writes, and those that stand in their
// places, lead to, as far as seen tells, and what seen does not tell yet, sorted. Once
// that has been asked for, there may be more: records lead to records. There is an
// end to it, because nothing is followed far beyond what receivers follow.
func Includes(c *schema.Config, seen []Observation) []Question {
	var k *known // most configurations have no SPF record that leads anywhere
	found := map[Question]bool{}
	for _, r := range schema.All[*schema.Record](c) {
		at := placeOf(c, r)
		for _, text := range spfOf(r) {
			if k == nil {
				k = &known{follow(c, newViews(seen))}
			}
			texts := []string{text}
			if set := k.views.answer(at.zone, at.key).set; set != nil {
				texts = append(texts, spfIn(set)...)
			}
			for _, t := range texts {
				k.cost(at, t, func(q Question) { found[q] = true })
			}
		}
	}
	return slices.SortedFunc(maps.Keys(found), Question.compare)
}

// placeOf is where a record stands.
func placeOf(c *schema.Config, r *schema.Record) place {
	return place{r.Zone, rr.Key{Name: rr.Full(r.Name, origin(c, r.Zone)), Type: r.Type}}
}

// spfOf are the SPF records among the values of r.
func spfOf(r *schema.Record) []string {
	if r.Type != "TXT" {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(r.Values), func(text string) bool { return policy.KindOf("", text) != policy.SPF })
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
