package apply

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/mailrelay/mailrelay/schema"
)

// awaitNodes waits until every live relay node runs the revision just put. DNS is
// changed only then, so that no mail arrives at a relay that does not know it yet.
//
// A node that is gone is not waited for: whether it lives is not known, and it may
// be gone for good.
func (r *run) awaitNodes(ctx context.Context) error {
	want := r.result.Revision.Hash
	started := r.Clock()
	deadline, next := started.Add(r.NodeTimeout), started.Add(time.Second)
	for said := false; ; said = true {
		nodes, err := r.Store.Nodes(ctx)
		if err != nil {
			return err
		}
		now := r.Clock()
		var waiting []string
		for _, n := range nodes {
			gone := !n.Live(now) && !n.Stopped
			if gone && !said && n.Revision != want && n.Serial > 0 {
				r.event(schema.Addr{}, nil, "relay node %s is gone: it has not reported since %s, and is not waited for. If it still takes mail, it does so by revision %d", n.Name, stamp(n.At), n.Serial)
			}
			switch {
			case !n.Live(now) || n.Revision == want:
			case n.Refused == want:
				return fmt.Errorf("relay node %s refuses revision %d: %s", n.Name, r.result.Revision.Serial, n.LastError)
			default:
				waiting = append(waiting, n.Name)
			}
		}
		if waiting == nil {
			return nil
		}
		if !now.Before(deadline) {
			return fmt.Errorf("relay node %s did not take over revision %d within %s; see mailrelay status", strings.Join(waiting, ", "), r.result.Revision.Serial, r.NodeTimeout)
		}
		if !now.Before(next) {
			next = now.Add(10 * time.Second)
			r.event(schema.Addr{}, nil, "waiting for relay node %s to run revision %d, until %s", strings.Join(waiting, ", "), r.result.Revision.Serial, deadline.Format(time.TimeOnly))
		}
		if err := r.Sleep(ctx, 200*time.Millisecond); err != nil {
			return err
		}
	}
}
