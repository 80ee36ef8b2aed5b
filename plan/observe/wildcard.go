package observe

import (
	"context"
	"slices"
	"strings"

	"github.com/mailrelay/mailrelay/plan"
	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/rr"
)

// wildcards finds out, for those asks that want to know it, which answers come of
// a wildcard (RFC 4592) and notes that in the tasks.
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
		doubtful = append(doubtful, t)
		probes = append(probes, newTask(t.zone, t.server, rr.Key{Name: "mailrelay.*." + o.Key.Name, Type: o.Key.Type}))
	}
	if probes == nil {
		return
	}
	r.run(ctx, probes)
	for i, t := range doubtful {
		t.seen.Wildcard = alike(t.seen, probes[i].seen)
	}
}

// alike reports whether two names have the same data.
func alike(a, b plan.Observation) bool {
	if b.Err != "" || a.CNAME != b.CNAME || (a.Set == nil) != (b.Set == nil) {
		return false
	}
	return a.Set == nil || slices.Equal(a.Set.Data, b.Set.Data)
}
