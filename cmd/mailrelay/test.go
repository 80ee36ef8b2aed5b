package main

import (
	"context"
	"fmt"
	"os"
	"slices"

	"github.com/urfave/cli/v3"

	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/decide"
	"github.com/mailrelay/mailrelay/schema/lang"
	"github.com/mailrelay/mailrelay/schema/mailtest"
)

func (a *app) testCommand() *cli.Command {
	var json bool
	var junit string
	var filters []string
	return &cli.Command{
		Name:        "test",
		Usage:       "run the tests of the configuration",
		UsageText:   "mailrelay [-chdir=DIR] test [flags]",
		Description: "Runs the tests in *.mailtest.hcl against the configuration, without any network.\nExits with 1 if one fails, and says which blocks decided.\n\nExample:\n\n  mailrelay -chdir=examples/coexistence test -junit=report.xml",
		Flags: append(a.configFlags(),
			&cli.BoolFlag{Name: "json", Usage: "print the results as JSON", Destination: &json},
			&cli.StringFlag{Name: "junit", Usage: "write the results as JUnit XML to `FILE`", Destination: &junit},
			&cli.StringSliceFlag{Name: "filter", Usage: "run the test `NAME` alone; may be repeated", Destination: &filters},
		),
		Action: func(_ context.Context, c *cli.Command) error {
			a.begin()
			if err := noArgs(c); err != nil {
				return err
			}
			report, err := a.runTests(filters)
			if err != nil {
				return err
			}
			if junit != "" {
				raw, err := report.JUnit(a.world.clock())
				if err != nil {
					return err
				}
				if err := os.WriteFile(junit, raw, 0o666); err != nil {
					return fmt.Errorf("writing the results: %w", err)
				}
			}
			if err := a.showTests(report, json); err != nil {
				return err
			}
			if report.Status == mailtest.Fail {
				return exit{exitError}
			}
			return nil
		},
	}
}

func (a *app) showTests(r mailtest.Report, json bool) error {
	if len(r.Tests) == 0 {
		a.ui.Warning("No tests", "No file of the configuration that ends with .mailtest.hcl holds a test, so nothing was tested. Write one there: test \"NAME\" { client = …, from = …, to = …, accept = true }, a line each.")
	}
	if !json {
		return mailtest.Text(a.ui.Out, r, mailtest.Style{Color: a.ui.Color})
	}
	raw, err := r.JSON()
	if err == nil {
		_, err = a.ui.Out.Write(raw)
	}
	return err
}

// runTests reads the configuration and its tests, and runs those that filters name;
// no filters name all.
func (a *app) runTests(filters []string) (mailtest.Report, error) {
	config, tests, diags := lang.LoadTests(a.dir, a.options())
	a.ui.Diagnostics(config.Sources, diags)
	if diags.HasErrors() {
		return mailtest.Report{}, exit{exitError}
	}
	tests, err := filtered(tests, filters)
	if err != nil {
		return mailtest.Report{}, err
	}
	policy, err := decide.Compile(config)
	if err != nil {
		return mailtest.Report{}, err
	}
	now := a.world.clock().UTC()
	var results []mailtest.Result
	for _, t := range tests {
		results = append(results, t.Run(policy, now))
	}
	return mailtest.NewReport(results), nil
}

// filtered are the tests that have one of the names: NAME of a test with all its
// instances, or the address of one, test.NAME["key"]. A name that is nobody's is an
// error: a test that was renamed must not go missing in silence.
func filtered(tests []*mailtest.Test, names []string) ([]*mailtest.Test, error) {
	if len(names) == 0 {
		return tests, nil
	}
	var out []*mailtest.Test
	var known []string
	met := map[string]bool{}
	for _, t := range tests {
		known = append(known, t.Addr.Name)
		whole := schema.Addr{Type: t.Addr.Type, Name: t.Addr.Name}
		wanted := false
		for _, name := range []string{t.Addr.Name, whole.String(), t.Addr.String()} {
			if slices.Contains(names, name) {
				met[name], wanted = true, true
			}
		}
		if wanted {
			out = append(out, t)
		}
	}
	for _, name := range names {
		if !met[name] {
			return nil, fmt.Errorf("-filter=%s: there is no such test%s Without -filter all tests are run", name, sentence(schema.DidYouMean(name, known)))
		}
	}
	return out, nil
}
