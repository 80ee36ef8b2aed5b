package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v3"

	"github.com/mailrelay/mailrelay/plan/check"
	"github.com/mailrelay/mailrelay/plan/render"
	"github.com/mailrelay/mailrelay/schema"
)

func (a *app) showCommand() *cli.Command {
	var json bool
	var format string
	var most int
	return &cli.Command{
		Name:        "show",
		Usage:       "show a saved plan, or what was applied",
		UsageText:   "mailrelay [-chdir=DIR] show [flags] [PLANFILE]",
		Description: "Shows a saved plan, or without PLANFILE the current revision: for people (text,\nmarkdown, html) and for programs (json, github, gitlab, sarif, junit). github\nprints annotations, and adds the Markdown to the file of GITHUB_STEP_SUMMARY.\nFiles are named relative to the current directory, as pipelines want it. The\nfirst line of the Markdown is a comment that stays the same: a pipeline finds by\nit what it has to update.\n\nExample:\n\n  mailrelay show change.plan\n  mailrelay show -format=markdown -max-bytes=65536 change.plan",
		Flags: append(a.configFlags(), a.stateFlag(),
			&cli.StringFlag{Name: "format", Usage: "`FORMAT` of the output, one of " + strings.Join(formats(), ", "), Value: "text", Destination: &format},
			&cli.IntFlag{Name: "max-bytes", Usage: "write at most `N` bytes: details are left out, the summary never", Destination: &most},
			&cli.BoolFlag{Name: "json", Usage: "the same as -format=json", Destination: &json},
		),
		Action: func(ctx context.Context, c *cli.Command) error {
			a.begin()
			if c.NArg() > 1 {
				return errors.New("show takes one plan file, or none to show what was applied")
			}
			if json {
				format = "json"
			}
			if most < 0 {
				return fmt.Errorf("-max-bytes=%d: write how many bytes there is room for, like 65536; 0 is no limit", most)
			}
			m, err := a.shown(ctx, c.Args().First())
			if err != nil {
				return err
			}
			return a.show(m, format, render.Options{Folder: a.folder(), Version: version, MaxBytes: most})
		},
	}
}

// formats are what show can write.
func formats() []string {
	return []string{"text", "json", "markdown", "html", "github", "gitlab", "sarif", "junit"}
}

// shown reads a plan file, or what was applied if file is empty.
func (a *app) shown(ctx context.Context, file string) (*render.Model, error) {
	if file != "" {
		raw, err := a.world.readFile(file)
		if err != nil {
			return nil, fmt.Errorf("reading the plan: %w", err)
		}
		return render.Read(raw)
	}
	store, err := a.statusStore()
	if err != nil {
		return nil, err
	}
	r, err := store.Current(ctx)
	switch {
	case err != nil:
		return nil, fmt.Errorf("reading the state: %w", err)
	case r == nil:
		return nil, errors.New("nothing was applied yet; give show a plan file, which mailrelay plan -out=FILE makes")
	}
	c, err := r.InForce()
	if err != nil {
		return nil, err
	}
	now := a.world.clock().UTC()
	found, err := check.Config(c, now)
	if err != nil {
		return nil, err
	}
	return render.NewCurrent(r, found, now)
}

// show writes m in the format.
func (a *app) show(m *render.Model, format string, o render.Options) error {
	out := a.ui.Out
	switch format {
	case "text":
		return render.ShortText(out, m, render.Style{Color: a.ui.Color}, o)
	case "json":
		if o.MaxBytes > 0 {
			return errors.New("-max-bytes cannot be kept with -format=json, since JSON that was cut is none; use another format")
		}
		raw, err := m.JSON()
		if err != nil {
			return err
		}
		_, err = out.Write(raw)
		return err
	case "markdown":
		return render.Markdown(out, m, o)
	case "html":
		return render.HTML(out, m, o)
	case "github":
		if err := render.GitHub(out, m, o); err != nil {
			return err
		}
		return a.stepSummary(m, o)
	case "gitlab":
		return render.GitLab(out, m)
	case "sarif":
		return render.SARIF(out, m.Findings, o)
	case "junit":
		return render.JUnit(out, m, o)
	}
	return fmt.Errorf("-format=%s: the formats are %s%s", format, strings.Join(formats(), ", "), sentence(schema.DidYouMean(format, formats())))
}

// stepSummary adds the Markdown to the summary of a step of GitHub Actions, if one
// runs. GitHub takes a mebibyte.
func (a *app) stepSummary(m *render.Model, o render.Options) error {
	file, _ := a.env("GITHUB_STEP_SUMMARY")
	if file == "" {
		return nil
	}
	if o.MaxBytes == 0 {
		o.MaxBytes = 1<<20 - 1<<10
	}
	var b bytes.Buffer
	if err := render.Markdown(&b, m, o); err != nil {
		return err
	}
	f, err := os.OpenFile(file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err == nil {
		_, err = io.Copy(f, &b)
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		return fmt.Errorf("writing the step summary: %w", err)
	}
	return nil
}

// folder is that of the configuration, relative to the working directory, which in
// a pipeline is the root of the repository; empty if it is that, or elsewhere.
func (a *app) folder() string {
	here, err := os.Getwd()
	if err != nil {
		return ""
	}
	dir, err := filepath.Abs(a.dir)
	if err != nil {
		return ""
	}
	rel, err := filepath.Rel(here, dir)
	if err != nil || rel == "." || !filepath.IsLocal(rel) {
		return ""
	}
	return filepath.ToSlash(rel)
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
