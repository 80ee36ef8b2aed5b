package plan

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/zclconf/go-cty/cty"

	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/revision"
	"github.com/mailrelay/mailrelay/schema/rr"
)

// DefaultTTL is the TTL, in seconds, of an RRset for which none is given.
const DefaultTTL = 3600

// wanted is a record block with its data read.
type wanted struct {
	block *schema.Record
	data  []rr.Data
}

// records decides for each RRset that is wanted, or that is ours.
//
//	there now          wanted        ours before   result
//	nothing            values        any           Create
//	the same           values        no            Import
//	the same           values        yes           nothing
//	other values       exclusive     any           Update, both sides shown
//	other values       not exclusive no            Create beside them
//	ours and others    other values  yes           Update of ours alone
//	ours and others    nothing       yes           Delete of ours alone
//	not known          any           any           Inconclusive: nothing is written
//
// proofs are records beside those of c.
func (p *Plan) records(c *schema.Config, base *revision.Revision, views views, proofs []*schema.Record) error {
	want := map[place][]wanted{}
	for _, r := range append(c.Records(), proofs...) {
		zone := schema.At[*schema.Zone](c, r.Zone)
		if zone == nil {
			return fmt.Errorf("%s: there is no %s", r.Addr(), r.Zone)
		}
		data, err := parseAll(r.Type, zone.Name, r.Values)
		if err != nil {
			return fmt.Errorf("%s: %w", r.Addr(), err)
		}
		at := place{r.Zone, rr.Key{Name: rr.Full(r.Name, zone.Name), Type: r.Type}}
		if data, err = alternative(r, zone.Name, data, views.at(at.zone, at.key)); err != nil {
			return fmt.Errorf("%s: %w", r.Addr(), err)
		}
		want[at] = append(want[at], wanted{r, data})
	}
	ours, open := settle(c, base, views)
	p.Unsettled = open
	places := map[place]bool{}
	for at := range want {
		places[at] = true
	}
	for at := range ours {
		places[at] = true
	}
	sorted := make([]place, 0, len(places))
	for at := range places {
		sorted = append(sorted, at)
	}
	slices.SortFunc(sorted, func(a, b place) int {
		return cmp.Or(a.zone.Compare(b.zone), a.key.Compare(b.key))
	})
	for _, at := range sorted {
		p.Settled = append(p.Settled, ours[at]...)
	}
	leaving := map[place]bool{} // aliases of ours that go
	for at := range ours {
		if at.key.Type == "CNAME" && len(want[at]) == 0 {
			leaving[at] = true
		}
	}
	zones := Zones(c, base)
	sets := make([]rrset, 0, len(sorted))
	for _, at := range sorted {
		v := views.at(at.zone, at.key)
		alias := place{at.zone, rr.Key{Name: at.key.Name, Type: "CNAME"}}
		if at.key.Type == "CNAME" && v.open == "" && v.set == nil && len(want[at]) > 0 {
			v.open = inTheWay(at, views, want, ours)
		}
		if v.open == "" && v.cname != "" && len(want[at]) > 0 && !leaving[alias] {
			v.open = fmt.Sprintf("the name is an alias for %s, beside which nothing may stand; remove the alias first", v.cname)
		}
		sets = append(sets, rrset{at: at, view: v, want: want[at], ours: ours[at], manual: byHand(zones(at.zone, at.key.Name)), back: p.Scope.Back != 0})
	}
	p.unsure = p.switches(c, base, sets, views)
	for _, s := range sets {
		concerned := p.Scope.concerns(s.want, s.ours)
		if !concerned || s.view.open != "" {
			p.Pending = append(p.Pending, waitingAt(base, s.at)...) // it waits on
		}
		if !concerned {
			continue
		}
		l, err := s.keepSenders(p)
		if err != nil {
			return err
		}
		s.decide(p)
		if l != nil {
			l.postpone(p, base, s)
		}
	}
	return nil
}

// BesideAlias are the types of record that are looked for where an alias is
// wanted: nothing may stand beside one (RFC 1034, 3.6.2), and servers ignore an
// alias that is added to other data without a word (RFC 2136, 3.4.2.2).
func BesideAlias() []string { return []string{"A", "AAAA", "MX", "TXT"} }

// inTheWay says what stands where an alias is wanted and does not go with it;
// empty if nothing does.
func inTheWay(at place, views views, want map[place][]wanted, ours map[place][]revision.Owned) string {
	for _, typ := range BesideAlias() {
		other := place{at.zone, rr.Key{Name: at.key.Name, Type: typ}}
		v, asked := views[other]
		if v = v.itself(); !asked || v.open != "" || v.set == nil {
			continue
		}
		var mine []rr.Data
		for _, o := range ours[other] {
			mine = append(mine, o.Set.Data...)
		}
		if len(want[other]) > 0 || len(without(v.set, mine)) > 0 {
			return fmt.Sprintf("an alias is wanted, and beside one nothing may stand; remove %s %s first", typ, describe(v.set, ""))
		}
	}
	return ""
}

func parseAll(typ, origin string, values []string) ([]rr.Data, error) {
	var out []rr.Data
	for _, text := range values {
		d, err := rr.Parse(typ, origin, text)
		if err != nil {
			return nil, err
		}
		out = append(out, d)
	}
	return out, nil
}

// alternative is the data that is wanted: what stands there if it is as good.
func alternative(r *schema.Record, origin string, data []rr.Data, v view) ([]rr.Data, error) {
	or, err := parseAll(r.Type, origin, r.Or)
	if err != nil || v.set == nil || len(v.set.Data) != 1 || !slices.Contains(or, v.set.Data[0]) {
		return data, err
	}
	return v.set.Data, nil
}

// value is an RRset, or a part of one, as a change shows it.
func value(zone schema.Addr, s *rr.Set) cty.Value {
	if s == nil {
		return cty.NilVal
	}
	data := cty.ListValEmpty(cty.String)
	if len(s.Data) > 0 {
		var elems []cty.Value
		for _, d := range s.Data {
			elems = append(elems, cty.StringVal(string(d)))
		}
		data = cty.ListVal(elems)
	}
	return cty.ObjectVal(map[string]cty.Value{
		"zone": cty.StringVal(zone.String()), "name": cty.StringVal(s.Name), "type": cty.StringVal(s.Type),
		"ttl": cty.NumberUIntVal(uint64(s.TTL)), "values": data,
	})
}
