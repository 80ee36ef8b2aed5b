package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"

	"github.com/urfave/cli/v3"

	"github.com/mailrelay/mailrelay/apply/state"
	"github.com/mailrelay/mailrelay/plan"
	"github.com/mailrelay/mailrelay/plan/observe"
	"github.com/mailrelay/mailrelay/plan/render"
	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/revision"
)

func (a *app) planCommand() *cli.Command {
	var out string
	var json, detailed, reach bool
	return &cli.Command{
		Name:        "plan",
		Usage:       "show what would change",
		UsageText:   "mailrelay [-chdir=DIR] plan [flags]",
		Description: "Compares the configuration with live DNS, with what was applied and with the\nrunning relays. Changes nothing. -state=none leaves out the state and the\nrelays, for a pull request whose pipeline must not read them.\n-reach shows nothing but what changes for the mail: who may send where, by which\nway, and could not before.\n\nExample:\n\n  mailrelay plan -out=change.plan -detailed-exitcode",
		Flags: append(append(a.configFlags(), a.stateFlag()), append(a.scopeFlags(),
			&cli.StringFlag{Name: "out", Usage: "write the plan to `FILE`, for apply", Destination: &out},
			&cli.BoolFlag{Name: "json", Usage: "print the plan as JSON", Destination: &json},
			&cli.BoolFlag{Name: "reach", Usage: "show only what changes for the mail", Destination: &reach},
			&cli.BoolFlag{Name: "detailed-exitcode", Usage: "exit with 2 when not converged", Destination: &detailed},
			a.inputFlag(),
		)...),
		Action: func(ctx context.Context, c *cli.Command) error {
			a.begin()
			patient()
			if err := noArgs(c); err != nil {
				return err
			}
			p, _, err := a.makePlan(ctx)
			if err != nil {
				return err
			}
			m, err := render.NewModel(p)
			if err != nil {
				return err
			}
			var raw []byte
			if out != "" || json {
				if raw, err = m.JSON(); err != nil {
					return err
				}
			}
			if out != "" {
				if err := os.WriteFile(out, raw, 0o600); err != nil {
					return fmt.Errorf("writing the plan: %w", err)
				}
			}
			switch {
			case json && reach:
				err = writeJSON(a.ui.Out, m.OfReach())
			case json:
				_, err = a.ui.Out.Write(raw)
			case reach:
				err = render.Reach(a.ui.Out, m, render.Style{Color: a.ui.Color})
			default:
				err = render.Text(a.ui.Out, m, render.Style{Color: a.ui.Color})
			}
			switch {
			case err != nil:
				return err
			case p.Refused():
				return exit{exitRefused}
			}
			switch {
			case out == "" || p.Empty() || json:
			case p.Stateless:
				a.ui.Progress("\nSaved the plan to %s, for mailrelay show. It was made without the state, so apply does not take it.", out)
			default:
				a.ui.Progress("\nSaved the plan to %s. To make it so, run:\n  mailrelay%s apply%s %s", out, a.chdirFlag(), a.stateGiven(), out)
			}
			if detailed && !p.Converged() {
				return exit{exitNotConverged}
			}
			return nil
		},
	}
}

// inputFlag turns questions off.
func (a *app) inputFlag() cli.Flag {
	return &cli.BoolFlag{Name: "input", Usage: "whether questions may be asked; -input=false never asks", Value: true,
		Action: func(_ context.Context, _ *cli.Command, v bool) error {
			a.ui.Input = a.ui.Input && v
			return nil
		}}
}

// chdirFlag is the -chdir that a command to run next needs.
func (a *app) chdirFlag() string {
	if a.dir == "." {
		return ""
	}
	return " -chdir=" + a.dir
}

// stateGiven is the -state that a command to run next needs.
func (a *app) stateGiven() string {
	if a.state == "" {
		return ""
	}
	return " -state=" + state.Redact(a.state)
}

// makePlan reads, asks and compares. The store is nil with -state=none.
func (a *app) makePlan(ctx context.Context) (*plan.Plan, state.Store, error) {
	if err := a.scope.check(a.state); err != nil {
		return nil, nil, err
	}
	early := a.readEarly(ctx)
	c, err := a.loadFor(ctx, a.scope)
	if err != nil {
		return nil, nil, err
	}
	if a.state == "none" {
		p, err := a.planOf(ctx, c, nil, nil)
		return p, nil, err
	}
	store, err := a.store(c)
	if err != nil {
		return nil, nil, err
	}
	base, err := early.current(ctx, store)
	if err != nil {
		return nil, nil, fmt.Errorf("reading the state: %w", err)
	}
	p, err := a.planOf(ctx, c, store, base)
	return p, store, err
}

// planOf asks, and compares c with base, the current revision of store, in the
// scope of a. store is nil with -state=none.
func (a *app) planOf(ctx context.Context, c *schema.Config, store state.Store, base *revision.Revision) (*plan.Plan, error) {
	var seen plan.Seen
	var err error
	if store != nil {
		if base == nil {
			seen.Lineage = rand.Text()
		}
		if seen.Nodes, err = a.nodes(ctx, store, base); err != nil {
			return nil, err
		}
	}
	if c, a.scope.Scope, err = a.scope.Config(c, base); err != nil {
		return nil, err
	}
	ask := a.asking(c)
	if store != nil { // a fork's pull request must not read this machine
		ask.Files = a.files(c)
	}
	looked := observe.New(ask).Observe(ctx, c, base)
	seen.RRsets, seen.Remarks, seen.Files = looked.RRsets, looked.Remarks, looked.Files
	if err := ctx.Err(); err != nil {
		return nil, errors.New("interrupted while asking name servers; nothing was changed")
	}
	p, err := a.scope.Make(c, base, seen, a.world.clock().UTC())
	if err != nil {
		return nil, err
	}
	p.Stateless = store == nil
	return p, nil
}

// observer asks name servers as the configuration says.
func (a *app) observer(c *schema.Config) *observe.Client {
	return observe.New(a.asking(c))
}

func (a *app) asking(c *schema.Config) observe.Options {
	return observe.Options{Dial: a.world.dial, Resolvers: a.resolvers(c), Clock: a.world.clock, Waiting: a.patience()}
}

// resolvers are those of the world, else those that the configuration names; nil
// are the system's.
func (a *app) resolvers(c *schema.Config) []string {
	if a.world.resolvers != nil {
		return a.world.resolvers
	}
	return c.Settings().Resolvers
}

// nodes are the reports of relay nodes, as a plan sees them.
func (a *app) nodes(ctx context.Context, store state.Store, base *revision.Revision) ([]plan.Node, error) {
	reports, err := store.Nodes(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading what relay nodes report: %w", err)
	}
	var out []plan.Node
	for _, n := range reports {
		p := plan.Node{Name: n.Name, Revision: n.Revision, Serial: n.Serial, Live: n.Live(a.world.clock()), Relay: n.Relay}
		for _, q := range n.Queued {
			p.Queued = append(p.Queued, plan.Queued(q))
		}
		p.Gone = !p.Live && !n.Stopped
		if base != nil && n.Refused == base.Hash {
			p.Error = n.LastError
		}
		out = append(out, p)
	}
	return out, nil
}
