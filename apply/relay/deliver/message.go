package deliver

import (
	"sync/atomic"
	"time"

	"github.com/mailrelay/mailrelay/apply/relay/spool"
	"github.com/mailrelay/mailrelay/schema"
)

// message is one message of the queue. Whoever settles it owns it; while it has
// deliveries under way only out and pending change.
type message struct {
	env  spool.Envelope
	body []byte    // nil: in the spool only
	next time.Time // when it is due, while it waits
	out  []outcome // one for each of env.Rcpts, in a try; nil while it waits
	// pending counts deliveries under way, and one more for whoever still adds some.
	pending atomic.Int32
	// active means that a try is under way: Runner.mu guards it, and what a command
	// wants of the message meanwhile. postpone then does it.
	active   bool
	marked   bool // env.Held has changed, and the spool does not know
	sentence *sentence
	// stuck means that no try will help before the configuration changes.
	stuck        bool
	older, newer *message // in the list of all
}

// all is the list of all messages, in the order in which they came.
type all struct {
	oldest, newest *message
	n              int
}

func (a *all) add(m *message) {
	a.n++
	m.older = a.newest
	if a.newest != nil {
		a.newest.newer = m
	} else {
		a.oldest = m
	}
	a.newest = m
}

func (a *all) remove(m *message) {
	a.n--
	if m.older != nil {
		m.older.newer = m.newer
	} else {
		a.oldest = m.newer
	}
	if m.newer != nil {
		m.newer.older = m.older
	} else {
		a.newest = m.older
	}
	m.older, m.newer = nil, nil
}

// target is a recipient of a delivery.
type target struct {
	rcpt int            // index in env.Rcpts
	to   schema.Mailbox // as RCPT TO bears it
}

// job is one message for some of its recipients at one next hop.
type job struct {
	m       *message
	targets []target
	next    *job // in the queue of a lane
}

// jobs is a queue of deliveries, without memory of its own.
type jobs struct{ first, last *job }

func (q *jobs) empty() bool { return q.first == nil }

func (q *jobs) push(j *job) {
	j.next = nil
	if q.last == nil {
		q.first = j
	} else {
		q.last.next = j
	}
	q.last = j
}

func (q *jobs) pop() *job {
	j := q.first
	if j == nil {
		return nil
	}
	if q.first = j.next; q.first == nil {
		q.last = nil
	}
	j.next = nil
	return j
}

// take empties the queue.
func (q *jobs) take() []*job {
	var out []*job
	for j := q.pop(); j != nil; j = q.pop() {
		out = append(out, j)
	}
	return out
}
