package apply

import (
	"context"
	"fmt"
	"slices"

	"github.com/mailrelay/mailrelay/apply/dns"
	"github.com/mailrelay/mailrelay/plan"
	"github.com/mailrelay/mailrelay/schema/revision"
	"github.com/mailrelay/mailrelay/schema/rr"
)

// fresh reports, as *StaleError, what moved since the plan was made: the applied
// revision, or an RRset that the plan touches. What happens between this look and
// the write is caught by the prerequisites of the write.
func (o Options) fresh(ctx context.Context, p *plan.Plan, base *revision.Revision) error {
	var current revision.Hash
	if base != nil {
		current = base.Hash
	}
	if p.Base != current {
		return &StaleError{[]error{fmt.Errorf("the plan was made from %s, and %s has been applied since", named(p.Serial, p.Base), named(serial(base), current))}}
	}
	if len(p.Sets) == 0 || o.Observe == nil {
		return nil
	}
	var reasons []error
	said := map[int]bool{}
	for _, seen := range o.Observe(ctx, p.Sets) {
		i := slices.IndexFunc(p.Sets, func(s plan.SetChange) bool { return s.Zone == seen.Zone && s.Key == seen.Key })
		if i < 0 || said[i] {
			continue
		}
		if seen.Err != "" {
			return fmt.Errorf("%s: %s could not be asked again before writing: %s; nothing was written, try again later", seen.Key, seen.Source, seen.Err)
		}
		if was := p.Sets[i].Before; !equal(was, seen.Set) {
			said[i] = true
			reasons = append(reasons, &dns.StaleError{Key: seen.Key, Expected: was, Found: seen.Set})
		}
	}
	if reasons != nil {
		return &StaleError{reasons}
	}
	return nil
}

func equal(a, b *rr.Set) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Same(*b) && a.TTL == b.TTL
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
