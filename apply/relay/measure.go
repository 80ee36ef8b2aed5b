package relay

import (
	"errors"

	"github.com/mailrelay/mailrelay/apply/relay/admin"
)

// source is what the admin pages show.
func (n *node) source() admin.Source {
	return admin.Source{Status: n.status, Ready: n.ready, Metrics: n.metrics.Handler(), Queue: n.queue, Follow: n.followers.follow}
}

// ready says why no mail can be taken and delivered; nil if it can.
func (n *node) ready() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	switch {
	case n.stopping:
		return errors.New("the relay stops")
	case n.current.Load() == nil || n.runner == nil:
		return errors.New("no revision is in force")
	case !n.runner.Loaded():
		return errors.New("the queue is being read")
	}
	return n.spool.Failed()
}

// snapshot is what is measured now.
func (n *node) snapshot() admin.Snapshot {
	n.mu.Lock()
	runner := n.runner
	out := admin.Snapshot{Sessions: len(n.links), Revision: string(n.said.Revision), Serial: n.said.Serial}
	n.mu.Unlock()
	if runner == nil {
		return out
	}
	now := n.o.Clock()
	st := runner.Stats()
	out.Connections, out.Waiting, out.Held = st.Connections, st.Waiting, st.Held
	out.Active = max(st.Messages-st.Waiting-st.Held, 0)
	if !st.Oldest.IsZero() {
		out.Oldest = now.Sub(st.Oldest)
	}
	out.Older = runner.Older(now, admin.Ages())
	return out
}
