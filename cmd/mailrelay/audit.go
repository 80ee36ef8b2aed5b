package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v3"
	"github.com/zclconf/go-cty/cty"

	"github.com/mailrelay/mailrelay/plan/render"
	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/decide"
)

// auditOptions are the flags of audit.
type auditOptions struct {
	revision, most, principal string
	format                    string // text, json or sarif
	unused                    string
	logs                      []string
}

func (a *app) auditCommand() *cli.Command {
	var o auditOptions
	var asJSON bool
	return &cli.Command{
		Name:      "audit",
		Usage:     "say which receive connectors can relay for whom",
		UsageText: "mailrelay [-chdir=DIR] audit [flags]",
		Description: "Judges every receive connector by asking the rules that a relay follows about\nclients of every kind: open_relay (no credentials, addresses outside\nown_networks), trusted_relay, scoped_relay, internal_only, none. Says from which\naddresses any domain can be reached, which accepted domains are everybody's, and,\nfrom the JSON logs of relays, what nobody uses. Exits with 3 when a verdict is\nworse than -max-verdict.\n\nExample:\n\n" +
			"  mailrelay audit -max-verdict=scoped_relay\n  mailrelay audit -unused=90d -log /var/log/mailrelay/events*.json",
		Flags: append(a.configFlags(), a.stateFlag(),
			&cli.StringFlag{Name: "max-verdict", Usage: "exit with 3 if a connector is worse than `VERDICT`", Destination: &o.most},
			&cli.StringFlag{Name: "principal", Usage: "judge `PRINCIPAL` alone: anonymous, authenticated, partner, externally_secured or user:NAME", Destination: &o.principal},
			&cli.StringFlag{Name: "unused", Usage: "list ranges, groups and permissions that the logs show no use of for `DURATION`, like 90d", Destination: &o.unused},
			&cli.StringSliceFlag{Name: "log", Usage: "read the JSON log of a relay, `FILE`; more files may follow", Destination: &o.logs},
			&cli.StringFlag{Name: "revision", Usage: "audit revision `N`, or current", Destination: &o.revision},
			&cli.StringFlag{Name: "format", Usage: "print it as `FORMAT`: text, json or sarif", Value: "text", Destination: &o.format},
			&cli.BoolFlag{Name: "json", Usage: "print it as JSON", Destination: &asJSON},
		),
		Action: func(ctx context.Context, c *cli.Command) error {
			a.begin()
			if len(o.logs) == 0 {
				if err := noArgs(c); err != nil {
					return err
				}
			}
			o.logs = append(o.logs, c.Args().Slice()...)
			if asJSON {
				o.format = "json"
			}
			return a.runAudit(ctx, o)
		},
	}
}

func (a *app) runAudit(ctx context.Context, o auditOptions) error {
	limit := slices.Index(decide.Relayings(), o.most)
	if o.most != "" && limit < 0 {
		return fmt.Errorf("-max-verdict=%s: the verdicts are %s", o.most, strings.Join(decide.Relayings(), ", "))
	}
	if !slices.Contains([]string{"text", "json", "sarif"}, o.format) {
		return fmt.Errorf("-format=%s: the formats are text, json and sarif", o.format)
	}
	if o.principal != "" {
		if _, err := schema.Principal().Canon(cty.StringVal(o.principal)); err != nil {
			return fmt.Errorf("-principal: %w", err)
		}
	}
	if (o.unused == "") != (len(o.logs) == 0) {
		return errors.New("-unused=DURATION and -log=FILE go together: only logs tell what is not used; write -unused=90d -log=/var/log/mailrelay/events.json")
	}
	var unused time.Duration
	if o.unused != "" {
		var err error
		if unused, err = schema.ParseDuration(o.unused); err != nil {
			return fmt.Errorf("-unused: %w", err)
		}
	}
	config, err := a.inForce(ctx, o.revision)
	if err != nil {
		return err
	}
	r, worst, err := a.audit(config, o.principal)
	if err != nil {
		return err
	}
	if unused > 0 {
		if err := a.auditLogs(&r, config, unused, o.logs); err != nil {
			return err
		}
	}
	switch o.format {
	case "json":
		err = writeJSON(a.ui.Out, r)
	case "sarif":
		err = render.SARIF(a.ui.Out, r.Findings, render.Options{Folder: a.folder(), Version: version})
	default:
		err = r.text(a.ui.Out)
	}
	if err == nil && o.most != "" && int(worst) > limit {
		return exit{exitRefused}
	}
	return err
}
