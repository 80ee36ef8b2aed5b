package deliver

import (
	"slices"
	"time"

	"github.com/mailrelay/mailrelay/apply/relay/spool"
)

// State is what a queued message is doing.
type State string

// The states of a message.
const (
	Active  State = "active"  // a try is under way, or stands in line at a next hop
	Waiting State = "waiting" // for its next try
	Held    State = "held"    // by an administrator, until it is released
)

// Item is a message of the queue, as it is now.
type Item struct {
	spool.Envelope
	State State `json:"state"`
	// Stuck says that no try will help before the configuration, or something that
	// it names, has changed.
	Stuck bool `json:"stuck,omitempty"`
}

// List gives the messages that have a recipient which f selects, the oldest first
// and no more than most of them, with all their recipients, and how many there
// are in all.
func (r *Runner) List(f Filter, most int) (items []Item, n int) {
	now := r.o.Clock()
	r.mu.Lock()
	defer r.mu.Unlock()
	for m := r.all.oldest; m != nil; m = m.newer {
		if !f.selects(&m.env, now) {
			continue
		}
		if n++; n <= most {
			items = append(items, m.item())
		}
	}
	return items, n
}

// item copies m. Runner.mu is held.
func (m *message) item() Item {
	i := Item{Envelope: m.env, State: Waiting, Stuck: !m.active && m.stuck}
	i.Rcpts = slices.Clone(m.env.Rcpts)
	i.Next = m.next
	switch {
	case m.active:
		i.State = Active
	case m.env.Held:
		i.State, i.Next = Held, time.Time{}
	}
	return i
}
