package deliver

import (
	"context"
	"io"
	"time"

	"github.com/mailrelay/mailrelay/schema"
)

// worker is one connection to a next hop and the goroutine that uses it.
type worker struct {
	r     *Runner
	lane  *lane
	hand  chan *job // capacity 1; nil: the end
	since time.Time // idle since
	c     *client   // nil: not connected
	did   int       // transactions on c
}

// run delivers j and whatever its lane has next.
func (w *worker) run(j *job) {
	defer w.r.work.Done()
	for j != nil {
		w.carry(j)
		j = w.next()
	}
	w.hangUp()
	w.r.mu.Lock()
	w.r.leave(w.lane)
	w.r.mu.Unlock()
}

// next gives the next delivery. It waits for one if there is a connection to keep,
// and is nil when the worker is not needed any more.
func (w *worker) next() *job {
	r, l := w.r, w.lane
	r.mu.Lock()
	if l.retired || w.did == 0 && len(l.exit.wanting) > 0 {
		r.mu.Unlock()
		return nil
	}
	over := l.workers > l.window
	if w.c != nil {
		over = l.open > l.window // the others have none to offer yet
	}
	if over {
		r.mu.Unlock()
		return nil
	}
	if j := l.ready.pop(); j != nil {
		r.mu.Unlock()
		return j
	}
	if w.c == nil || len(l.exit.wanting) > 0 {
		r.mu.Unlock()
		return nil
	}
	w.since = r.o.Clock()
	l.idle = append(l.idle, w)
	early := w.since.Add(idleLimit).Before(r.swept)
	r.mu.Unlock()
	if early {
		r.poke() // the sweep that closes it must come sooner
	}
	return <-w.hand
}

// hangUp closes the connection, if there is one.
func (w *worker) hangUp() {
	if w.c == nil {
		return
	}
	w.r.dial.close(w.lane.key.connector, w.c)
	w.c, w.did = nil, 0
	w.r.mu.Lock()
	w.lane.open--
	w.r.mu.Unlock()
}

// carry delivers j, by as many transactions as the next hop's limits make of it.
func (w *worker) carry(j *job) {
	for j != nil {
		if w.c == nil && !w.connect(j) {
			return
		}
		t := w.transaction(j)
		kept := w.did > 0
		began := w.r.o.Clock()
		err := w.c.transact(t)
		w.did++
		if err != nil && kept && !t.answered {
			// The next hop has closed a connection that was idle: no fault of anybody.
			w.hangUp()
			continue
		}
		if err != nil {
			w.c.all(t, *w.c.trouble("delivering", err))
		}
		j = w.conclude(j, t, w.r.o.Clock().Sub(began))
		if w.c.last || err != nil || w.did >= max(1, w.lane.key.connector.MaxMessages) {
			w.hangUp()
		}
	}
}

// connect opens a connection. If it cannot, it has dealt with j.
func (w *worker) connect(j *job) bool {
	r, l := w.r, w.lane
	domain := j.targets[0].to.Domain
	c, o := r.reach(l, domain)
	if o == nil {
		w.c = c
		r.mu.Lock()
		l.open++
		r.mu.Unlock()
		return true
	}
	r.mu.Lock()
	if o.kind != refused && l.open > 0 && !l.retired {
		// Others of the lane are connected: the next hop has enough of us, no more.
		l.window = l.open
		l.full = r.o.Clock().Add(avoidance)
		r.enqueue(l, j)
		r.mu.Unlock()
		return false
	}
	var rest []*job
	next := *o
	if o.kind == refused && l.key.hosts != domain {
		// One domain of the site has gone elsewhere.
		r.mu.Unlock()
		r.astray(l, j, domain, *o)
		return false
	}
	if o.kind == refused {
		rest = l.ready.take()
	} else {
		rest = l.pause(r.o.Clock(), *o)
		next = l.waits()
	}
	r.mu.Unlock()
	r.fail(l, j, *o)
	for _, j := range rest {
		r.fail(l, j, next)
	}
	return false
}

