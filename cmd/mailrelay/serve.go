package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"

	"github.com/coreos/go-systemd/v22/activation"
	"github.com/urfave/cli/v3"

	"github.com/mailrelay/mailrelay/apply/relay"
	"github.com/mailrelay/mailrelay/apply/relay/journal"
	"github.com/mailrelay/mailrelay/apply/state"
)

func (a *app) serveCommand() *cli.Command {
	var me identity
	var dir string
	return &cli.Command{
		Name:        "serve",
		Usage:       "run the SMTP relay",
		UsageText:   "mailrelay serve [flags]",
		Description: "Runs the relay from what was applied, never from loose files. It takes over a\nnew revision within two seconds, without closing a session. What it needs to\nstart it keeps in its own directory, with the queue: a state in PostgreSQL may be\naway for as long as it likes.\nUnder systemd it says when it is ready, reloads and stops (Type=notify), serves\nWatchdogSec (of 30 s or more), and takes the sockets of a socket unit that name the\naddresses of its bindings. SIGTERM lets open sessions and deliveries finish for 20\nseconds each; what is left stays in the queue.\n\nExample:\n\n  mailrelay serve -state=/var/lib/mailrelay\n  mailrelay serve -state=postgres://relay@db/mail -dir=/var/lib/mailrelay",
		Flags: []cli.Flag{a.stateFlag(),
			&cli.StringFlag{Name: "relay", Usage: "be relay.`NAME`, where a configuration has several", Destination: &me.relay},
			&cli.StringFlag{Name: "dir", Usage: "keep the queue and the last revision in `DIR` [the state's directory; where that is in PostgreSQL, what systemd gives, else .mailrelay]", Destination: &dir},
			&cli.StringFlag{Name: "node", Usage: "report as `NAME` [this machine's, and that of the relay if -relay is given]", Destination: &me.node},
		},
		Action: func(ctx context.Context, c *cli.Command) error {
			if err := noArgs(c); err != nil {
				return err
			}
			store, err := a.store(nil)
			if err != nil {
				return err
			}
			inherited, err := inherit(activation.Files(true))
			if err != nil {
				return err
			}
			a.world.listen = inherited.listen(a.world.listen)
			here, err := a.here(dir)
			if err != nil {
				return err
			}
			out := &journal.Writer{W: a.ui.Err}
			return a.serve(ctx, store, here, me, slog.New(slog.NewJSONHandler(out, nil)), out)
		},
	}
}

// identity is which relay a node is, and what it calls itself; both may be empty.
type identity struct{ relay, node string }

// serve runs the relay until ctx ends. What it keeps is in the directory here.
func (a *app) serve(ctx context.Context, store state.Store, here *state.Dir, me identity, log *slog.Logger, events io.Writer) error {
	if err := here.Make(); err != nil {
		return err
	}
	var resolvers func() ([]string, error) // nil: the system's
	if a.world.resolvers != nil {
		resolvers = func() ([]string, error) { return a.world.resolvers, nil }
	}
	err := relay.Run(ctx, relay.Options{
		Store: store, Dir: here.Path(), Relay: me.relay, Node: me.node,
		Listen: a.world.listen, Dial: a.world.dial, Resolver: a.world.resolver, Resolvers: resolvers, Roots: a.world.roots,
		ReadFile: a.world.readFile, LogDir: a.world.logDir, Secret: a.world.secret(a.dir), Clock: a.world.clock, Log: log, Events: events, Supervise: supervise(log),
	})
	if err != nil {
		return fmt.Errorf("the relay stopped: %w", err)
	}
	return nil
}
