package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/urfave/cli/v3"

	"github.com/mailrelay/mailrelay/apply/state"
	"github.com/mailrelay/mailrelay/plan"
	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/revision"
)

func (a *app) stateRmCommand() *cli.Command {
	var wait time.Duration
	var dry bool
	var node string
	return &cli.Command{
		Name:        "rm",
		Usage:       "forget blocks of DNS, or a relay node",
		UsageText:   "mailrelay [-chdir=DIR] state rm [flags] ADDRESS...",
		Description: "Forgets records, expectations, services, or a zone with all that is ours in it:\nnothing is deleted in DNS, and what stays there is nobody's. It is for a zone whose\nservers are gone, and for what somebody else is to manage. What is still in the\nconfiguration is adopted by the next apply. What relays run from is not forgotten,\nbut taken out of the configuration. -node forgets the report of a node that is gone.\n\nExample:\n\n  mailrelay state rm zone.gone 'record.mx[\"contoso\"]'\n  mailrelay state rm -node=edge3",
		Flags: a.stateFlags(lockFlag(&wait),
			&cli.BoolFlag{Name: "dry-run", Usage: "only say what would be forgotten", Destination: &dry},
			&cli.StringFlag{Name: "node", Usage: "forget the relay node `NAME`, as status shows it", Destination: &node}),
		Action: func(ctx context.Context, c *cli.Command) error {
			a.begin()
			wanted, err := addresses(c.Args().Slice())
			if err != nil {
				return err
			}
			if (node == "") == (len(wanted) == 0) {
				return errors.New("state rm takes either addresses, which mailrelay state list lists, or -node=NAME")
			}
			store, err := a.statusStore()
			if err != nil {
				return err
			}
			if node != "" {
				return a.forgetNode(ctx, store, node, dry)
			}
			return a.amend(ctx, store, "state rm", wait, func(cur *revision.Revision) (*revision.Revision, error) {
				if cur == nil {
					return nil, errors.New("the state is empty: nothing has been applied yet")
				}
				next, gone, err := plan.Forget(cur, wanted)
				if err != nil {
					return nil, err
				}
				verb := "Forgot"
				if dry {
					verb, next = "Would forget", nil
				}
				for _, addr := range gone {
					fmt.Fprintf(a.ui.Out, "%s %s\n", verb, addr)
				}
				return next, nil
			})
		},
	}
}

// forgetNode forgets a node that does not live.
func (a *app) forgetNode(ctx context.Context, store state.Store, name string, dry bool) error {
	nodes, err := store.Nodes(ctx)
	if err != nil {
		return err
	}
	var known []string
	for _, n := range nodes {
		known = append(known, n.Name)
		if n.Name != name {
			continue
		}
		if n.Live(a.world.clock()) {
			return fmt.Errorf("relay node %s is alive: it reported %s ago. Stop it first", name, a.world.clock().Sub(n.At).Round(time.Second))
		}
		if dry {
			fmt.Fprintf(a.ui.Out, "Would forget relay node %s\n", name)
			return nil
		}
		if err := store.Forget(ctx, name); err != nil {
			return err
		}
		fmt.Fprintf(a.ui.Out, "Forgot relay node %s\n", name)
		return nil
	}
	return fmt.Errorf("no relay node %q has reported%s", name, sentence(schema.DidYouMean(name, known)))
}

func (a *app) stateMvCommand() *cli.Command {
	var wait time.Duration
	var dry bool
	return &cli.Command{
		Name:        "mv",
		Usage:       "give a block another address",
		UsageText:   "mailrelay [-chdir=DIR] state mv [flags] FROM TO",
		Description: "Renames a block in the state, with what it implies and all that refers to it, so\nthat the plan of a configuration in which it is renamed is empty. A moved block in\nthe configuration does the same at the next apply, and is reviewed with it.\n\nExample:\n\n  mailrelay state mv record.mx 'record.mx[\"contoso\"]'",
		Flags:       a.stateFlags(lockFlag(&wait), &cli.BoolFlag{Name: "dry-run", Usage: "only say what would move", Destination: &dry}),
		Action: func(ctx context.Context, c *cli.Command) error {
			a.begin()
			if c.NArg() != 2 {
				return fmt.Errorf("state mv takes two addresses, FROM and TO, and %d were given", c.NArg())
			}
			addrs, err := addresses(c.Args().Slice())
			if err != nil {
				return err
			}
			store, err := a.statusStore()
			if err != nil {
				return err
			}
			return a.amend(ctx, store, "state mv", wait, func(cur *revision.Revision) (*revision.Revision, error) {
				if cur == nil {
					return nil, errors.New("the state is empty: nothing has been applied yet")
				}
				next, err := plan.Move(cur, addrs[0], addrs[1])
				if err != nil {
					return nil, err
				}
				verb := "Moved"
				if dry {
					verb, next = "Would move", nil
				}
				fmt.Fprintf(a.ui.Out, "%s %s to %s\n", verb, addrs[0], addrs[1])
				return next, nil
			})
		},
	}
}
