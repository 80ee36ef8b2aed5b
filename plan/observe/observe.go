package observe

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"

	"github.com/miekg/dns"

	"github.com/mailrelay/mailrelay/plan"
	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/rr"
)

// RRsets asks every authoritative server of each zone for each RRset, over IPv4 and
// IPv6 where it has both, and the resolvers for those outside. There is one
// observation for each RRset, server and family, sorted by zone, key and server,
// and one for each RRset of a zone whose servers could not be found. What could not
// be asked over a family that this machine cannot use is left out where the same
// server answered over the other.
func (c *Client) RRsets(ctx context.Context, asks []Ask) []plan.Observation {
	out, _ := c.look(ctx, asks)
	return out
}

// look is RRsets, with remarks on what was left out.
func (c *Client) look(ctx context.Context, asks []Ask) ([]plan.Observation, []string) {
	r := c.begin()
	defer r.end()
	var zones []*schema.Zone // in the order of asks, and so are the tasks: they need not be sorted any more
	byZone := map[*schema.Zone][]rr.Key{}
	for _, a := range asks {
		if byZone[a.Zone] == nil {
			zones = append(zones, a.Zone)
		}
		byZone[a.Zone] = append(byZone[a.Zone], a.Key)
	}
	var wg sync.WaitGroup
	tasks := make([][]*task, len(zones))
	slots := make(chan struct{}, c.o.InFlight) // the servers of all zones are looked up at the resolvers
	for i, z := range zones {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			tasks[i] = r.tasks(ctx, z, byZone[z])
		})
	}
	wg.Wait()
	all := slices.Concat(tasks...)
	r.run(ctx, all)
	r.wildcards(ctx, asks, all)
	all, remarks := onlyHere(all)
	return seen(all), remarks
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

// At asks one server, host:port, for RRsets of z, in the order of keys. Of its
// addresses one is enough.
func (c *Client) At(ctx context.Context, z *schema.Zone, hostport string, keys []rr.Key) []plan.Observation {
	r := c.begin()
	defer r.end()
	var s *server
	host, _, _ := net.SplitHostPort(hostport)
	if _, err := netip.ParseAddr(host); err == nil {
		s = r.server("", []string{hostport})
	} else if addrs, err := r.addresses(ctx, hostport); err != nil {
		s = &server{name: dns.Fqdn(host), lost: err}
	} else {
		s = r.server(dns.Fqdn(host), addrs)
	}
	tasks := make([]*task, len(keys))
	for i, k := range keys {
		tasks[i] = newTask(z, s, k)
	}
	r.run(ctx, tasks)
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
	attempt
}

func newTask(z *schema.Zone, s *server, k rr.Key) *task {
	return &task{zone: z, server: s, seen: plan.Observation{Zone: Ask{Zone: z}.zone(), Key: k}}
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
	out := make([]*task, 0, len(keys)*len(servers))
	for _, k := range keys {
		if err != nil {
			t := newTask(z, nil, k)
			t.seen.Source, t.seen.At, t.seen.Code, t.seen.Err = source, r.c.o.Clock(), plan.Lost, err.Error()
			out = append(out, t)
			continue
		}
		for _, s := range servers {
			out = append(out, newTask(z, s, k))
		}
	}
	return out
}

// run does all tasks, each server's at the same time.
func (r *round) run(ctx context.Context, tasks []*task) {
	byServer := map[*server][]*task{}
	for _, t := range tasks {
		if t.server != nil {
			byServer[t.server] = append(byServer[t.server], t)
		}
	}
	var wg sync.WaitGroup
	for s, list := range byServer {
		wg.Go(func() {
			l := &later{ctx: ctx, r: r}
			b := &burst{r: r, s: s, later: l, todo: list}
			b.run(ctx)
			l.wg.Wait()
		})
	}
	wg.Wait()
}

// seen gives what tasks saw, sorted.
func seen(tasks []*task) []plan.Observation {
	if order := func(a, b *task) int { return compare(a.seen, b.seen) }; !slices.IsSortedFunc(tasks, order) {
		slices.SortStableFunc(tasks, order)
	}
	out := make([]plan.Observation, len(tasks))
	for i, t := range tasks {
		out[i] = t.seen
	}
	return out
}

// do asks one server for one RRset, with patience.
func (r *round) do(ctx context.Context, t *task) {
	q, err := question(t.seen.Key, t.zone == nil)
	var a *dns.Msg
	addr := ""
	if err == nil {
		a, addr, err = t.server.ask(ctx, r.c, q, t.attempt)
	}
	if err == nil {
		r.finish(t, addr, a)
		return
	}
	t.seen.Source, t.seen.At = t.source(addr), r.c.o.Clock()
	t.seen.Code, t.seen.Err = code(err), err.Error()
}

// finish takes in an answer.
func (r *round) finish(t *task, addr string, a *dns.Msg) {
	t.seen.Source, t.seen.At = t.source(addr), r.c.o.Clock()
	if t.zone == nil {
		world(&t.seen, a)
		return
	}
	authority(&t.seen, t.zone.Name, a)
}

// source names who answered.
func (t *task) source(addr string) string {
	if t.zone == nil {
		return "resolver " + addr
	}
	return t.server.source(addr)
}

func compare(a, b plan.Observation) int {
	if c := a.Zone.Compare(b.Zone); c != 0 {
		return c
	}
	if c := a.Key.Compare(b.Key); c != 0 {
		return c
	}
	return strings.Compare(a.Source, b.Source)
}
