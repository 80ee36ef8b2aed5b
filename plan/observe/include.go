package observe

import (
	"context"
	"time"

	"github.com/mailrelay/mailrelay/plan"
	"github.com/mailrelay/mailrelay/schema"
)

// treeTime is how long what SPF records lead to may take to be asked for. It is
// worth a number in a plan, and no more waiting than that.
const treeTime = 4 * time.Second

// rounds are how many times what was learned may lead on: plan.Includes ends before
// that.
const rounds = 100

// includes asks for what the SPF records of cfg lead to, records that lead to
// others in turn, each once: the servers of zones of the configuration, and the
// resolvers for all other names, who are tried once. seen is what is known already.
// What is not known in the end, the plan says so of.
func (c *Client) includes(ctx context.Context, cfg *schema.Config, seen []plan.Observation) []plan.Observation {
	ctx, cancel := context.WithTimeout(ctx, treeTime)
	defer cancel()
	quick := &Client{c.o}
	quick.o.Retries = 0
	tree := plan.NewIncludes(cfg, seen)
	var out []plan.Observation
	for range rounds {
		missing := tree.Missing()
		if len(missing) == 0 {
			break
		}
		more := quick.RRsets(ctx, asksFor(cfg, missing))
		tree.Learn(more)
		out = append(out, more...)
	}
	return out
}
