package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"time"

	"github.com/urfave/cli/v3"

	"github.com/mailrelay/mailrelay/apply/state"
)

func (a *app) stateLockCommand() *cli.Command {
	var wait time.Duration
	return &cli.Command{
		Name:        "lock",
		Usage:       "hold the lock while a command runs, or until Ctrl-C",
		UsageText:   "mailrelay [-chdir=DIR] state lock [flags] [COMMAND [ARGUMENT...]]",
		Description: "Keeps every apply out, for a backup or a repair. The lock ends with this command,\nhowever it ends; its exit code is that of COMMAND. If somebody else has the lock,\nit says who.\n\nExample:\n\n  mailrelay state lock -- pg_dump mail",
		Flags:       a.stateFlags(lockFlag(&wait)),
		Action: func(ctx context.Context, c *cli.Command) error {
			a.begin()
			store, err := a.statusStore()
			if err != nil {
				return err
			}
			unlock, err := store.Lock(ctx, a.who("state lock"), wait)
			if err != nil {
				return err
			}
			defer unlock()
			if c.NArg() == 0 {
				a.ui.Progress("The state is locked until Ctrl-C.")
				<-ctx.Done()
				return nil
			}
			run := exec.CommandContext(ctx, c.Args().First(), c.Args().Tail()...)
			run.Cancel = func() error { return run.Process.Signal(os.Interrupt) }
			run.Stdin, run.Stdout, run.Stderr = a.ui.In, a.ui.Out, a.ui.Err
			err = run.Run()
			var failed *exec.ExitError
			if errors.As(err, &failed) {
				return exit{max(failed.ExitCode(), exitError)}
			}
			return err
		},
	}
}

func (a *app) stateUnlockCommand() *cli.Command {
	var force bool
	return &cli.Command{
		Name:        "unlock",
		Usage:       "end the session of a holder that hangs",
		UsageText:   "mailrelay [-chdir=DIR] state unlock [flags]",
		Description: "A lock ends with its holder, so that nothing is left to unlock after a crash. Where\na holder hangs, this ends its session at the database, and so its lock; it asks\nfirst. A holder that still works finds its next revision refused if somebody has\napplied meanwhile. In a directory the lock is the operating system's: end the\nprocess that it names.\n\nExample:\n\n  mailrelay state unlock",
		Flags:       a.stateFlags(&cli.BoolFlag{Name: "force", Usage: "do not ask", Destination: &force}, a.inputFlag()),
		Action: func(ctx context.Context, c *cli.Command) error {
			a.begin()
			if err := noArgs(c); err != nil {
				return err
			}
			store, err := a.statusStore()
			if err != nil {
				return err
			}
			held, err := store.Holder(ctx)
			if err != nil {
				return err
			}
			if held == nil {
				a.ui.Progress("The state is not locked.")
				return nil
			}
			p, ok := store.(*state.Postgres)
			if !ok {
				return fmt.Errorf("%w. Here the lock is the operating system's, and ends with that process", &state.LockedError{Holder: *held})
			}
			if !force {
				who := (&state.LockedError{Holder: *held}).Who()
				ok, err := a.ui.Confirm("Do you want to end its session?", "The state is locked by "+who+".")
				if err != nil {
					return err
				}
				if !ok {
					a.ui.Progress("Nothing was changed.")
					return exit{exitError}
				}
			}
			if _, err := p.Break(ctx); err != nil {
				return err
			}
			a.ui.Progress("The lock of %s was ended.", (&state.LockedError{Holder: *held}).Who())
			return nil
		},
	}
}
