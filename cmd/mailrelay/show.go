package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/urfave/cli/v3"

	"github.com/mailrelay/mailrelay/plan/render"
)

func (a *app) showCommand() *cli.Command {
	var json bool
	return &cli.Command{
		Name:        "show",
		Usage:       "show a saved plan",
		UsageText:   "mailrelay show [flags] PLANFILE",
		Description: "Example:\n\n  mailrelay show change.plan",
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "json", Usage: "print the plan as JSON", Destination: &json},
			a.colorFlag(),
		},
		Action: func(_ context.Context, c *cli.Command) error {
			a.begin()
			if c.NArg() != 1 {
				return errors.New("show takes one plan file; make one with mailrelay plan -out=FILE")
			}
			raw, err := a.world.readFile(c.Args().First())
			if err != nil {
				return fmt.Errorf("reading the plan: %w", err)
			}
			m, err := render.Read(raw)
			if err != nil {
				return err
			}
			if json {
				raw, err := m.JSON()
				if err != nil {
					return err
				}
				_, err = a.ui.Out.Write(raw)
				return err
			}
			return render.Text(a.ui.Out, m, render.Style{Color: a.ui.Color})
		},
	}
}

func (a *app) versionCommand() *cli.Command {
	return &cli.Command{
		Name: "version", Usage: "print the version", UsageText: "mailrelay version", Description: "Example:\n\n  mailrelay version",
		Action: func(_ context.Context, c *cli.Command) error {
			if err := noArgs(c); err != nil {
				return err
			}
			return a.printVersion()
		},
	}
}

func (a *app) printVersion() error {
	_, err := fmt.Fprintf(a.ui.Out, "mailrelay %s\n", version)
	return err
}
