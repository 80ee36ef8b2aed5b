package plan

import (
	"fmt"
	"slices"

	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/rr"
)

// Findings on what was seen.
const (
	// elsewhere: a resolver answers otherwise than the name servers, because it
	// still holds an old answer, or asks other servers. Mail follows what resolvers
	// say.
	elsewhere = "MR210"
	// notAsked: something could not be looked at from this machine, without which
	// the plan is as it would be.
	notAsked = "MR211"
)

// outside compares what resolvers say of names in our zones with what the zones'
// own servers say. A zone with servers of its own is another view of the world, and
// is not compared.
func (p *Plan) outside(c *schema.Config, views views, seen []Observation) {
	for _, r := range p.Seen.Remarks {
		p.Findings = append(p.Findings, Finding{Code: notAsked, Severity: "note", Summary: "Not everything could be asked", Detail: r})
	}
	f := follow(c, views)
	var by map[place]schema.Block
	for _, o := range seen {
		if !o.Zone.IsZero() || o.Err != "" {
			continue
		}
		at := place{f.zone(schema.Addr{}, o.Key.Name), o.Key}
		v, asked := views[at]
		if at.zone.IsZero() || len(f.servers(at.zone)) > 0 || !asked || v.open != "" || alike(o, v) || p.proves(o.Key) {
			continue
		}
		if by == nil {
			by = about(c)
		}
		finding := Finding{Code: elsewhere, Severity: "warning",
			Summary: fmt.Sprintf("The world still sees another %s %s", o.Key.Name, o.Key.Type),
			Detail: fmt.Sprintf("%s answers %s%s, and the name servers of the zone %s. Mail goes by what resolvers say. If that does not end by itself in that time, the resolver asks other servers than the zone's: correct the delegation, or name the servers to be asked with servers = [...].",
				o.Source, describe(o.Set, o.CNAME), forAtMost(o), describe(v.set, v.cname)),
		}
		if b := by[at]; b != nil {
			finding.Addr, finding.Decl, finding.Allowed = b.Addr(), schema.Place(b.Decl()), b.Allowed()[elsewhere]
		}
		p.Findings = append(p.Findings, finding)
	}
}

// proves reports whether k is where a proof is awaited, which has words of its own
// for who does not show it yet.
func (p *Plan) proves(k rr.Key) bool {
	return slices.ContainsFunc(p.Verifications, func(v Verification) bool {
		return v.State == Unverified && v.Want != nil && v.Want.Key() == k
	})
}

// alike reports whether a resolver says what the name servers say, but for the time
// that it may still say it.
func alike(o Observation, v view) bool {
	if o.CNAME != v.cname || v.cname != "" {
		return o.CNAME == v.cname
	}
	return (o.Set == nil) == (v.set == nil) && (o.Set == nil || o.Set.Same(*v.set))
}

// forAtMost says how long a resolver may go on to answer as it does.
func forAtMost(o Observation) string {
	left := o.Negative
	if o.Set != nil {
		left = o.Set.TTL
	}
	if left == 0 {
		return ""
	}
	return fmt.Sprintf(", and may for at most %d s more", left)
}

// about gives the block that each RRset of a zone is about.
func about(c *schema.Config) map[place]schema.Block {
	out := map[place]schema.Block{}
	for _, e := range c.Expects() {
		zone, key := Place(c, e)
		out[place{zone, key}] = e
	}
	for _, r := range c.Records() {
		if zone := schema.At[*schema.Zone](c, r.Zone); zone != nil {
			out[place{r.Zone, rr.Key{Name: rr.Full(r.Name, zone.Name), Type: r.Type}}] = r
		}
	}
	return out
}
