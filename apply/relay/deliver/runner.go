package deliver

import (
	"container/heap"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/mailrelay/mailrelay/apply/relay/spool"
	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/decide"
)

var errNoSecrets = errors.New("this relay was given no way to read secrets")

// router is what decide.Policy says about routes; it alone decides.
type router interface {
	Route(relay schema.Addr, to schema.Mailbox, size int64) (*decide.Route, schema.Mailbox)
	Default() string
}

// config is the configuration in force. A new one has new lanes.
type config struct {
	policy router
	relay  *schema.Relay
}

// Runner delivers. Its methods may be called concurrently.
type Runner struct {
	o     Options
	dial  dialer
	sites sites
	sts   *sts
	wake  chan struct{} // capacity 1: the first due moment may have changed
	hard  context.Context
	abort context.CancelFunc
	work  sync.WaitGroup // workers

	commands sync.Mutex // one command of an administrator at a time

	mu      sync.Mutex
	conf    *config // nil: nothing can be routed yet
	running bool
	read    bool // what the spool held is in the queue
	born    time.Time
	loading map[string]bool // ids that came by Add while the spool is being read; nil otherwise
	// loaded are the ids of messages that were stored after New, and found in the
	// spool by Run before Add brought them.
	loaded  map[string]bool
	all     all
	waiting waiting
	held    int // messages that an administrator holds
	lanes   map[laneKey]*lane
	exits   map[*schema.SendConnector]*exit
	swept   time.Time // when sweep is next called
	memory  int64     // bytes of bodies kept
	words   words
	lastErr string
	lastAt  time.Time
}

// New makes a Runner. Nothing is delivered before Use and Run. It comes before the
// first message of this process is received: Run tells by that time which messages
// of the spool Add may still bring.
func New(o Options) *Runner {
	r := &Runner{
		o:      o.withDefaults(),
		wake:   make(chan struct{}, 1),
		lanes:  map[laneKey]*lane{},
		exits:  map[*schema.SendConnector]*exit{},
		loaded: map[string]bool{},
	}
	r.born = r.o.Clock()
	r.hard, r.abort = context.WithCancel(context.Background())
	r.sts = &sts{dns: r.o.Resolver, http: r.o.HTTP, clock: r.o.Clock, log: r.o.Log}
	r.dial = dialer{
		dial:  r.o.Dial,
		keys:  credentials{roots: r.o.Roots, read: r.o.ReadFile, secret: r.o.Secret},
		avoid: &avoided{},
		talk:  r.o.Journal,
		clock: r.o.Clock,
	}
	return r
}

// Use makes p and relay the configuration. Messages that are queued follow the new
// routes, and what waited for a route or an administrator is tried at once.
// Deliveries in flight end by the old ones.
func (r *Runner) Use(p *decide.Policy, relay *schema.Relay) { r.use(p, relay) }

func (r *Runner) use(p router, relay *schema.Relay) {
	r.mu.Lock()
	r.conf = &config{p, relay}
	moved := r.retire()
	r.lanes = map[laneKey]*lane{}
	r.exits = map[*schema.SendConnector]*exit{}
	r.dial.avoid.forget()
	now := r.o.Clock()
	for _, m := range r.waiting {
		if m.stuck {
			m.next = now
		}
	}
	heap.Init(&r.waiting)
	r.mu.Unlock()
	for _, j := range moved {
		r.route(j.m, j.targets)
	}
	r.poke()
}

// Add takes over a message that is on stable storage. body is its content, or nil
// if it is to be read from the spool; it must not change any more.
func (r *Runner) Add(env spool.Envelope, body []byte) {
	m := &message{env: env, body: body, next: env.Next}
	if m.next.IsZero() {
		m.next = r.o.Clock()
	}
	r.mu.Lock()
	if r.loaded[env.ID] {
		delete(r.loaded, env.ID)
		r.mu.Unlock()
		return
	}
	if r.loading != nil {
		r.loading[env.ID] = true
	}
	if r.memory+int64(len(body)) > r.o.Memory {
		m.body = nil
	}
	r.memory += int64(len(m.body))
	r.all.add(m)
	if !r.running || r.conf == nil || m.next.After(r.o.Clock()) {
		r.rest(m)
		r.mu.Unlock()
		r.poke()
		return
	}
	m.active = true
	r.mu.Unlock()
	r.begin(m)
}

// Run delivers what the spool holds and what Add brings, until ctx ends; then it
// waits Options.Grace for what is in flight and cuts off the rest, which stays in
// the spool. It is called once. The error is that of reading the spool.
func (r *Runner) Run(ctx context.Context) error {
	if err := r.load(); err != nil {
		return fmt.Errorf("reading the queue: %w", err)
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			r.stop()
			return nil
		case <-timer.C:
		case <-r.wake:
		}
		timer.Reset(r.round())
	}
}

// load puts what the spool holds into the queue, but for what Add has brought.
func (r *Runner) load() error {
	r.mu.Lock()
	r.running = true
	r.loading = map[string]bool{}
	for m := r.all.oldest; m != nil; m = m.newer {
		r.loading[m.env.ID] = true
	}
	r.mu.Unlock()
	err := r.o.Spool.Each(func(env spool.Envelope) error {
		r.mu.Lock()
		defer r.mu.Unlock()
		if !r.loading[env.ID] {
			m := &message{env: r.words.compact(env), next: env.Next}
			r.all.add(m)
			r.rest(m)
			if !env.Received.Before(r.born) {
				r.loaded[env.ID] = true
			}
		}
		return nil
	})
	r.mu.Lock()
	r.loading = nil
	r.read = err == nil
	r.mu.Unlock()
	return err
}

// round starts what is due and closes what is idle. It gives the time until it
// has something to do again.
func (r *Runner) round() time.Duration {
	now := r.o.Clock()
	r.mu.Lock()
	var ready []*message
	for r.conf != nil && len(r.waiting) > 0 && !r.waiting[0].next.After(now) {
		m := heap.Pop(&r.waiting).(*message)
		m.active = true
		ready = append(ready, m)
	}
	r.mu.Unlock()
	for _, m := range ready {
		r.begin(m)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	wait := r.sweep(now)
	if r.conf != nil && len(r.waiting) > 0 {
		wait = min(wait, r.waiting[0].next.Sub(now))
	}
	return max(wait, 0)
}

// poke makes Run look again.
func (r *Runner) poke() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// stop ends the workers: the idle ones now, the others when their message is done
// or the time is up.
func (r *Runner) stop() {
	r.mu.Lock()
	r.running = false
	r.retire()
	r.mu.Unlock()
	timer := time.AfterFunc(r.o.Grace, r.abort)
	r.work.Wait()
	timer.Stop()
	r.abort()
}
