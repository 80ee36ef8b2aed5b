package plan

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/zclconf/go-cty/cty"

	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/rr"
	"github.com/mailrelay/mailrelay/schema/rr/policy"
)

// The findings about policies.
const (
	tooManyLookups = "MR206" // an SPF record costs more look-ups than receivers do
	twoPolicies    = "MR207" // a name holds two records of a policy of which there may be one
	leadsNowhere   = "MR208" // an SPF record leads to one that receivers cannot use
)

// meanings says what changes of TXT records mean to receivers, and finds policies
// that they will not use.
func (p *Plan) meanings(c *schema.Config, views views) {
	now := &known{follow(c, views)}
	then := now
	if w := p.written(c, views); w != nil {
		then = &known{w.follower}
	}
	sets := map[place]SetChange{}
	for _, s := range p.Sets {
		sets[place{s.Zone, s.Key}] = s
	}
	for i, ch := range p.Changes {
		if ch.Key().Type == "TXT" && slices.Contains([]Action{Create, Update, Delete}, ch.Action) {
			p.Changes[i].Meaning = meaning(ch, sets, now, then)
		}
	}
	for i, d := range p.Drift {
		p.Drift[i].Meaning = mean(place{key: d.Key()}, setOf(d.Before), setOf(d.After), setOf(d.Before), setOf(d.After), nil, nil)
	}
	said := map[string]bool{}
	for _, r := range schema.All[*schema.Record](c) {
		at := placeOf(c, r)
		if r.Type == "TXT" && p.Scope.takes(r.Addr()) {
			p.policies(r, at, then, said)
		}
	}
}

// meaning is that of one change, by the whole RRset in which it stands.
func meaning(ch Change, sets map[place]SetChange, now, then *known) []policy.Difference {
	at := place{zoneOf(ch), ch.Key()}
	mine, next := setOf(ch.Before), setOf(ch.After)
	before, after := mine, next
	if s, ok := sets[at]; ok {
		before, after = s.Before, s.After
	}
	return mean(at, mine, next, before, after, now, then)
}

// mean compares the policies of an RRset of which mine becomes next, and the whole
// of which is before and will be after. now and then count look-ups; nil: they are
// not counted.
func mean(at place, mine, next, before, after *rr.Set, now, then *known) []policy.Difference {
	if at.key.Type != "TXT" {
		return nil
	}
	var kinds []policy.Kind
	for _, set := range []*rr.Set{mine, next} {
		if set == nil {
			continue
		}
		for _, d := range set.Data {
			if kind := policy.KindOf(at.key.Name, d.Text()); kind != policy.None && !slices.Contains(kinds, kind) {
				kinds = append(kinds, kind)
			}
		}
	}
	slices.Sort(kinds)
	var out []policy.Difference
	for _, kind := range kinds {
		was, is := ofKind(kind, before), ofKind(kind, after)
		if slices.Equal(was, is) {
			continue
		}
		if len(was) > 1 || len(is) > 1 {
			out = append(out, policy.Difference{Kind: kind, Term: "records", Before: strconv.Itoa(len(was)), After: strconv.Itoa(len(is)), Limit: 1})
		}
		if len(is) != 1 {
			continue
		}
		var old string
		if len(was) == 1 {
			old = was[0]
			out = append(out, policy.Compare(kind, at.key.Name, old, is[0])...)
		} else if len(was) == 0 {
			out = append(out, policy.New(kind, is[0])...)
		}
		if kind == policy.SPF && then != nil {
			out = append(out, costs(at, old, is[0], now, then)...)
		}
	}
	return out
}

