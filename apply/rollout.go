package apply

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mailrelay/mailrelay/apply/state"
	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/revision"
)

// rollOut gives a change of what relays do to some nodes first, where a relay says
// so, and watches them. When it returns without an error the others may follow. On
// an error the change has been turned back.
func (r *run) rollOut(ctx context.Context, owned []revision.Owned, steps []revision.Step) error {
	ground, err := r.ground(ctx)
	if err != nil || ground == nil {
		return err // the first revision has none to go back to
	}
	next := r.next(owned, steps)
	if revision.SameRelays(ground, next) {
		return nil
	}
	first, hold, err := r.canaries(ctx, next)
	if err != nil || len(first) == 0 {
		return err
	}
	var names []string
	for _, c := range first {
		next.Rollout = append(next.Rollout, c.Canary)
		names = append(names, c.Nodes...)
	}
	if err := r.record(ctx, next); err != nil {
		return err
	}
	r.checkpoint("after the canary")
	r.event(schema.Addr{}, nil, "revision %d goes to %s first, for %s", next.Serial, nodesNamed(names), hold)
	if err := r.watchCanaries(ctx, first, hold); err != nil {
		if ctx.Err() != nil {
			err = fmt.Errorf("interrupted while %s went first", nodesNamed(names))
		}
		return errors.Join(fmt.Errorf("%w: the change was turned back, and DNS was not changed", err), r.turnBack(context.WithoutCancel(ctx), ground))
	}
	return nil
}

// ground is the last revision that was meant for all nodes; nil if there is none.
func (r *run) ground(ctx context.Context) (*revision.Revision, error) {
	g := r.result.Revision
	for g != nil && len(g.Rollout) > 0 {
		before, err := r.Store.At(ctx, g.Serial-1)
		if errors.Is(err, state.ErrNone) {
			return nil, nil
		}
		if err != nil {
			return nil, fmt.Errorf("reading the revision before a rollout: %w", err)
		}
		g = before
	}
	return g, nil
}

// canary is a relay whose change is rolled out, with the nodes that go first as they
// were before.
type canary struct {
	revision.Canary
	before []state.Node
}

// canaries chooses the nodes that go first, by name, among those that live, and for
// how long they are watched.
func (r *run) canaries(ctx context.Context, next *revision.Revision) (out []canary, hold time.Duration, err error) {
	c, err := revision.Config(revision.Only(next.Target, "relay"))
	if err != nil {
		return nil, 0, err
	}
	var nodes []state.Node
	for _, relay := range schema.All[*schema.Relay](c) {
		if relay.Rollout == nil {
			continue
		}
		if nodes == nil {
			if nodes, err = r.Store.Nodes(ctx); err != nil {
				return nil, 0, err
			}
		}
		one := canary{Canary: revision.Canary{Relay: relay.Addr()}}
		for _, n := range nodes {
			if len(one.Nodes) < relay.Rollout.Canary && n.Live(r.Clock()) && n.Revision != "" && n.Relay == relay.Addr().String() {
				one.Nodes = append(one.Nodes, n.Name)
				one.before = append(one.before, n)
			}
		}
		if one.Nodes != nil {
			out = append(out, one)
			hold = max(hold, relay.Rollout.Hold)
		}
	}
	return out, hold, nil
}

// watchCanaries waits until the nodes that go first run the revision, and then for
// the hold. It is an error if one of them does not, or is not well.
func (r *run) watchCanaries(ctx context.Context, first []canary, hold time.Duration) error {
	started := r.Clock()
	var runs time.Time // since when all of them run it
	for line := started; ; {
		nodes, err := r.Store.Nodes(ctx)
		if err != nil {
			return err
		}
		now := r.Clock()
		var waiting []string
		for _, c := range first {
			for _, was := range c.before {
				i := slices.IndexFunc(nodes, func(n state.Node) bool { return n.Name == was.Name })
				if i < 0 {
					return fmt.Errorf("relay node %s is not in the state any more", was.Name)
				}
				if err := r.well(was, nodes[i], now); err != nil {
					return err
				}
				if nodes[i].Revision != r.result.Revision.Hash {
					waiting = append(waiting, was.Name)
				}
			}
		}
		switch {
		case waiting != nil && now.Sub(started) >= r.NodeTimeout:
			return fmt.Errorf("%s did not take over revision %d within %s", nodesNamed(waiting), r.result.Revision.Serial, r.NodeTimeout)
		case waiting == nil && runs.IsZero():
			runs = now
		}
		if !runs.IsZero() && now.Sub(runs) >= hold {
			return nil
		}
		if !now.Before(line) && !runs.IsZero() {
			line = now.Add(lineEvery)
			r.event(schema.Addr{}, nil, "watching who goes first until %s", stamp(runs.Add(hold)))
		}
		if err := r.Sleep(ctx, 200*time.Millisecond); err != nil {
			return err
		}
	}
}

// well is an error if a node that goes first is not as well as it was before.
func (r *run) well(was, is state.Node, now time.Time) error {
	switch want := r.result.Revision; {
	case is.Refused == want.Hash:
		return fmt.Errorf("relay node %s, which went first, refuses revision %d: %s", is.Name, want.Serial, is.LastError)
	case is.Stopped:
		return fmt.Errorf("relay node %s, which went first, has stopped", is.Name)
	case !is.Live(now):
		return fmt.Errorf("relay node %s, which went first, is gone: it has not reported for %s", is.Name, now.Sub(is.At).Round(time.Second))
	case is.PID != was.PID:
		return fmt.Errorf("relay node %s, which went first, ended and was started again", is.Name)
	case is.Alarms > was.Alarms:
		return fmt.Errorf("relay node %s, which went first, could not hand mail on: %s", is.Name, is.LastError)
	}
	return nil
}

// turnBack makes what ground had current again, and waits until the nodes run it.
func (r *run) turnBack(ctx context.Context, ground *revision.Revision) error {
	back := *ground
	cur := r.result.Revision
	back.Serial, back.Parent = cur.Serial+1, cur.Hash
	back.Applied, back.By = r.Clock().UTC(), r.Who.Who
	if err := r.record(ctx, &back); err != nil {
		return fmt.Errorf("the change could not be turned back: %w", err)
	}
	r.event(schema.Addr{}, nil, "revision %d turns back to what revision %d had", back.Serial, ground.Serial)
	return r.awaitNodes(ctx)
}

func nodesNamed(names []string) string {
	if len(names) == 1 {
		return "relay node " + names[0]
	}
	return "relay nodes " + strings.Join(names, ", ")
}
