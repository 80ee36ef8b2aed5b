package apply

import (
	"context"
	"fmt"

	"github.com/mailrelay/mailrelay/apply/dns"
	"github.com/mailrelay/mailrelay/plan"
	"github.com/mailrelay/mailrelay/plan/observe"
	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/revision"
	"github.com/mailrelay/mailrelay/schema/rr"
)

// fresh reports, as *StaleError, what moved since the plan was made: the applied
// revision, an RRset that the plan touches, or where one leads on which it relies.
// What happens between this look and the write is caught by the prerequisites of the
// write.
func (o Options) fresh(ctx context.Context, p *plan.Plan, base *revision.Revision, zones zones) error {
	var current revision.Hash
	if base != nil {
		current = base.Hash
	}
	if p.Base != current {
		return &StaleError{[]error{fmt.Errorf("the plan was made from %s, and %s has been applied since", named(p.Serial, p.Base), named(serial(base), current))}}
	}
	if len(p.Sets)+len(p.Relied) == 0 || o.Observe == nil {
		return nil
	}
	asks := asksFor(p, zones)
	before := make(map[place]evidence, len(asks))
	for _, e := range p.Relied {
		before[place{e.Zone, e.Key}] = evidence{e.Set, true}
	}
	for _, s := range p.Sets {
		before[place{s.Zone, s.Key}] = evidence{s.Before, false}
	}
	var reasons []error
	for _, seen := range o.Observe(ctx, asks) {
		at := place{seen.Zone, seen.Key}
		was, open := before[at]
		if !open {
			continue // another server has said so already
		}
		if seen.Err != "" {
			return fmt.Errorf("%s: %s could not be asked again before writing: %s; nothing was written, try again later", seen.Key, seen.Source, seen.Err)
		}
		if seen.Wildcard {
			seen.Set = nil // nothing stands there itself, as the plan has it
		}
		if was.moved(seen.Set) {
			delete(before, at)
			reasons = append(reasons, &dns.StaleError{Key: seen.Key, Expected: was.set, Found: seen.Set})
		}
	}
	if reasons != nil {
		return &StaleError{reasons}
	}
	return nil
}

// evidence is an RRset as a plan saw it.
type evidence struct {
	set  *rr.Set
	data bool // its TTL does not count: the plan does not write it
}

func (e evidence) moved(now *rr.Set) bool {
	if e.data && e.set != nil && now != nil {
		return !e.set.Same(*now)
	}
	return !rr.Equal(e.set, now)
}

// asksFor are the questions for the RRsets that p touches or relies on, each in its
// zone.
func asksFor(p *plan.Plan, zones zones) []observe.Ask {
	asks := make([]observe.Ask, 0, len(p.Sets)+len(p.Relied))
	touched := make(map[place]bool, len(p.Sets))
	add := func(at place, set *rr.Set) {
		if z := zones(at.zone, at.key.Name); z != nil { // else the write fails, and says why
			asks = append(asks, observe.Ask{Zone: z, Key: at.key, Itself: set == nil})
		}
	}
	for _, s := range p.Sets {
		touched[place{s.Zone, s.Key}] = true
		add(place{s.Zone, s.Key}, s.Before)
	}
	for _, e := range p.Relied {
		if at := (place{e.Zone, e.Key}); !touched[at] {
			add(at, e.Set)
		}
	}
	return asks
}

// place is where an RRset stands: two zones may have one name.
type place struct {
	zone schema.Addr
	key  rr.Key
}

func serial(r *revision.Revision) uint64 {
	if r == nil {
		return 0
	}
	return r.Serial
}

func named(serial uint64, h revision.Hash) string {
	if h == "" {
		return "an empty state"
	}
	return fmt.Sprintf("revision %d (%s)", serial, h.Short())
}
