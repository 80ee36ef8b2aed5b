package plan

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/revision"
	"github.com/mailrelay/mailrelay/schema/rr"
	"github.com/mailrelay/mailrelay/schema/rr/policy"
)

// Place is the zone and RRset that an expect block is about; the zero zone is the
// whole world.
func Place(c *schema.Config, e *schema.Expect) (schema.Addr, rr.Key) {
	return e.Zone, rr.Key{Name: rr.Full(e.Name, origin(c, e.Zone)), Type: e.Type}
}

// origin is what names in a zone are relative to: the zone's name, or nothing
// outside all zones.
func origin(c *schema.Config, zone schema.Addr) string {
	if z := schema.At[*schema.Zone](c, zone); z != nil {
		return z.Name
	}
	return ""
}

func (p *Plan) expectations(c *schema.Config, base *revision.Revision, views views) error {
	f := follow(c, views)
	after := sync.OnceValue(func() *written { return p.written(c, views) })
	for _, e := range c.Expects() {
		zone, key := Place(c, e)
		data, err := parseAll(e.Type, origin(c, e.Zone)+".", append(slices.Clone(e.Values), e.Or...))
		if err != nil {
			return fmt.Errorf("%s: %w", e.Addr(), err)
		}
		n := len(e.Values)
		want := rr.NewSet(key.Name, key.Type, 0, data[:n]...)
		if e.TTL != nil {
			want.TTL = *e.TTL
		}
		there := f.from(place{zone, key})
		x := Expectation{Addr: e.Addr(), Status: Met, Want: want, Absent: e.Absent, Contains: e.Contains, Got: there.set, Through: there.through, Decl: e.Decl()}
		if x.Why = unmet(e, want, data[n:], there); there.open != "" {
			x.Status, x.Got, x.Why, x.Answers = Open, nil, there.open, there.answers
		} else if x.Why != "" {
			x.Status = Unmet
			x.MetBy = after().meets(e, want, data[n:], place{zone, key})
		}
		p.Expectations = append(p.Expectations, x)
		p.await(e, x, base)
	}
	return nil
}

// unmet says why what was seen does not meet the expectation; empty if it does.
// or is data of which one record is as good as all of want.
func unmet(e *schema.Expect, want rr.Set, or []rr.Data, there end) string {
	v := there.view
	switch {
	case there.endless != "":
		return there.endless
	case e.Contains != "":
		return lacksTerm(e.Contains, v)
	case e.Absent && v.set != nil:
		return fmt.Sprintf("nothing should be there, and there is %s", describe(v.set, "")) + led(there)
	case e.Absent:
		return ""
	case v.set == nil && len(there.through) > 0:
		return fmt.Sprintf("there is no such record%s, and there should be %s", led(there), expected(e, want))
	case v.set == nil:
		return fmt.Sprintf("there is no such record, and there should be %s", expected(e, want))
	}
	got := *v.set
	got.Name = want.Name // another one, where aliases led to
	if e.Type == "MX" {
		got.Data = without(v.set, proofs(v.set, want.Data))
	}
	alternative := len(got.Data) == 1 && slices.Contains(or, got.Data[0])
	if !got.Same(want) && !alternative || e.TTL != nil && got.TTL != *e.TTL {
		return fmt.Sprintf("it is %s%s, and should be %s", describe(v.set, ""), led(there), expected(e, want))
	}
	return ""
}

// led says where aliases led to, empty if there are none.
func led(there end) string {
	if len(there.through) == 0 {
		return ""
	}
	words := make([]string, len(there.through))
	for i, d := range there.through {
		words[i] = string(d)
	}
	return " (where its alias leads, " + strings.Join(words, " -> ") + ")"
}

// lacksTerm says why the one SPF record does not hold a term (RFC 7208, 4.5: more
// than one record is an error of its own).
func lacksTerm(term string, v view) string {
	records := spfIn(v.set)
	switch {
	case len(records) == 0:
		return fmt.Sprintf("there is no SPF record, and one should hold %s", term)
	case len(records) > 1:
		return fmt.Sprintf("there are %d SPF records, and receivers take that as an error: merge them into one that holds %s", len(records), term)
	}
	wanted, _ := policy.ReadSPF("v=spf1 " + term) // a service made it
	r, _ := policy.ReadSPF(records[0])
	for _, t := range r.Effective() {
		switch {
		case slices.Contains(wanted, t):
			return ""
		case len(wanted) == 1 && !t.Modifier() && t.Mechanism() == wanted[0].Mechanism():
			return fmt.Sprintf("the SPF record %q holds %s, by which nobody passes: write %s", records[0], t, term)
		}
	}
	return fmt.Sprintf("the SPF record %q does not hold %s", records[0], term)
}

// proofs are the MX records in set that route nothing: those to a host below
// "invalid.", by which ownership is proved. They are never in the way, unless they
// are wanted.
func proofs(set *rr.Set, wanted []rr.Data) []rr.Data {
	var out []rr.Data
	if set != nil && set.Type == "MX" {
		for _, d := range set.Data {
			if strings.HasSuffix(string(d), ".invalid.") && !slices.Contains(wanted, d) {
				out = append(out, d)
			}
		}
	}
	return out
}

// expected says what an expectation wants; a TTL only where one was given.
func expected(e *schema.Expect, want rr.Set) string {
	if e.TTL != nil {
		return describe(&want, "")
	}
	s := describe(&want, "")
	return s[:len(s)-len(" (TTL 0)")]
}
