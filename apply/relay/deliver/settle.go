package deliver

import (
	"container/heap"
	"log/slog"
	"slices"
	"time"

	"github.com/mailrelay/mailrelay/apply/relay/journal"
	"github.com/mailrelay/mailrelay/apply/relay/spool"
)

// settle ends a try of m: every recipient has its outcome. Reports are stored
// before the recipients that they are about leave the spool.
func (r *Runner) settle(m *message) {
	r.mu.Lock()
	conf := r.conf
	r.mu.Unlock()
	now := r.o.Clock()
	old := expired(conf.relay.Queue, &m.env, now)
	var keep, lost []int // indices of recipients
	for i := range m.out {
		switch o := &m.out[i]; {
		case o.kind == delivered, o.kind == dropped:
		case o.kind == refused:
			lost = append(lost, i)
		case old:
			o.expire()
			lost = append(lost, i)
		default:
			keep = append(keep, i)
		}
	}
	r.handedOn(conf, m)
	if len(lost) > 0 {
		keep = append(keep, r.bounce(conf, m, lost)...)
		slices.Sort(keep)
	}
	if len(keep) == 0 {
		r.remove(m)
		return
	}
	r.postpone(conf, m, keep, now, old)
}

// bounce returns m for the recipients lost. It gives those for which that could
// not be done, and which are kept.
func (r *Runner) bounce(conf *config, m *message, lost []int) (kept []int) {
	err := r.giveUp(conf, m, lost)
	if err == nil {
		return nil
	}
	r.o.Log.Error("a message that cannot be delivered could not be returned to its sender, and is kept",
		"id", m.env.ID, "from", mailbox(m.env.From), "error", err,
		"advice", "Look at the disk of the spool: it may be full. The relay goes on trying.")
	for _, i := range lost {
		m.out[i].kind = deferred
	}
	return lost
}

// expire makes what is temporary final.
func (o *outcome) expire() {
	o.expired = true
	if o.text == "" {
		o.text = "no attempt was made"
	}
}

// remove ends a message whose recipients are all settled.
func (r *Runner) remove(m *message) {
	if err := r.o.Spool.Remove(m.env.ID); err != nil {
		r.o.Log.Error("a message that is settled could not be removed from the spool: it may be delivered twice after a restart", "id", m.env.ID, "error", err)
	}
	r.mu.Lock()
	r.memory -= int64(len(m.body))
	r.all.remove(m)
	r.mu.Unlock()
}

// postpone puts m back into the queue, with those recipients that are left. What
// only waited for a next hop that is left alone is due when that ends, and has
// used up no try.
func (r *Runner) postpone(conf *config, m *message, keep []int, now time.Time, tooOld bool) {
	q := conf.relay.Queue
	env := &m.env
	tried := false
	var next time.Time
	for _, i := range keep {
		o := &m.out[i]
		if o.until.After(next) {
			next = o.until
		}
		tried = tried || !o.wait
		m.stuck = m.stuck || o.kind == held || !o.remote
		r.tell(env, i, o)
	}
	r.mu.Lock()
	slow := late(q, env, now) && !tooOld
	r.mu.Unlock()
	if slow {
		if err := r.delayed(conf, m, keep); err != nil {
			r.o.Log.Error("the sender of a delayed message could not be told", "id", env.ID, "error", err)
		} else {
			r.mu.Lock()
			env.Delayed, tried = true, true // and the spool must know
			r.mu.Unlock()
		}
	}
	write := tried || len(keep) < len(env.Rcpts)
	tries := env.Tries
	if tried {
		tries++
	}
	if tried || !next.After(now) {
		next = now.Add(interval(q, tries))
	}
	next = due(q, env, now, next)

	for _, i := range keep {
		if o := &m.out[i]; !o.wait {
			r.missed(journal.Deferred, env, i, o, next)
		}
	}
	rcpts := make([]spool.Rcpt, len(keep)) // exactly as large as needed: it may wait for long
	r.mu.Lock()
	for n, i := range keep {
		rcpts[n] = env.Rcpts[i]
		rcpts[n].LastError = r.words.one(m.out[i].text)
		if m.out[i].site != "" {
			rcpts[n].Site = r.words.one(m.out[i].site)
		}
	}
	env.LastError = rcpts[len(rcpts)-1].LastError
	r.lastErr, r.lastAt = env.LastError, now
	for _, i := range keep {
		if o := &m.out[i]; o.kind == held { // what status shows says what to do
			r.lastErr = o.text + ". " + whatToDo(o)
		}
	}
	r.memory -= int64(len(m.body))
	env.Rcpts, env.Next, env.Tries = rcpts, next, tries
	m.body, m.out, m.next = nil, nil, next
	for write || m.marked { // by a command that came while the disk was busy
		write, m.marked = false, false
		stored := *env
		r.mu.Unlock()
		r.update(stored)
		r.mu.Lock()
	}
	if s := m.sentence; s != nil {
		m.sentence = nil
		r.mu.Unlock()
		r.execute(conf, m, s)
		return
	}
	m.active = false
	r.rest(m)
	first := len(r.waiting) > 0 && r.waiting[0] == m
	r.mu.Unlock()
	if first {
		r.poke()
	}
}

// update writes what is left of a message.
func (r *Runner) update(env spool.Envelope) {
	if err := r.o.Spool.Update(env); err != nil {
		r.o.Log.Error("what is left of a message could not be written to the spool: it may be delivered twice after a restart", "id", env.ID, "error", err)
	}
}

// rest puts a message where it waits: for its time, or for its release. Runner.mu
// is held.
func (r *Runner) rest(m *message) {
	if m.env.Held {
		r.held++
		return
	}
	heap.Push(&r.waiting, m)
}

// tell logs why a recipient is kept.
func (r *Runner) tell(env *spool.Envelope, i int, o *outcome) {
	switch {
	case o.wait:
		r.trouble(slog.LevelDebug, "waiting", env, i, o)
	case o.kind == held:
		r.trouble(slog.LevelError, "held", env, i, o, slog.String("advice", whatToDo(o)))
	case r.o.Journal != nil: // which has it
	default:
		r.trouble(slog.LevelInfo, "deferred", env, i, o)
	}
}
