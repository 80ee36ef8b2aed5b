package deliver

import (
	"container/heap"
	"errors"
	"log/slog"
	"slices"
	"time"

	"github.com/mailrelay/mailrelay/apply/relay/journal"
)

// ErrStopped is a command to a Runner that does not run.
var ErrStopped = errors.New("the relay does not deliver now: it starts, or it stops")

// defaultReason is what a sender is told whose message an administrator returns.
const defaultReason = "an administrator of this relay has returned the message"

// sentence is what an administrator wants of recipients, carried out when nothing
// of their message is under way.
type sentence struct {
	f      Filter
	at     time.Time
	kind   kind // refused or dropped
	reason string
}

// command finds the messages that f selects, and gives each to take, under
// Runner.mu. Those for which it is true are no longer in the queue, and belong to
// done, which is called without the lock. stop waits for it.
func (r *Runner) command(f Filter, take func(*message) bool, done func(taken []*message)) (n int, err error) {
	r.commands.Lock()
	defer r.commands.Unlock()
	now := r.o.Clock()
	r.mu.Lock()
	if !r.running || r.conf == nil {
		r.mu.Unlock()
		return 0, ErrStopped
	}
	r.work.Add(1)
	defer r.work.Done()
	taken := map[*message]bool{}
	var order []*message // of taken
	for m := r.all.oldest; m != nil; m = m.newer {
		if f.selects(&m.env, now) {
			n++
			if take(m) {
				m.active = true
				taken[m] = true
				order = append(order, m)
			}
		}
	}
	r.waiting = slices.DeleteFunc(r.waiting, func(m *message) bool { return taken[m] })
	heap.Init(&r.waiting)
	r.mu.Unlock()
	done(order)
	r.poke()
	return n, nil
}

// Retry tries the messages that f selects at once: the next hops that they wait
// for are not left alone any longer. What is held stays held. It gives how many
// messages there are, those included that are being tried anyway.
func (r *Runner) Retry(f Filter) (int, error) {
	now := r.o.Clock()
	sites := map[string]bool{}
	return r.command(f, func(m *message) bool {
		if m.active || m.env.Held {
			return false
		}
		m.next = now
		for i := range m.env.Rcpts {
			sites[m.env.Rcpts[i].Site] = true
		}
		return false
	}, func([]*message) {
		r.dial.avoid.forget()
		r.mu.Lock()
		for key, l := range r.lanes {
			if sites[key.site()] {
				l.until = time.Time{}
			}
		}
		r.mu.Unlock()
	})
}

// Hold keeps the messages that f selects as they are: they are neither tried nor
// returned, however old they get, until Release. A try that is under way ends
// first; what it leaves is held. It gives how many messages are now held that
// were not before.
func (r *Runner) Hold(f Filter) (int, error) { return r.holding(f, true) }

// Release ends Hold: the messages are tried at once. Those that have become older
// than the expiration meanwhile have this one try. It gives how many were held.
func (r *Runner) Release(f Filter) (int, error) { return r.holding(f, false) }

func (r *Runner) holding(f Filter, on bool) (int, error) {
	now := r.o.Clock()
	n := 0
	_, err := r.command(f, func(m *message) bool {
		if m.env.Held == on {
			return false
		}
		n++
		m.env.Held = on
		if m.active {
			m.marked = true // postpone writes it
			return false
		}
		if !on {
			r.held--
			m.next, m.env.Next = now, now
		}
		return true
	}, func(taken []*message) {
		for _, m := range taken {
			r.putBack(m)
		}
	})
	return n, err
}

// putBack writes a message that was taken from the queue, and puts it there again.
func (r *Runner) putBack(m *message) {
	r.mu.Lock()
	stored := m.env
	r.mu.Unlock()
	r.update(stored)
	r.mu.Lock()
	defer r.mu.Unlock()
	m.active = false
	r.rest(m)
}

// Bounce returns messages to their senders, for the recipients that f selects
// alone. reason is a sentence for the sender; it may be empty. What is being tried
// is returned when its try has failed. It gives how many messages are concerned.
func (r *Runner) Bounce(f Filter, reason string) (int, error) {
	if reason = printable(reason); reason == "" {
		reason = defaultReason
	}
	return r.condemn(sentence{f: f, kind: refused, reason: reason})
}

// Drop forgets the recipients that f selects. Nobody is told but the log. What is
// being tried is dropped when its try has failed. It gives how many messages are
// concerned.
func (r *Runner) Drop(f Filter) (int, error) {
	return r.condemn(sentence{f: f, kind: dropped, reason: "an administrator has dropped the message"})
}

func (r *Runner) condemn(s sentence) (int, error) {
	s.at = r.o.Clock()
	var conf *config
	return r.command(s.f, func(m *message) bool {
		conf = r.conf
		if m.active {
			m.sentence = &s
			return false
		}
		if m.env.Held {
			r.held--
		}
		return true
	}, func(taken []*message) {
		for _, m := range taken {
			r.execute(conf, m, &s)
		}
	})
}

// execute carries s out on m, of which nothing is under way.
func (r *Runner) execute(conf *config, m *message, s *sentence) {
	m.out = make([]outcome, len(m.env.Rcpts))
	var keep, lost []int
	all := !s.f.message(&m.env, s.at)
	for i := range m.out {
		rcpt := &m.env.Rcpts[i]
		if all || !s.f.rcpt(rcpt) {
			m.out[i] = outcome{kind: deferred, wait: true, until: m.env.Next, remote: true, text: rcpt.LastError, final: rcpt.To}
			keep = append(keep, i)
			continue
		}
		m.out[i] = local(s.kind, "5.7.0", s.reason)
		m.out[i].final = rcpt.To
		if s.kind == dropped {
			r.missed(journal.Dropped, &m.env, i, &m.out[i], time.Time{})
			r.trouble(slog.LevelWarn, "dropped", &m.env, i, &m.out[i])
			continue
		}
		lost = append(lost, i)
	}
	if len(lost) > 0 {
		keep = append(keep, r.bounce(conf, m, lost)...)
		slices.Sort(keep)
	}
	if len(keep) == 0 {
		r.remove(m)
		return
	}
	r.postpone(conf, m, keep, r.o.Clock(), false)
}
