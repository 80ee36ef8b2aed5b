package observe

import (
	"context"
	"slices"

	"github.com/mailrelay/mailrelay/plan"
	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/revision"
	"github.com/mailrelay/mailrelay/schema/rr"
)

// Observe looks at all that a plan for cfg over base has to know: at every
// authoritative server what is in a zone, at the resolvers what is in none. base
// may be nil. It does not fail: what could not be asked is an observation that
// says so.
//
// It asks in rounds, each only for what the answers before made worth knowing: what
// stands where an alias is to come, where mail goes without an MX, where the aliases of expectations lead, the
// serials of servers that disagree, and what resolvers say of names that the world
// should see.
func (c *Client) Observe(ctx context.Context, cfg *schema.Config, base *revision.Revision) plan.Seen {
	var out plan.Seen
	var all []Ask
	look := func(asks []Ask) (new bool) {
		if asks = unasked(asks, all); len(asks) == 0 {
			return false
		}
		all = append(all, asks...)
		seen, remarks := c.look(ctx, asks)
		out.RRsets = append(out.RRsets, seen...)
		out.Remarks = append(out.Remarks, remarks...)
		return true
	}
	look(Asks(cfg, base))
	look(beside(cfg, out.RRsets))
	look(instead(cfg, base, out.RRsets))
	for look(asksFor(cfg, plan.Unfollowed(cfg, out.RRsets))) {
	}
	c.serials(ctx, cfg, out.RRsets)
	seen, remarks := c.outside(ctx, outside(cfg, base, out.RRsets))
	out.RRsets = append(out.RRsets, seen...)
	out.Remarks = append(out.Remarks, remarks...)
	out.RRsets = append(out.RRsets, c.includes(ctx, cfg, out.RRsets)...)
	out.RRsets = append(out.RRsets, c.findings(ctx, cfg, out.RRsets)...)
	out.Files = c.o.Files
	slices.Sort(out.Remarks)
	out.Remarks = slices.Compact(out.Remarks)
	if !slices.IsSortedFunc(out.RRsets, compare) {
		slices.SortStableFunc(out.RRsets, compare)
	}
	return out
}

// unasked are those of asks that are not in all.
func unasked(asks, all []Ask) []Ask {
	if len(asks) == 0 || len(all) == 0 {
		return asks
	}
	asked := make(map[Ask]bool, len(all))
	for _, a := range all {
		asked[Ask{Zone: a.Zone, Key: a.Key}] = true
	}
	return slices.DeleteFunc(asks, func(a Ask) bool { return asked[Ask{Zone: a.Zone, Key: a.Key}] })
}

// beside asks for what may stand where an alias is to come.
func beside(cfg *schema.Config, seen []plan.Observation) []Ask {
	there := map[own]bool{}
	for _, o := range seen {
		stands := o.Set != nil && !o.Wildcard
		if o.Key.Type == "CNAME" && (stands || o.Code == plan.NoName) {
			there[own{o.Zone, o.Key}] = true
		}
	}
	var out []Ask
	for _, r := range cfg.Records() {
		z := schema.At[*schema.Zone](cfg, r.Zone)
		if r.Type != "CNAME" || z == nil {
			continue
		}
		name := rr.Full(r.Name, z.Name)
		if there[own{r.Zone, rr.Key{Name: name, Type: "CNAME"}}] {
			continue // nothing else stands there, or can
		}
		for _, typ := range plan.BesideAlias() {
			out = append(out, Ask{Zone: z, Key: rr.Key{Name: name, Type: typ}, Itself: true})
		}
	}
	return out
}

// instead asks for the addresses of names that have no MX: mail goes there (RFC 5321,
// 5.1).
func instead(cfg *schema.Config, base *revision.Revision, seen []plan.Observation) []Ask {
	var zones func(schema.Addr, string) *schema.Zone
	var out []Ask
	for i, o := range seen {
		again := i > 0 && o.Zone == seen[i-1].Zone && o.Key == seen[i-1].Key // another server's answer
		if again || o.Key.Type != "MX" || o.Zone.IsZero() || o.Code != plan.NoData || o.CNAME != "" {
			continue
		}
		if zones == nil {
			zones = plan.Zones(cfg, base)
		}
		if z := zones(o.Zone, o.Key.Name); z != nil {
			out = append(out, Ask{Zone: z, Key: rr.Key{Name: o.Key.Name, Type: "A"}}, Ask{Zone: z, Key: rr.Key{Name: o.Key.Name, Type: "AAAA"}})
		}
	}
	return out
}

// asksFor turns what a plan asks for into what a Client is asked.
func asksFor(cfg *schema.Config, questions []plan.Question) []Ask {
	asks := make([]Ask, len(questions))
	for i, q := range questions {
		asks[i] = Ask{Zone: schema.At[*schema.Zone](cfg, q.Zone), Key: q.Key}
	}
	return asks
}