// reach connects to the next hop of a lane, for mail to domain.
func (r *Runner) reach(l *lane, domain string) (*client, *outcome) {
	s, ctx := l.key.connector, r.hard
	helo := s.HELO
	if helo == "" {
		helo = l.conf.relay.Hostname
	}
	f := &finder{dns: r.o.Resolver, self: []string{l.conf.relay.Hostname, helo}, own: l.conf.relay.EgressAddresses}
	ask, found := always(s), f.route(ctx, s, domain)
	switch {
	case s.TLS.Verify == "mta_sts" && len(s.SmartHosts) == 0:
		var asked *schema.SendConnector
		asked, found = r.sts.bySTS(ctx, s, domain, found)
		ask = always(asked)
	case s.TLS.Verify == "dane":
		if o := r.mayDANE(ctx, s); o != nil {
			return nil, o
		}
		d := newDANE(r.o.Validator, s, domain)
		f.dns = d // found asks it only now
		ask = func(ctx context.Context, p place) (terms, *outcome) { return d.terms(ctx, s, p) }
	}
	return r.dial.connect(ctx, s, ask, helo, found)
}

// astray gives the recipients of domain their outcome, and sends the others of j on
// their ways anew.
func (r *Runner) astray(l *lane, j *job, domain string, o outcome) {
	r.sites.forget(domain)
	var its, others []target
	for _, t := range j.targets {
		if t.to.Domain == domain {
			its = append(its, t)
		} else {
			others = append(others, t)
		}
	}
	if len(others) > 0 {
		j.m.pending.Add(1)
	}
	r.fail(l, &job{m: j.m, targets: its}, o)
	if len(others) > 0 {
		r.route(j.m, others)
	}
}

// fail gives all recipients of j one outcome.
func (r *Runner) fail(l *lane, j *job, o outcome) {
	o.via, o.site = l.key.connector.Addr(), l.key.site()
	for _, t := range j.targets {
		o.final = t.to
		j.m.out[t.rcpt] = o
	}
	r.done(j.m, 1)
}

// transaction makes the transaction of a delivery.
func (w *worker) transaction(j *job) *transaction {
	env := &j.m.env
	t := &transaction{
		from: env.From, size: env.Size, eightBit: env.EightBit, utf8: env.UTF8, body: j.m.body,
		to:  make([]schema.Mailbox, len(j.targets)),
		out: make([]outcome, len(j.targets)),
	}
	for i, x := range j.targets {
		t.to[i] = x.to
	}
	if w.c.ext.dsn {
		t.wanted = j.wanted()
	}
	if r := w.r; r.o.Sign != nil {
		t.sign = func(write func(io.Writer) error) (string, error) { return r.o.Sign(env, write) }
	}
	if t.body == nil {
		id, store := env.ID, w.r.o.Spool
		t.open = func() (io.ReadCloser, error) { return store.Body(id) }
	}
	return t
}

// conclude records the outcomes and tells the lane how it went. It gives a
// delivery for those recipients that found the transaction full.
func (w *worker) conclude(j *job, t *transaction, took time.Duration) *job {
	r, l := w.r, w.lane
	var again []target
	var bad *outcome
	good := false
	for i, o := range t.out {
		good = good || o.kind == delivered
		if o.slow {
			bad = &t.out[i]
		}
	}
	for i, o := range t.out {
		if o.kind == crowded {
			if good {
				again = append(again, j.targets[i])
				continue
			}
			o.kind = deferred
		}
		o.dsn = w.c.ext.dsn
		o.via, o.site, o.tls, o.cipher, o.took = l.key.connector.Addr(), l.key.site(), w.c.tls.version, w.c.tls.cipher, took
		j.m.out[j.targets[i].rcpt] = o
		if o.kind == delivered {
			r.report(&j.m.env, j.targets[i], l, w.c, o)
		}
	}
	if again != nil {
		j.m.pending.Add(1)
	}
	r.mu.Lock()
	var rest []*job
	var next outcome
	switch {
	case bad != nil:
		rest = l.pause(r.o.Clock(), *bad)
		next = l.waits()
	case good:
		r.succeed(l)
	}
	r.mu.Unlock()
	for _, x := range rest {
		r.fail(l, x, next)
	}
	m := j.m
	r.done(m, 1)
	if again == nil {
		return nil
	}
	return &job{m: m, targets: again}
}
