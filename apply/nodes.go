package apply

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/revision"
)

// retained are the accepted domains that leave the configuration: relays go on
// accepting them until DNS has been changed.
func (r *run) retained() []revision.Retained {
	if r.base == nil {
		return nil
	}
	stays := map[schema.Addr]bool{}
	for _, o := range r.plan.Target {
		stays[o.Addr] = true
	}
	for _, m := range r.plan.Moved { // in force under its new address
		stays[m.From] = true
	}
	var out []revision.Retained
	for _, o := range r.base.Target {
		if o.Addr.Type == "domain" && !stays[o.Addr] {
			out = append(out, revision.Retained{Object: o})
		}
	}
	return out
}

// awaitNodes waits until every live relay node runs the revision just put. DNS is
// changed only then, so that no mail arrives at a relay that does not know it yet.
func (r *run) awaitNodes(ctx context.Context) error {
	want := r.result.Revision.Hash
	deadline := r.Clock().Add(r.NodeTimeout)
	for {
		nodes, err := r.Store.Nodes(ctx)
		if err != nil {
			return err
		}
		now := r.Clock()
		var waiting []string
		for _, n := range nodes {
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
		if err := r.Sleep(ctx, 200*time.Millisecond); err != nil {
			return err
		}
	}
}
