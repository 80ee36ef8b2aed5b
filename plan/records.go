package plan

import (
	"fmt"
	"maps"
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
	all := append(c.Records(), proofs...)
	want := make(map[place][]wanted, len(all))
	for _, r := range all {
		zone := schema.At[*schema.Zone](c, r.Zone)
		if zone == nil {
			return fmt.Errorf("%s: there is no %s", r.Addr(), r.Zone)
		}
		data, err := parseAll(r.Type, zone.Name, r.Values)
		if err != nil {
			return fmt.Errorf("%s: %w", r.Addr(), err)
		}
		at := place{r.Zone, rr.Key{Name: rr.Full(r.Name, zone.Name), Type: r.Type}}
		if r.Or != nil {
			if data, err = alternative(r, zone.Name, data, views.at(at.zone, at.key)); err != nil {
				return fmt.Errorf("%s: %w", r.Addr(), err)
			}
		}
		want[at] = append(want[at], wanted{r, data})
	}
	ours, open := settle(c, base, views)
	p.Unsettled = open
	sorted := sortedPlaces(want, ours)
	zones := Zones(c, base)
	sets := make([]rrset, 0, len(sorted))
	p.Settled = make([]revision.Owned, 0, len(sorted))
	for _, at := range sorted {
		s := rrset{at: at, view: views.at(at.zone, at.key), want: want[at], ours: ours[at], back: p.Scope.Back != 0}
		p.Settled = append(p.Settled, s.ours...)
		if len(s.want) > 0 && s.view.open == "" {
			s.view.open = blocked(s, views, want, ours)
		}
		s.manual = byHand(zones(at.zone, at.key.Name))
		sets = append(sets, s)
	}
	p.unsure = p.switches(c, base, sets, views)
	for _, s := range sets {
		concerned := p.Scope.concerns(s.want, s.ours)
		if !concerned || s.view.open != "" {
			p.Pending = append(p.Pending, stepsAt(base.Pending, s.at)...) // it waits on
			p.Manual = append(p.Manual, stepsAt(base.Manual, s.at)...)
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

// sortedPlaces are those at which something is wanted or ours, by zone and key.
func sortedPlaces(want map[place][]wanted, ours map[place][]revision.Owned) []place {
	byZone := map[schema.Addr][]rr.Key{} // there are few zones to sort, and few keys in most
	for at := range want {
		byZone[at.zone] = append(byZone[at.zone], at.key)
	}
	for at := range ours {
		if want[at] == nil {
			byZone[at.zone] = append(byZone[at.zone], at.key)
		}
	}
	out := make([]place, 0, len(want))
	for _, zone := range slices.SortedFunc(maps.Keys(byZone), schema.Addr.Compare) {
		keys := byZone[zone]
		slices.SortFunc(keys, rr.Key.Compare)
		for _, k := range keys {
			out = append(out, place{zone, k})
		}
	}
	return out
}

// BesideAlias are the types of record that are looked for where an alias is
// wanted: nothing may stand beside one (RFC 1034, 3.6.2), and servers ignore an
// alias that is added to other data without a word (RFC 2136, 3.4.2.2).
func BesideAlias() []string { return []string{"A", "AAAA", "MX", "TXT"} }

// blocked says why what is wanted in s cannot be there; empty if it can.
func blocked(s rrset, views views, want map[place][]wanted, ours map[place][]revision.Owned) string {
	if s.at.key.Type == "CNAME" && s.view.set == nil {
		if why := inTheWay(s.at, views, want, ours); why != "" {
			return why
		}
	}
	if s.view.cname == "" {
		return ""
	}
	alias := aliasOf(s.at)
	if _, mine := ours[alias]; mine && want[alias] == nil {
		return "" // it goes
	}
	return fmt.Sprintf("the name is an alias for %s, beside which nothing may stand; remove the alias first", s.view.cname)
}

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
