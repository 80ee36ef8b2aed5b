package main

import (
	"bytes"
	"context"
	"fmt"
	"io"

	"github.com/hashicorp/hcl/v2"
	"github.com/rogpeppe/go-internal/diff"
	"github.com/urfave/cli/v3"

	"github.com/mailrelay/mailrelay/schema/lang"
)

// stdinName is what messages call the text that comes from stdin.
const stdinName = "<stdin>"

func (a *app) fmtCommand() *cli.Command {
	f := &formatter{ui: a.ui}
	return &cli.Command{
		Name:      "fmt",
		Usage:     "rewrite configuration files in the canonical layout",
		UsageText: "mailrelay [-chdir=DIR] fmt [flags] [FILE|DIR|-]...",
		Description: "Formats the given files, the files of the given directories, or those of the\n" +
			"configuration: what ends with .mail.hcl, .mailvars.hcl or .mailtest.hcl. With -\n" +
			"it reads stdin and writes to stdout. The names of the files that changed are\n" +
			"the result. A file that does not parse is reported and left as it is.\n\n" +
			"Example:\n\n  mailrelay fmt -check -diff -recursive",
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "check", Usage: "write nothing; exit with 3 if a file is not formatted", Destination: &f.check},
			&cli.BoolFlag{Name: "diff", Usage: "show what changes", Destination: &f.diff},
			&cli.BoolFlag{Name: "list", Usage: "name the files that change", Value: true, Destination: &f.list},
			&cli.BoolFlag{Name: "recursive", Usage: "format the files of directories below, too", Destination: &f.recursive},
			&cli.BoolFlag{Name: "write", Usage: "write the files", Value: true, Destination: &f.write},
			a.colorFlag(),
		},
		Action: func(_ context.Context, c *cli.Command) error {
			a.begin()
			targets := c.Args().Slice()
			if len(targets) == 0 {
				targets = []string{"."}
			}
			return f.run(a.dir, targets)
		},
	}
}

// run formats targets, which are relative to dir.
func (f *formatter) run(dir string, targets []string) error {
	for _, target := range targets {
		if target == "-" {
			if len(targets) > 1 {
				return fmt.Errorf("- stands for stdin, and cannot stand beside other files; format them one after the other")
			}
			return f.end(f.stdin())
		}
	}
	var files []string
	for _, target := range targets {
		found, err := formattable(dir, target, f.recursive)
		if err != nil {
			return err
		}
		files = append(files, found...)
	}
	var failed error
	for _, name := range files {
		if err := f.file(name); err != nil && failed == nil {
			failed = err
		}
	}
	return f.end(failed)
}

// end is how the command ends after err, which was shown if it is an exit.
func (f *formatter) end(err error) error {
	if err == nil && f.check && f.changed {
		return exit{exitRefused}
	}
	return err
}

// stdin formats what is read, and writes it to stdout unless a flag asks for
// something else.
func (f *formatter) stdin() error {
	text, err := io.ReadAll(f.ui.In)
	if err != nil {
		return fmt.Errorf("reading stdin: %w", err)
	}
	out, err := f.text(stdinName, text)
	switch {
	case err != nil:
		return err
	case f.check:
		return f.report(stdinName, text, out)
	case f.diff:
		return f.show(stdinName, text, out)
	}
	_, err = f.ui.Out.Write(out)
	return err
}

// text formats text, and says so if it does not parse.
func (f *formatter) text(name string, text []byte) ([]byte, error) {
	out, file, diags := lang.Format(name, text)
	f.ui.Diagnostics(map[string]*hcl.File{name: file}, diags)
	if diags.HasErrors() {
		return nil, exit{exitError}
	}
	return out, nil
}

// report writes the name and the difference of a text that changes, as far as
// they are asked for.
func (f *formatter) report(name string, before, after []byte) error {
	if bytes.Equal(before, after) {
		return nil
	}
	f.changed = true
	if f.list {
		if _, err := fmt.Fprintln(f.ui.Out, name); err != nil {
			return err
		}
	}
	return f.show(name, before, after)
}

// show writes the difference, if it is asked for.
func (f *formatter) show(name string, before, after []byte) error {
	if !f.diff {
		return nil
	}
	text := diff.Diff("old/"+name, before, "new/"+name, after)
	if _, rest, ok := bytes.Cut(text, []byte("\n")); ok { // its first line is no part of a unified diff
		text = rest
	}
	_, err := f.ui.Out.Write(text)
	return err
}
