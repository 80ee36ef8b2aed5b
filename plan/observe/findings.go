package observe

import (
	"context"
	"slices"

	"github.com/mailrelay/mailrelay/plan"
	"github.com/mailrelay/mailrelay/schema"
)

// findings asks for what findings on cfg have to know beside what was seen: the
// addresses of mail hosts, the names of egress addresses and the like. It is worth no
// more waiting than includes are, and not more than some names of the world; what is
// not known in the end, nothing is found of.
func (c *Client) findings(ctx context.Context, cfg *schema.Config, seen []plan.Observation) []plan.Observation {
	i, err := plan.NewInquiry(cfg, c.o.Files, c.o.Clock())
	if err != nil {
		return nil // Make says so
	}
	ctx, cancel := context.WithTimeout(ctx, treeTime)
	defer cancel()
	quick := &Client{c.o}
	quick.o.Timeout, quick.o.Retries = min(c.o.Timeout, patienceOutside), 0
	asked, world := map[plan.Question]bool{}, 0
	var out []plan.Observation
	latest := seen
	for range rounds {
		mute := silent(seen, out)
		missing := slices.DeleteFunc(i.Missing(latest), func(q plan.Question) bool { return asked[q] || mute && q.Zone.IsZero() })
		missing = slices.DeleteFunc(missing, func(q plan.Question) bool {
			asked[q] = true
			if q.Zone.IsZero() {
				world++
			}
			return q.Zone.IsZero() && world > mostOutside
		})
		if len(missing) == 0 {
			break
		}
		latest = quick.RRsets(ctx, asksFor(cfg, missing))
		out = append(out, latest...)
	}
	return out
}

// silent reports whether resolvers were asked, and none ever answered.
func silent(lists ...[]plan.Observation) bool {
	asked := false
	for _, list := range lists {
		for _, o := range list {
			if o.Zone.IsZero() && o.Err == "" {
				return false
			}
			asked = asked || o.Zone.IsZero()
		}
	}
	return asked
}
