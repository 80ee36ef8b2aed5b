package apply

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/mailrelay/mailrelay/apply/dns"
	"github.com/mailrelay/mailrelay/plan"
	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/revision"
)

// write writes each zone, several at a time, and gives the changes that were
// made. Errors go to Result.Failed.
func (r *run) write(ctx context.Context, sets []plan.SetChange) []plan.SetChange {
	parts := perZone(sets, r.result.zones)
	var (
		mu   sync.Mutex
		wg   sync.WaitGroup
		done []plan.SetChange
		slot = make(chan struct{}, max(r.Parallel, 1))
	)
	for _, part := range parts {
		z, zone := part.zone, part.addr
		slot <- struct{}{}
		wg.Go(func() {
			defer func() { <-slot }()
			err := r.writeZone(ctx, z, part.sets)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				r.result.Failed[zone] = fmt.Errorf("%s: %w", zone, err)
				r.event(zone, err, "not written")
				return
			}
			done = append(done, part.sets...)
			r.event(zone, nil, "%s written", rrsets(len(part.sets)))
			if what := r.reload(z); what != "" {
				r.result.Later[zone] = what
				r.event(zone, nil, "%s", what)
			}
		})
	}
	wg.Wait()
	r.result.Written = done
	return done
}

// part is what is written to one zone.
type part struct {
	addr schema.Addr
	zone *schema.Zone // nil: it is not known any more
	sets []plan.SetChange
}

// perZone sorts changes by zones. One whose name was corrected is two zones at one
// address: the one that is left and the one that is meant.
func perZone(sets []plan.SetChange, zones zones) []part {
	type at struct {
		addr schema.Addr
		name string
	}
	index := map[at]int{}
	var out []part
	for _, s := range sets {
		z := zones(s.Zone, s.Key.Name)
		k := at{addr: s.Zone}
		if z != nil {
			k.name = z.Name
		}
		i, ok := index[k]
		if !ok {
			i = len(out)
			index[k] = i
			out = append(out, part{addr: s.Zone, zone: z})
		}
		out[i].sets = append(out[i].sets, s)
	}
	return out
}

// reload says what somebody has to do before servers show what was written to a
// zone; empty if nothing.
func (r *run) reload(zone *schema.Zone) string {
	if w, ok := r.Writer(zone).(dns.Later); ok {
		return w.Later(zone)
	}
	return ""
}

func rrsets(n int) string {
	if n == 1 {
		return "1 RRset"
	}
	return fmt.Sprintf("%d RRsets", n)
}

func (r *run) writeZone(ctx context.Context, zone *schema.Zone, sets []plan.SetChange) error {
	if zone == nil {
		return fmt.Errorf("the zone is neither in the configuration nor in the state: declare it again, with its records, and apply")
	}
	w := r.Writer(zone)
	if w == nil {
		return fmt.Errorf("a person writes this zone")
	}
	r.event(zone.Addr(), nil, "writing %s of %s", rrsets(len(sets)), zone.Name)
	r.checkpoint("before the update")
	return w.Write(ctx, zone, sets)
}

// owned is what is ours after the changes that were made: what was ours before,
// with what was adopted and without what is gone.
func (r *run) owned(done []plan.SetChange) []revision.Owned {
	type claim struct {
		addr schema.Addr
		key  string
	}
	at := func(o revision.Owned) claim { return claim{o.Addr, o.Zone.String() + " " + o.Set.Key().String()} }
	var out []revision.Owned
	replaced := map[claim]bool{}
	touched := map[string]bool{}
	add := func(o revision.Owned) {
		if !replaced[at(o)] {
			replaced[at(o)] = true
			out = append(out, o)
		}
	}
	for _, s := range done {
		touched[s.Zone.String()+" "+s.Key.String()] = true
		for _, o := range s.Owned {
			add(o)
		}
	}
	for _, o := range r.plan.Adopted {
		add(o)
	}
	for _, o := range r.plan.Disowned {
		replaced[at(o)] = true
	}
	for _, o := range r.plan.Settled {
		if !touched[at(o).key] {
			add(o)
		}
	}
	slices.SortFunc(out, func(a, b revision.Owned) int {
		if c := a.Addr.Compare(b.Addr); c != 0 {
			return c
		}
		return a.Set.Key().Compare(b.Set.Key())
	})
	return out
}
