package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/urfave/cli/v3"
)

// completionName is the command that the library adds when it sets up the tree.
const completionName = "completion"

// completion gives the library's completion command our form of help, and root's
// help its line.
func completion(root *cli.Command) func(*cli.Command) {
	return func(c *cli.Command) {
		c.Hidden = false
		c.Usage = "print what a shell needs to complete commands and flags"
		c.UsageText = "mailrelay completion bash|zsh|fish|pwsh"
		c.Description = "The script asks mailrelay itself, so it needs no renewal with a new version.\n\nExample:\n\n  source <(mailrelay completion bash)       # in .bashrc\n  source <(mailrelay completion zsh)        # in .zshrc\n  mailrelay completion fish > ~/.config/fish/completions/mailrelay.fish"
		c.SkipFlagParsing = true // the library knows no -help here
		c.Action = func(_ context.Context, c *cli.Command) error {
			switch shell := c.Args().First(); shell {
			case "-help", "--help":
				writeHelp(c.Root().Writer, c)
				return nil
			case "":
				return fmt.Errorf("the script of which shell? Say %s, as in: mailrelay completion bash", strings.Join(names(c), ", "))
			default:
				return fmt.Errorf("there is no script for %q: say %s", shell, strings.Join(names(c), ", "))
			}
		}
		for _, shell := range c.Commands {
			shell.Usage = "print the script for " + shell.Name
			shell.UsageText = "mailrelay completion " + shell.Name
			shell.Description = "Example:\n\n  mailrelay completion " + shell.Name
		}
		withHelp(root)
	}
}

// complete prints what may stand next on a command line: commands, or flags with as
// many dashes as were typed, each with its meaning behind a colon.
func complete(_ context.Context, c *cli.Command) {
	args := c.Root().Args().Slice()
	typed := ""
	if len(args) > 0 && strings.HasPrefix(args[len(args)-1], "-") {
		typed = args[len(args)-1]
	}
	rows := flagRows(c)
	if typed == "" {
		rows = nil
		for _, sub := range c.Commands {
			rows = append(rows, [2]string{sub.Name, sub.Usage})
		}
	}
	for _, r := range rows {
		word, _, _ := strings.Cut(r[0], "=")
		if strings.HasPrefix(typed, "--") {
			word = "-" + word
		}
		if strings.HasPrefix(word, typed) {
			fmt.Fprintf(c.Root().Writer, "%s:%s\n", word, r[1])
		}
	}
}
