package dns

import (
	"slices"

	"github.com/mailrelay/mailrelay/plan"
	"github.com/mailrelay/mailrelay/schema/rr"
)

// Made reports whether the step of c shows in set: what it added stands there, with
// its TTL, and what it took away does not. What others wrote since does not count.
func Made(c plan.SetChange, set *rr.Set) bool {
	if c.Before != nil {
		for _, d := range c.Before.Data {
			if set != nil && set.Has(d) && (c.After == nil || !c.After.Has(d)) {
				return false
			}
		}
	}
	if c.After == nil {
		return true
	}
	if set == nil || set.TTL != c.After.TTL {
		return false
	}
	return !slices.ContainsFunc(c.After.Data, func(d rr.Data) bool {
		return !set.Has(d) && (c.Before == nil || !c.Before.Has(d))
	})
}
