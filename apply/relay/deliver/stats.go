package deliver

import "time"

// Stats is the state of the queue at one moment.
type Stats struct {
	Messages    int       // all that are not settled
	Waiting     int       // of these, those that wait for their next try
	Held        int       // those that an administrator holds
	Connections int       // to next hops, idle ones included
	Oldest      time.Time // when the oldest message was received; zero: the queue is empty
	LastError   string    // the last reason why something was not delivered
	LastErrorAt time.Time
}

// Stats tells how the queue stands.
func (r *Runner) Stats() Stats {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := Stats{Messages: r.all.n, Waiting: len(r.waiting), Held: r.held, LastError: r.lastErr, LastErrorAt: r.lastAt}
	for _, l := range r.lanes {
		s.Connections += l.open
	}
	if r.all.oldest != nil {
		s.Oldest = r.all.oldest.env.Received
	}
	return s
}

// Loaded reports whether what the spool held is in the queue.
func (r *Runner) Loaded() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.read
}

// Older counts the messages that are older than each of ages, which grow, at now.
func (r *Runner) Older(now time.Time, ages []time.Duration) []int {
	out := make([]int, len(ages))
	r.mu.Lock()
	defer r.mu.Unlock()
	// The list is in the order of coming, which is that of age: it ends early.
	for m := r.all.oldest; m != nil; m = m.newer {
		age := now.Sub(m.env.Received)
		if age <= ages[0] {
			break
		}
		for i, a := range ages {
			if age > a {
				out[i]++
			}
		}
	}
	return out
}
