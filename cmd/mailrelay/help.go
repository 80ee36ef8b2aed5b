package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/mitchellh/go-wordwrap"
	"github.com/urfave/cli/v3"
)

// helpWidth is how wide help is, in columns.
const helpWidth = 80

// writeHelp writes help about a command: what it does, how it is called, its
// flags, and an example at the end, so that it is the last thing on the screen.
func writeHelp(w io.Writer, c *cli.Command) {
	about, example, _ := strings.Cut(c.Description, "Example:\n")
	fmt.Fprintf(w, "Usage: %s\n\n", c.UsageText)
	if about = strings.TrimSpace(about); about != "" {
		fmt.Fprintf(w, "%s\n\n", wordwrap.WrapString(strings.ReplaceAll(about, "\n", " "), helpWidth))
	} else {
		fmt.Fprintf(w, "%s.\n\n", strings.ToUpper(c.Usage[:1])+c.Usage[1:])
	}
	rows := [][2]string{}
	for _, sub := range c.Commands {
		rows = append(rows, [2]string{sub.Name, sub.Usage})
	}
	table(w, "Commands:", rows)
	table(w, "Flags:", flagRows(c))
	fmt.Fprintf(w, "Example:\n\n%s\n", strings.Trim(example, "\n"))
}

// flagRows are the flags as Terraform writes them, with one dash, and what they
// do.
func flagRows(c *cli.Command) [][2]string {
	var rows [][2]string
	for _, f := range c.Flags {
		doc, ok := f.(cli.DocGenerationFlag)
		if !ok || f.Names()[0] == "help" {
			continue
		}
		usage := doc.GetUsage()
		name := "-" + f.Names()[0]
		if doc.TakesValue() {
			_, rest, quoted := strings.Cut(usage, "`")
			value, _, _ := strings.Cut(rest, "`")
			if !quoted {
				value = "VALUE"
			}
			name += "=" + value
		}
		rows = append(rows, [2]string{name, strings.ReplaceAll(usage, "`", "")})
	}
	return rows
}

func table(w io.Writer, title string, rows [][2]string) {
	if len(rows) == 0 {
		return
	}
	left := 0
	for _, r := range rows {
		left = max(left, len(r[0]))
	}
	fmt.Fprintln(w, title)
	for _, r := range rows {
		text := wordwrap.WrapString(r[1], uint(max(helpWidth-left-4, 20)))
		for i, line := range strings.Split(text, "\n") {
			name := r[0]
			if i > 0 {
				name = ""
			}
			fmt.Fprintf(w, "  %-*s  %s\n", left, name, line)
		}
	}
	fmt.Fprintln(w)
}

// withHelp makes writeHelp the help of a command and of those below it.
func withHelp(c *cli.Command) {
	var text strings.Builder
	writeHelp(&text, c)
	c.CustomHelpTemplate, c.CustomRootCommandHelpTemplate = text.String(), text.String()
	c.HideHelpCommand = true
	for _, sub := range c.Commands {
		withHelp(sub)
	}
}

// helpCommand is mailrelay help [COMMAND...].
func (a *app) helpCommand() *cli.Command {
	return &cli.Command{
		Name: "help", Usage: "show help about a command", UsageText: "mailrelay help [COMMAND...]", Description: "Example:\n\n  mailrelay help plan",
		Action: func(_ context.Context, c *cli.Command) error {
			about := c.Root()
			for i, name := range c.Args().Slice() {
				at := slices.IndexFunc(about.Commands, func(sub *cli.Command) bool { return sub.Name == name })
				if at < 0 {
					return unknownCommand(strings.Join(c.Args().Slice()[:i+1], " "), names(about))
				}
				about = about.Commands[at]
			}
			writeHelp(a.ui.Out, about)
			return nil
		},
	}
}

func names(root *cli.Command) []string {
	var out []string
	for _, sub := range root.Commands {
		out = append(out, sub.Name)
	}
	return out
}
