package observe

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/mailrelay/mailrelay/plan"
	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/revision"
	"github.com/mailrelay/mailrelay/schema/rr"
)

// What asking the resolvers about our own names may cost: it is for a warning only.
const (
	mostOutside     = 200 // names
	patienceOutside = 700 * time.Millisecond
)

// outside lists the RRsets of which it matters what the world sees: where mail
// leads that is being led elsewhere, and what expectations are about. Zones that
// name servers of their own are another view, and not asked for. seen is what their
// servers say; base may be nil.
func outside(cfg *schema.Config, base *revision.Revision, seen []plan.Observation) []rr.Key {
	public := func(zone schema.Addr) *schema.Zone {
		if z := schema.At[*schema.Zone](cfg, zone); z != nil && len(z.Servers) == 0 {
			return z
		}
		return nil
	}
	var first, then []rr.Key
	if base != nil {
		for _, s := range base.Switched {
			if public(s.Zone) != nil {
				first = append(first, rr.Key{Name: s.Name, Type: s.Type})
			}
		}
		for _, s := range slices.Concat(base.Intent, base.Pending) {
			if public(s.Zone) != nil && s.Key().Type == "MX" {
				first = append(first, s.Key())
			}
		}
	}
	is := map[own][]rr.Data{}
	for _, o := range seen {
		if o.Key.Type == "MX" && o.Set != nil {
			is[own{o.Zone, o.Key}] = o.Set.Data
		}
	}
	for _, r := range cfg.Records() {
		z := public(r.Zone)
		if z == nil || r.Type != "MX" {
			continue
		}
		k := rr.Key{Name: rr.Full(r.Name, z.Name), Type: r.Type}
		for _, v := range r.Values {
			if d, err := rr.Parse(r.Type, z.Name, v); err == nil && !slices.Contains(is[own{r.Zone, k}], d) {
				first = append(first, k)
				break
			}
		}
	}
	for _, e := range cfg.Expects() {
		if z := public(e.Zone); z != nil {
			then = append(then, rr.Key{Name: rr.Full(e.Name, z.Name), Type: e.Type})
		}
	}
	asked := map[rr.Key]bool{}
	for _, o := range seen {
		if o.Zone.IsZero() {
			asked[o.Key] = true
		}
	}
	var out []rr.Key
	for _, k := range slices.Concat(first, then) {
		if !asked[k] {
			asked[k] = true
			out = append(out, k)
		}
	}
	return out
}

// outside asks each resolver for keys: at most so many, with little patience. What
// no resolver could be asked is a remark, and not an observation.
func (c *Client) outside(ctx context.Context, keys []rr.Key) (seen []plan.Observation, remarks []string) {
	addrs, err := c.resolvers()
	if len(keys) == 0 || err != nil {
		return nil, nil // without resolvers, no name servers were found either
	}
	if n := len(keys); n > mostOutside {
		keys = keys[:mostOutside]
		remarks = append(remarks, fmt.Sprintf("What resolvers say was looked at for %d of %d names only, those where mail changes its way first.", mostOutside, n))
	}
	quick := &Client{c.o}
	quick.o.Timeout, quick.o.Retries = min(c.o.Timeout, patienceOutside), min(c.o.Retries, 1)
	r := quick.begin()
	defer r.end()
	var tasks []*task
	for _, addr := range addrs {
		s := r.server("", []string{addr})
		for _, k := range keys {
			tasks = append(tasks, newTask(nil, s, k))
		}
	}
	r.run(ctx, tasks)
	silent := map[string]string{}
	for _, t := range tasks {
		if t.seen.Err == "" {
			seen = append(seen, t.seen)
			continue
		}
		addr := t.server.addrs[0]
		silent[addr] = cmp.Or(silent[addr], t.seen.Err)
	}
	for addr, why := range silent {
		remarks = append(remarks, fmt.Sprintf("What the world sees was not looked at, or not in full, by the resolver %s: %s.", addr, why))
	}
	slices.SortFunc(seen, compare)
	return seen, remarks
}
