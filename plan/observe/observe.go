package observe

import (
	"cmp"
	"context"
	"slices"
	"sync"

	"github.com/miekg/dns"

	"github.com/mailrelay/mailrelay/plan"
	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/revision"
	"github.com/mailrelay/mailrelay/schema/rr"
)

// Observe looks at all that a plan for cfg over base has to know: at every
// authoritative server what is in a zone, at the resolvers what is in none. base
// may be nil. It does not fail: what could not be asked is an observation that
// says so.
func (c *Client) Observe(ctx context.Context, cfg *schema.Config, base *revision.Revision) []plan.Observation {
	return c.RRsets(ctx, Asks(cfg, base))
}

// RRsets asks every authoritative server of each zone for each RRset, and the
// resolvers for those outside. There is one observation for each RRset and
// server, sorted by zone, key and server, and one for each RRset of a zone whose
// servers could not be found.
func (c *Client) RRsets(ctx context.Context, asks []Ask) []plan.Observation {
	r := c.begin()
	defer r.end()
	byZone := map[*schema.Zone][]rr.Key{}
	for _, a := range asks {
		byZone[a.Zone] = append(byZone[a.Zone], a.Key)
	}
	var (
		all []*task
		mu  sync.Mutex
		wg  sync.WaitGroup
	)
	slots := make(chan struct{}, c.o.InFlight) // the servers of all zones are looked up at the resolvers
	for z, keys := range byZone {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			tasks := r.tasks(ctx, z, keys)
			mu.Lock()
			defer mu.Unlock()
			all = append(all, tasks...)
		})
	}
	wg.Wait()
	out := r.run(ctx, all)
	r.wildcards(ctx, asks, all)
	for i, t := range all {
		out[i] = t.seen
	}
	return out
}

// Recursive asks the resolvers for names that are in no zone of the
// configuration. Aliases are followed; the observation's CNAME is the first.
func (c *Client) Recursive(ctx context.Context, keys []rr.Key) []plan.Observation {
	asks := make([]Ask, len(keys))
	for i, k := range keys {
		asks[i] = Ask{Key: k}
	}
	return c.RRsets(ctx, asks)
}

// At asks one server, host:port, for RRsets of z, in the order of keys.
func (c *Client) At(ctx context.Context, z *schema.Zone, hostport string, keys []rr.Key) []plan.Observation {
	r := c.begin()
	defer r.end()
	s := r.host(ctx, hostport)
	tasks := make([]*task, len(keys))
	for i, k := range keys {
		tasks[i] = newTask(z, s, k)
	}
	r.run(ctx, slices.Clone(tasks))
	out := make([]plan.Observation, len(tasks))
	for i, t := range tasks {
		out[i] = t.seen
	}
	return out
}

// task is one RRset to ask one server for. server is nil if that is settled.
type task struct {
	zone   *schema.Zone
	server *server
	seen   plan.Observation
}

func newTask(z *schema.Zone, s *server, k rr.Key) *task {
	return &task{z, s, plan.Observation{Zone: Ask{Zone: z}.zone(), Key: k}}
}

// tasks finds the servers of z, which is nil for the world.
func (r *round) tasks(ctx context.Context, z *schema.Zone, keys []rr.Key) []*task {
	var servers []*server
	var err error
	source := "the resolvers"
	if z == nil {
		var s *server
		s, err = r.resolver()
		servers = []*server{s}
	} else {
		source = z.Name + "'s name servers"
		servers, err = r.of(ctx, z)
	}
	var out []*task
	for _, k := range keys {
		if err != nil {
			t := newTask(z, nil, k)
			t.seen.Source, t.seen.At, t.seen.Err = source, r.c.o.Clock(), err.Error()
			out = append(out, t)
			continue
		}
		for _, s := range servers {
			out = append(out, newTask(z, s, k))
		}
	}
	return out
}

// run does all tasks, with so many at a time for each server, and gives what was
// seen, sorted.
func (r *round) run(ctx context.Context, tasks []*task) []plan.Observation {
	byServer := map[*server][]*task{}
	for _, t := range tasks {
		if t.server != nil {
			byServer[t.server] = append(byServer[t.server], t)
		}
	}
	var wg sync.WaitGroup
	for _, list := range byServer {
		queue := make(chan *task)
		for range min(r.c.o.InFlight, len(list)) {
			wg.Go(func() {
				for t := range queue {
					r.do(ctx, t)
				}
			})
		}
		wg.Go(func() {
			defer close(queue)
			for _, t := range list {
				queue <- t
			}
		})
	}
	wg.Wait()
	slices.SortStableFunc(tasks, func(a, b *task) int { return compare(a.seen, b.seen) })
	out := make([]plan.Observation, len(tasks))
	for i, t := range tasks {
		out[i] = t.seen
	}
	return out
}

// do asks one server for one RRset.
func (r *round) do(ctx context.Context, t *task) {
	o := &t.seen
	var a *dns.Msg
	q, err := question(o.Key, t.zone == nil)
	addr := ""
	if err == nil {
		a, addr, err = t.server.ask(ctx, r.c, q)
	}
	o.Source = t.server.source(addr)
	if t.zone == nil {
		o.Source = "resolver " + addr
	}
	o.At = r.c.o.Clock()
	switch {
	case err != nil:
		o.Err = err.Error()
	case t.zone == nil:
		world(o, a)
	default:
		authority(o, t.zone.Name, a)
	}
}

func compare(a, b plan.Observation) int {
	return cmp.Or(a.Zone.Compare(b.Zone), a.Key.Compare(b.Key), cmp.Compare(a.Source, b.Source))
}
