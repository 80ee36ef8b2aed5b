package deliver

import (
	"strings"
	"time"

	"github.com/mailrelay/mailrelay/schema"
)

const (
	firstWindow = 2               // connections to a next hop that nothing is known of
	idleLimit   = 5 * time.Second // an idle connection is closed after
	pauseMost   = 5 * time.Minute // a next hop is left alone for at most
	sweepEvery  = time.Minute
)

// laneKey names a next hop.
type laneKey struct {
	connector *schema.SendConnector
	hosts     string // the site (see sites), or a domain; empty: the connector's smart hosts
}

// site names the next hop, as the queue shows it.
func (k laneKey) site() string {
	if k.hosts == "" {
		return strings.Join(k.connector.SmartHosts, ",")
	}
	return k.hosts
}

// lane is the traffic to one next hop. Runner.mu guards it.
type lane struct {
	key     laneKey
	conf    *config
	exit    *exit
	ready   jobs
	idle    []*worker // those that wait with an open connection, the latest last
	workers int
	open    int       // workers that have a connection
	window  int       // how many workers there may be
	full    time.Time // until then the next hop takes no more connections than window
	// The next hop is left alone until a time, for a reason.
	until    time.Time
	why      outcome
	failures int  // in a row
	wants    bool // stands in exit.wanting
	retired  bool // of an old configuration, or of a Runner that stops
}

// exit counts the connections of a connector over all its lanes.
type exit struct {
	workers int
	wanting []*lane // lanes with work and no connection to spare, in order
}

// lane finds or makes the lane of a next hop. Runner.mu is held.
func (r *Runner) lane(key laneKey) *lane {
	if l := r.lanes[key]; l != nil {
		return l
	}
	e := r.exits[key.connector]
	if e == nil {
		e = &exit{}
		r.exits[key.connector] = e
	}
	l := &lane{key: key, conf: r.conf, exit: e, window: min(firstWindow, most(key.connector))}
	r.lanes[key] = l
	return l
}

func most(s *schema.SendConnector) int { return max(1, s.MaxConnections) }

// paused gives the outcome of those that have to wait, or nil.
func (l *lane) paused(now time.Time) *outcome {
	if !now.Before(l.until) {
		return nil
	}
	o := l.waits()
	return &o
}

// waits is the outcome of those that have to wait.
func (l *lane) waits() outcome {
	o := l.why
	o.wait, o.until = true, l.until
	return o
}

// pause leaves the next hop alone, longer with each failure in a row. It gives the
// deliveries that wait, for the caller to settle without the lock.
func (l *lane) pause(now time.Time, why outcome) []*job {
	l.window = max(1, l.window/2)
	if now.Before(l.until) {
		return l.ready.take()
	}
	l.failures++
	l.until = now.Add(min(interval(l.conf.relay.Queue, l.failures), pauseMost))
	l.why = why
	return l.ready.take()
}

// succeed lets another connection be opened. Runner.mu is held.
func (r *Runner) succeed(l *lane) {
	l.failures = 0
	if l.window < most(l.key.connector) && !r.o.Clock().Before(l.full) {
		l.window++
	}
	r.staff(l)
}

// enqueue hands j to an idle worker, a new one, or the queue. Runner.mu is held.
func (r *Runner) enqueue(l *lane, j *job) {
	if n := len(l.idle); n > 0 {
		w := l.idle[n-1]
		l.idle = l.idle[:n-1]
		w.hand <- j // has room: an idle worker waits for one
		return
	}
	l.ready.push(j)
	r.staff(l)
}

// staff starts a worker if there is work for it and room. Runner.mu is held.
func (r *Runner) staff(l *lane) {
	if l.ready.empty() || l.workers >= l.window || l.retired || !r.running {
		return
	}
	if l.exit.workers >= most(l.key.connector) {
		if !l.wants {
			l.wants = true
			l.exit.wanting = append(l.exit.wanting, l)
			r.dismissOne(l.exit)
		}
		return
	}
	l.workers++
	l.exit.workers++
	w := &worker{r: r, lane: l, hand: make(chan *job, 1)}
	j := l.ready.pop()
	r.work.Add(1)
	go w.run(j)
}

// leave ends a worker's place, and gives it to a lane that wants one. Runner.mu is
// held.
func (r *Runner) leave(l *lane) {
	l.workers--
	l.exit.workers--
	for len(l.exit.wanting) > 0 {
		next := l.exit.wanting[0]
		l.exit.wanting = l.exit.wanting[1:]
		next.wants = false
		if !next.ready.empty() {
			r.staff(next)
			break
		}
	}
	r.staff(l)
}

// dismissOne closes an idle connection of another lane of the connector.
// Runner.mu is held.
func (r *Runner) dismissOne(e *exit) {
	for _, l := range r.lanes {
		if l.exit == e && len(l.idle) > 0 {
			l.idle[0].hand <- nil
			l.idle = l.idle[1:]
			return
		}
	}
}

// retire ends all lanes and gives what waited in them. Runner.mu is held.
func (r *Runner) retire() []*job {
	var out []*job
	for _, l := range r.lanes {
		l.retired = true
		out = append(out, l.ready.take()...)
		for _, w := range l.idle {
			w.hand <- nil
		}
		l.idle = nil
	}
	return out
}

// sweep closes idle connections and forgets empty lanes. It gives the time until
// it should be called again. Runner.mu is held.
func (r *Runner) sweep(now time.Time) time.Duration {
	wait := sweepEvery
	for key, l := range r.lanes {
		for len(l.idle) > 0 && now.Sub(l.idle[0].since) >= idleLimit {
			l.idle[0].hand <- nil
			l.idle = l.idle[1:]
		}
		if len(l.idle) > 0 {
			wait = min(wait, idleLimit-now.Sub(l.idle[0].since))
		}
		if l.workers == 0 && l.ready.empty() && now.After(l.until.Add(pauseMost)) {
			delete(r.lanes, key)
		}
	}
	r.swept = now.Add(wait)
	return wait
}
