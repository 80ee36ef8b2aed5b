package main

import (
	"context"
	"fmt"

	"github.com/hashicorp/hcl/v2"
	"github.com/urfave/cli/v3"

	"github.com/mailrelay/mailrelay/schema/lang"
)

func (a *app) validateCommand() *cli.Command {
	var asJSON bool
	return &cli.Command{
		Name:      "validate",
		Usage:     "check the configuration, without any network",
		UsageText: "mailrelay [-chdir=DIR] validate [flags]",
		Description: "Says everything that has no meaning in the configuration. With -json the\n" +
			"result is that of terraform validate -json.\n\n" +
			"Example:\n\n  mailrelay -chdir=examples/coexistence validate",
		Flags: append(a.configFlags(), &cli.BoolFlag{Name: "json", Usage: "print the result as JSON", Destination: &asJSON}),
		Action: func(_ context.Context, c *cli.Command) error {
			a.begin()
			patient()
			if err := noArgs(c); err != nil {
				return err
			}
			if asJSON {
				return a.validateJSON()
			}
			if _, err := a.load(); err != nil {
				return err
			}
			_, err := fmt.Fprintln(a.ui.Out, "Success! The configuration is valid.")
			return err
		},
	}
}

// validation is the result of terraform validate -json, whose format this is.
type validation struct {
	FormatVersion string            `json:"format_version"`
	Valid         bool              `json:"valid"`
	ErrorCount    int               `json:"error_count"`
	WarningCount  int               `json:"warning_count"`
	Diagnostics   []lang.Diagnostic `json:"diagnostics"`
}

// validateJSON says nothing on stderr: whatever is wrong stands in the result.
func (a *app) validateJSON() error {
	config, diags := lang.Load(a.dir, a.options())
	v := validation{FormatVersion: "1.0", Valid: !diags.HasErrors(), Diagnostics: lang.Diagnostics(config.Sources, diags)}
	for _, d := range diags {
		if d.Severity == hcl.DiagError {
			v.ErrorCount++
		} else {
			v.WarningCount++
		}
	}
	if err := writeJSON(a.ui.Out, v); err != nil {
		return err
	}
	if !v.Valid {
		return exit{exitError}
	}
	return nil
}
