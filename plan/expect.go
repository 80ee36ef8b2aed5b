package plan

import (
	"fmt"

	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/rr"
)

// Place is the zone and RRset that an expect block is about; the zero zone is the
// whole world.
func Place(c *schema.Config, e *schema.Expect) (schema.Addr, rr.Key) {
	name := ""
	if z := schema.At[*schema.Zone](c, e.Zone); z != nil {
		name = rr.Full(e.Name, z.Name)
	} else {
		name = e.Name + "."
	}
	return e.Zone, rr.Key{Name: name, Type: e.Type}
}

func (p *Plan) expectations(c *schema.Config, views views) error {
	for _, e := range c.Expects() {
		zone, key := Place(c, e)
		data, err := parseAll(e.Type, key.Name, e.Values)
		if z := schema.At[*schema.Zone](c, e.Zone); z != nil {
			data, err = parseAll(e.Type, z.Name, e.Values)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", e.Addr(), err)
		}
		want := rr.NewSet(key.Name, key.Type, 0, data...)
		if e.TTL != nil {
			want.TTL = *e.TTL
		}
		v := views.at(zone, key)
		x := Expectation{Addr: e.Addr(), Status: Met, Want: want, Absent: e.Absent, Got: v.set, Decl: e.Decl()}
		switch {
		case v.open != "":
			x.Status, x.Got, x.Why = Open, nil, v.open
		case e.Absent && v.set != nil:
			x.Status, x.Why = Unmet, fmt.Sprintf("nothing should be there, and there is %s", describe(v.set, v.cname))
		case e.Absent:
		case v.set == nil:
			x.Status, x.Why = Unmet, fmt.Sprintf("it is %s, and should be %s", describe(nil, v.cname), expected(e, want))
		case !v.set.Same(want), e.TTL != nil && v.set.TTL != *e.TTL:
			x.Status, x.Why = Unmet, fmt.Sprintf("it is %s, and should be %s", describe(v.set, ""), expected(e, want))
		}
		p.Expectations = append(p.Expectations, x)
	}
	return nil
}

// expected says what an expectation wants; a TTL only where one was given.
func expected(e *schema.Expect, want rr.Set) string {
	if e.TTL != nil {
		return describe(&want, "")
	}
	s := describe(&want, "")
	return s[:len(s)-len(" (TTL 0)")]
}
