package relay

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/mailrelay/mailrelay/apply/state"
	"github.com/mailrelay/mailrelay/schema/revision"
)

// Run runs a relay until ctx ends, and gives nil then. Without any revision it
// waits for the first. An error is one that cannot be waited out: no revision that
// loads, a queue that cannot be opened, or a disk that failed.
func Run(ctx context.Context, o Options) error {
	n := newNode(ctx, o.withDefaults())
	stopAdmin, err := n.startAdmin(filepath.Join(o.Dir, "admin.sock"))
	if err != nil {
		return err
	}
	defer stopAdmin()
	err = n.loop(ctx)
	n.note(func(s *state.Node) {
		s.Stopped = true
		s.Listeners = nil
		if err != nil {
			s.LastError = err.Error()
		}
	})
	n.report()
	n.journal.Close()
	return err
}

// loop runs editions as the store gives them, until the end.
func (n *node) loop(ctx context.Context) error {
	changes, err := n.o.Store.Watch(ctx)
	if err != nil {
		n.o.Log.Warn("the state cannot be watched: this relay goes on with the last revision that ran", "error", err)
		changes = nil
	}
	if err := n.start(ctx, changes); err != nil {
		n.console.close()
		if n.spool != nil {
			n.reader.use(nil)
			err = errors.Join(err, n.spool.Close())
		}
		return err
	}
	if n.current.Load() == nil {
		return nil // stopped while it waited
	}
	n.readiness()
	running, stopRunner := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan error, 1)
	go func() { ended <- n.runner.Run(running) }()
	err = n.watch(ctx, changes, ended)
	n.o.Supervise(Stopping, "")
	n.listeners.close()
	n.console.close()
	grace := n.o.Grace
	if err != nil {
		grace = time.Second // sessions may hang in the store
	}
	n.drain(grace)
	n.current.Load().retire()
	stopRunner()
	if err != nil {
		return err
	}
	err = <-ended
	n.reader.use(nil)
	return errors.Join(err, n.spool.Close())
}

// start puts the first edition in force: the store's, or else the last that ran,
// or else the first that comes.
func (n *node) start(ctx context.Context, changes <-chan revision.Hash) error {
	r, err := n.ask(ctx)
	if err != nil {
		n.o.Log.Warn("the state gives no revision: this relay starts with the last that ran", "error", err)
		n.note(func(s *state.Node) { s.LastError = err.Error() })
	}
	if r != nil {
		if err = n.begin(r); err == nil {
			return nil
		}
	}
	last, lastErr := n.kept()
	if last != nil && lastErr == nil && (r == nil || last.Hash != r.Hash) {
		refused := n.status()
		lastErr = n.begin(last)
		if lastErr == nil {
			n.note(func(s *state.Node) { s.Refused, s.LastError = refused.Refused, refused.LastError })
			n.o.Log.Warn("this relay runs the last revision that worked", "revision", last.Hash.Short())
			return nil
		}
	}
	if r != nil || lastErr != nil {
		return errors.Join(err, lastErr)
	}
	if err != nil && changes == nil {
		return err
	}
	return n.first(ctx, changes)
}

// begin takes r over and notes what came of it.
func (n *node) begin(r *revision.Revision) error {
	if err := n.takeOver(r); err != nil {
		n.refused(r.Hash, err)
		return err
	}
	n.running(n.current.Load())
	n.report()
	return nil
}

// first waits for a revision that loads.
func (n *node) first(ctx context.Context, changes <-chan revision.Hash) error {
	n.o.Log.Info("there is no revision yet: this relay waits for the first mailrelay apply", "state", n.o.Dir)
	n.note(func(s *state.Node) { s.LastError = "there is no revision yet" })
	tick := time.NewTicker(n.o.Every)
	defer tick.Stop()
	n.readiness()
	for {
		n.report()
		n.o.Supervise(Alive, "")
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		case _, open := <-changes:
			if !open {
				changes = nil
			}
			r, err := n.ask(ctx)
			if err != nil || r == nil {
				continue
			}
			if n.begin(r) == nil {
				return nil
			}
		}
	}
}

// ticksToRetry is after how many reports a refused revision is tried again.
const ticksToRetry = 6

// watch takes new editions over until the relay is to stop, or cannot go on.
func (n *node) watch(ctx context.Context, changes <-chan revision.Hash, ended <-chan error) error {
	tick := time.NewTicker(n.o.Every)
	defer tick.Stop()
	ticks, missed := 0, false
	for {
		select {
		case <-ctx.Done():
			n.o.Log.Info("the relay stops")
			return nil
		case <-n.spool.Alarm():
			return n.spool.Failed()
		case err := <-ended:
			return fmt.Errorf("delivery has ended: %w", err)
		case _, open := <-changes:
			if !open {
				changes = nil
				continue
			}
			missed = !n.follow(ctx)
		case <-tick.C:
			if changes == nil && ctx.Err() == nil {
				if c, err := n.o.Store.Watch(ctx); err == nil {
					changes = c
				}
			}
			if ticks++; missed || ticks%ticksToRetry == 0 && n.status().Refused != "" {
				missed = !n.follow(ctx) // the store answers again, or what stood in its way may be gone: a port, a missing file
			}
			n.report()
			n.o.Supervise(Alive, "")
		}
	}
}

// follow takes over what the store holds now. It is false if the store does not
// give it.
func (n *node) follow(ctx context.Context) (got bool) {
	r, err := n.ask(ctx)
	switch {
	case err != nil:
		n.o.Log.Warn("the state announced a revision and does not give it", "error", err)
		n.note(func(s *state.Node) { s.LastError = err.Error() })
	case r == nil || r.Hash == n.current.Load().revision.Hash:
		n.note(func(s *state.Node) {
			if s.Refused == "" {
				s.LastError = "" // that the store did not answer
			}
		})
		return true
	default:
		n.o.Supervise(Reloading, "")
		_ = n.begin(r)
		n.readiness()
	}
	n.report()
	return err == nil
}
