package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/urfave/cli/v3"

	"github.com/mailrelay/mailrelay/apply/state"
	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/revision"
)

func (a *app) stateCommand() *cli.Command {
	c := &cli.Command{
		Name:        "state",
		Usage:       "look into the state, change it, copy it, lock it",
		UsageText:   "mailrelay [-chdir=DIR] state COMMAND [flags] [ARGUMENT...]",
		Description: "Works on what is recorded as applied, and touches neither DNS nor mail. A change\nmakes a revision like any other, so that history shows it and plan -revision=N\nleads back.\n\nExample:\n\n  mailrelay state list\n  mailrelay state rm zone.gone\n  mailrelay state migrate -state=.mailrelay -to=postgres://mailrelay@db/mail",
		Commands: []*cli.Command{
			a.stateListCommand(), a.stateShowCommand(), a.stateRmCommand(), a.stateMvCommand(),
			a.statePullCommand(), a.statePushCommand(), a.stateMigrateCommand(), a.stateLockCommand(), a.stateUnlockCommand(),
		},
		Action: func(_ context.Context, c *cli.Command) error {
			if name := c.Args().First(); name != "" {
				return fmt.Errorf("there is no command %q%s See mailrelay state -help", "state "+name, sentence(schema.DidYouMean(name, names(c))))
			}
			writeHelp(a.ui.Out, c)
			return nil
		},
	}
	for _, sub := range c.Commands {
		sub.DisableSliceFlagSeparator = true
		sub.OnUsageError = usageError
		sub.Hidden = true // or the library shows a help of its own for state
	}
	return c
}

// stateFlags are those of every command that looks into the state.
func (a *app) stateFlags(more ...cli.Flag) []cli.Flag {
	return append(append(a.configFlags(), a.stateFlag()), more...)
}

func lockFlag(into *time.Duration) cli.Flag {
	return &cli.DurationFlag{Name: "lock-timeout", Usage: "wait for `DURATION` if somebody else has the lock", Destination: into}
}

// applied opens the state and reads the current revision, of which there must be
// one.
func (a *app) applied(ctx context.Context) (state.Store, *revision.Revision, error) {
	store, err := a.statusStore()
	if err != nil {
		return nil, nil, err
	}
	cur, err := store.Current(ctx)
	switch {
	case err != nil:
		return nil, nil, fmt.Errorf("reading the state: %w", err)
	case cur == nil:
		return nil, nil, errors.New("the state is empty: nothing has been applied yet")
	}
	return store, cur, nil
}

// amend puts a revision that is what change makes of the current one, which is nil
// in an empty state, under the lock. With a nil result nothing is put.
func (a *app) amend(ctx context.Context, store state.Store, operation string, wait time.Duration, change func(cur *revision.Revision) (*revision.Revision, error)) error {
	unlock, err := store.Lock(ctx, a.who(operation), wait)
	if err != nil {
		return err
	}
	defer unlock()
	cur, err := store.Current(ctx)
	if err != nil {
		return fmt.Errorf("reading the state: %w", err)
	}
	changed, err := change(cur)
	if err != nil || changed == nil {
		return err
	}
	next := *changed
	next.Serial, next.Parent = max(next.Serial, 1), ""
	if cur != nil {
		next.Serial, next.Parent = cur.Serial+1, cur.Hash
	}
	next.Applied, next.By = a.world.clock().UTC(), a.who(operation).Who
	if _, err := next.InForce(); err != nil {
		return fmt.Errorf("the state would be one that cannot be read: %w", err)
	}
	next.Seal()
	if err := store.Put(ctx, &next); err != nil {
		return fmt.Errorf("recording revision %d: %w", next.Serial, err)
	}
	a.ui.Progress("Recorded as revision %d.", next.Serial)
	return nil
}
