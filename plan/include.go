package plan

import (
	"cmp"
	"slices"
	"strings"

	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/rr"
	"github.com/mailrelay/mailrelay/schema/rr/policy"
)

// Lookup is an RRset that the evaluation of an SPF record asks for; the zero zone
// is the whole world.
type Lookup struct {
	Zone schema.Addr
	Key  rr.Key
}

func (l Lookup) compare(m Lookup) int {
	return cmp.Or(l.Zone.Compare(m.Zone), l.Key.Compare(m.Key))
}

// Includes lists what the SPF records that c writes, and those that stand in their
// places, lead to, as far as seen tells, and what seen does not tell yet, sorted. Once
// that has been asked for, there may be more: records lead to records. There is an
// end to it, because nothing is followed far beyond what receivers follow.
func Includes(c *schema.Config, seen []Observation) []Lookup {
	var k *known // most configurations have no SPF record that leads anywhere
	found := map[Lookup]bool{}
	for _, r := range schema.All[*schema.Record](c) {
		at := placeOf(c, r)
		for _, text := range spfOf(r) {
			if k == nil {
				k = know(c, newViews(seen), nil)
			}
			texts := []string{text}
			if set := k.views.answer(at.zone, at.key).set; set != nil {
				texts = append(texts, spfIn(set)...)
			}
			for _, t := range texts {
				k.cost(at, t, func(l Lookup) { found[l] = true })
			}
		}
	}
	out := make([]Lookup, 0, len(found))
	for l := range found {
		out = append(out, l)
	}
	slices.SortFunc(out, Lookup.compare)
	return out
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

// known answers what SPF records ask: from what was seen and, where sets are given,
// from what is about to be written.
type known struct {
	views views
	zones map[string][]schema.Addr // by full name
	sets  map[place]*rr.Set
}

func know(c *schema.Config, v views, sets []SetChange) *known {
	k := &known{v, map[string][]schema.Addr{}, map[place]*rr.Set{}}
	for _, z := range schema.All[*schema.Zone](c) {
		k.zones[z.Name+"."] = append(k.zones[z.Name+"."], z.Addr())
	}
	for _, s := range sets {
		k.sets[place{s.Zone, s.Key}] = s.After
	}
	return k
}

// cost is what the SPF record text at a place costs. missing, if not nil, is told
// what would have to be asked for.
func (k *known) cost(at place, text string, missing func(Lookup)) policy.Cost {
	r, _ := policy.ReadSPF(text) // what is broken in it is said elsewhere
	return policy.CostOf(at.key.Name, r, func(q policy.Question) policy.Answer {
		return k.ask(at.zone, rr.Key(q), missing)
	})
}

// aliases is how many of them in a row are followed, as resolvers do.
const aliases = 8

// ask answers one question of a record in the zone from.
func (k *known) ask(from schema.Addr, key rr.Key, missing func(Lookup)) policy.Answer {
	for range aliases {
		at := place{k.zone(from, key.Name), key}
		set, planned := k.sets[at]
		if alias := k.sets[place{at.zone, rr.Key{Name: key.Name, Type: "CNAME"}}]; alias != nil && len(alias.Data) > 0 {
			key.Name = string(alias.Data[0])
			continue
		}
		if !planned {
			v, asked := k.views[at]
			switch {
			case !asked:
				if missing != nil {
					missing(Lookup{at.zone, at.key})
				}
				return policy.Answer{Open: true}
			case v.open != "":
				return policy.Answer{Open: true}
			case v.set == nil && v.cname != "" && !at.zone.IsZero():
				key.Name = string(v.cname)
				continue
			}
			set = v.set
		}
		a := policy.Answer{Found: set != nil}
		if set != nil && key.Type == "TXT" {
			for _, d := range set.Data {
				a.Texts = append(a.Texts, d.Text())
			}
		}
		return a
	}
	return policy.Answer{Open: true}
}

// zone finds the zone of the configuration that holds a name, zero if none does. Of
// several of one name it is the one from which the question comes.
func (k *known) zone(from schema.Addr, name string) schema.Addr {
	for rest := name; rest != ""; {
		if all := k.zones[rest]; len(all) > 0 {
			if slices.Contains(all, from) {
				return from
			}
			return all[0]
		}
		_, rest, _ = strings.Cut(rest, ".")
	}
	return schema.Addr{}
}
