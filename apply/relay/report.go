package relay

import (
	"context"
	"time"

	"github.com/mailrelay/mailrelay/apply/relay/deliver"
	"github.com/mailrelay/mailrelay/apply/state"
	"github.com/mailrelay/mailrelay/schema/revision"
)

// reportTimeout is how long one report may take.
const reportTimeout = 3 * time.Second

// status is what the node says of itself, now.
func (n *node) status() state.Node {
	n.mu.Lock()
	defer n.mu.Unlock()
	out := n.said
	out.At, out.Alarms = n.o.Clock(), n.alarms.n.Load()
	if n.runner != nil {
		st := n.runner.Stats()
		out.Queue, out.Oldest = st.Messages, st.Oldest
		out.Queued = n.counts.of(n.runner, st.Messages, out.At)
		if out.LastError == "" {
			out.LastError, out.LastErrorAt = st.LastError, st.LastErrorAt
		}
	}
	return out
}

const (
	// countedDomains is how many domains of its queue a node reports.
	countedDomains = 50
	// countEvery is how often a large queue is counted: it is looked at whole.
	countEvery = 30 * time.Second
	// countAlways is how many messages are counted for every report.
	countAlways = 2000
)

// counts remembers what was counted of the queue.
type counts struct {
	at    time.Time
	value []state.Queued
}

func (c *counts) of(r *deliver.Runner, messages int, now time.Time) []state.Queued {
	if messages > countAlways && now.Sub(c.at) < countEvery {
		return c.value
	}
	c.at, c.value = now, nil
	for _, q := range r.Domains(countedDomains) {
		c.value = append(c.value, state.Queued(q))
	}
	return c.value
}

// note changes what the node says of itself.
func (n *node) note(change func(*state.Node)) {
	n.mu.Lock()
	defer n.mu.Unlock()
	change(&n.said)
}

// running notes the edition in force.
func (n *node) running(e *edition) {
	listeners := n.listeners.names()
	n.note(func(s *state.Node) {
		if s.Revision != e.revision.Hash {
			s.Since = n.o.Clock()
		}
		s.Relay, s.Revision, s.Serial = e.relay.Addr().String(), e.revision.Hash, e.revision.Serial
		s.Listeners, s.Refused, s.LastError = listeners, "", ""
	})
}

// refused notes a revision that failed to load.
func (n *node) refused(h revision.Hash, err error) {
	what := "a revision was refused, and the one before stays in force"
	if n.current.Load() == nil {
		what = "a revision was refused, and there is none before it to go on with"
	}
	n.o.Log.Error(what, "revision", h.Short(), "error", err)
	n.note(func(s *state.Node) { s.Refused, s.LastError = h, err.Error() })
}

// report tells the store how the node is.
func (n *node) report() { n.tell(n.status()) }

// tell reports s. That the store does not take it is told to the log when it
// begins and when it ends.
func (n *node) tell(s state.Node) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(n.ctx), reportTimeout)
	defer cancel()
	err := n.o.Store.Report(ctx, s)
	n.mu.Lock()
	defer n.mu.Unlock()
	switch {
	case err != nil && !n.silent:
		n.o.Log.Warn("the state does not take this node's report", "error", err)
	case err == nil && n.silent:
		n.o.Log.Info("the state takes this node's reports again")
	}
	n.silent = err != nil
}
