package observe

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/miekg/dns"

	"github.com/mailrelay/mailrelay/plan"
	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/rr"
)

// wildcards finds out, for those asks that want to know it, which answers come of
// a wildcard (RFC 4592) and notes that in the tasks. Where it could not be found out,
// nothing is known of what stands there.
//
// For the name x.w it asks for the name *.x.w and one below that. If a wildcard
// over x.w stood for x.w, the name x.w does not exist, and the same wildcard
// stands for that name too. If x.w exists, or *.x.w does, nothing stands for it.
func (r *round) wildcards(ctx context.Context, asks []Ask, tasks []*task) {
	type place struct {
		zone *schema.Zone
		key  rr.Key
	}
	itself := map[place]bool{}
	for _, a := range asks {
		if a.Itself && a.Zone != nil {
			itself[place{a.Zone, a.Key}] = true
		}
	}
	var doubtful, probes []*task
	for _, t := range tasks {
		o := &t.seen
		there := o.Err == "" && (o.Set != nil || o.CNAME != "")
		if !there || !itself[place{t.zone, o.Key}] || o.Key.Name == t.zone.Name+"." || strings.HasPrefix(o.Key.Name, "*.") {
			continue
		}
		probe := "mailrelay.*." + o.Key.Name
		if _, ok := dns.IsDomainName(probe); !ok {
			continue // so long that there is no name below it to ask for
		}
		doubtful = append(doubtful, t)
		probes = append(probes, newTask(t.zone, t.server, rr.Key{Name: probe, Type: o.Key.Type}))
	}
	if probes == nil {
		return
	}
	r.run(ctx, probes)
	for i, t := range doubtful {
		p := probes[i].seen
		if p.Err != "" {
			t.seen.Code, t.seen.Err = p.Code, fmt.Sprintf("whether a wildcard answers for it could not be found out: %s", p.Err)
			continue
		}
		t.seen.Wildcard = alike(t.seen, p)
	}
}

// alike reports whether two names have the same data.
func alike(a, b plan.Observation) bool {
	if a.CNAME != b.CNAME || (a.Set == nil) != (b.Set == nil) {
		return false
	}
	return a.Set == nil || slices.Equal(a.Set.Data, b.Set.Data)
}