// costs says how the numbers of look-ups change. old is empty where there was no
// record, or more than one.
func costs(at place, old, text string, now, then *known) []policy.Difference {
	after := then.cost(at, text, nil)
	var before policy.Cost
	if old != "" {
		before = now.cost(at, old, nil)
	}
	open := slices.Concat(before.Open, after.Open)
	slices.Sort(open)
	var out []policy.Difference
	say := func(term string, was, is, limit int) {
		d := policy.Difference{Kind: policy.SPF, Term: term, After: strconv.Itoa(is), Limit: limit, AtLeast: slices.Compact(open)}
		if old != "" {
			d.Before = strconv.Itoa(was)
		}
		if was != is || is > limit {
			out = append(out, d)
		}
	}
	say("look-ups", before.Lookups, after.Lookups, policy.MaxLookups)
	if before.Void+after.Void > 0 {
		say("void look-ups", before.Void, after.Void, policy.MaxVoid)
	}
	return out
}

// policies finds what is wrong with the policies that r writes, once the plan is
// applied. said keeps it from being said of each of two records that share an RRset.
func (p *Plan) policies(r *schema.Record, at place, then *known, said map[string]bool) {
	find := func(code, summary, detail string, args ...any) {
		if key := code + at.zone.String() + at.key.Name; !said[key] {
			said[key] = true
			p.Findings = append(p.Findings, Finding{Code: code, Severity: "warning", Addr: r.Addr(), Summary: summary,
				Detail: fmt.Sprintf(detail, args...), Decl: schema.Place(r.Decl()), Allowed: r.Allowed()[code]})
		}
	}
	var set *rr.Set
	if v := then.views.answer(at.zone, at.key); v.open == "" {
		set = v.set
	}
	name := strings.TrimSuffix(at.key.Name, ".")
	for _, text := range r.Values {
		kind := policy.KindOf(at.key.Name, text)
		if kind == policy.None {
			continue
		}
		if n := len(ofKind(kind, set)); n > 1 {
			find(twoPolicies, fmt.Sprintf("%s holds %d %s records", name, n, kind), "Receivers take that as if there were none, or as an error. Put everything into one of them, and take the others away: what others wrote stays until its owner removes it. If the other is yours too, take it over: write it into the configuration as it stands and apply, which makes it yours without a write; then change it.")
			continue
		}
		if kind != policy.SPF {
			continue
		}
		cost := then.cost(at, text, nil)
		least := ""
		if len(cost.Open) > 0 {
			least = "at least "
		}
		switch {
		case cost.Lookups > policy.MaxLookups:
			find(tooManyLookups, fmt.Sprintf("the SPF record of %s needs %s%d look-ups", name, least, cost.Lookups), "Receivers do %d, those of the records that it includes among them (RFC 7208, 4.6.4), and take a record that needs more as broken (permerror). Take out what is no longer used, or list addresses instead of names.", policy.MaxLookups)
		case cost.Void > policy.MaxVoid:
			find(tooManyLookups, fmt.Sprintf("the SPF record of %s needs %s%d look-ups that find nothing", name, least, cost.Void), "Receivers do %d (RFC 7208, 4.6.4), and take a record that needs more as broken (permerror). Take out the names that no longer exist.", policy.MaxVoid)
		}
		if cost.Broken != "" {
			find(leadsNowhere, fmt.Sprintf("receivers cannot use the SPF record of %s", name), "%s, and receivers take that as an error (permerror) of the whole record. Correct the name, or take the term out.", upper(cost.Broken))
		}
	}
}

func upper(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

// setOf reads the value of a record back; nil if there is none.
func setOf(v cty.Value) *rr.Set {
	if v == cty.NilVal || v.IsNull() || !v.Type().HasAttribute("values") || !v.Type().HasAttribute("type") {
		return nil
	}
	s := rr.Set{Name: v.GetAttr("name").AsString(), Type: v.GetAttr("type").AsString()}
	for it := v.GetAttr("values").ElementIterator(); it.Next(); {
		_, e := it.Element()
		s.Data = append(s.Data, rr.Data(e.AsString()))
	}
	return &s
}

// zoneOf is the zone of a change of a record.
func zoneOf(ch Change) schema.Addr {
	v := ch.After
	if v == cty.NilVal || v.IsNull() {
		v = ch.Before
	}
	a, _ := schema.ParseAddr(v.GetAttr("zone").AsString()) // as value wrote it
	return a
}
