package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v3"

	"github.com/mailrelay/mailrelay/schema"
)

// usageError says what is wrong with a command line, and where help is.
func usageError(_ context.Context, c *cli.Command, err error, _ bool) error {
	if about, ok := strings.CutSuffix(err.Error(), ": parse error"); ok { // of a flag that is given or not
		return fmt.Errorf("%s: give the flag alone, or =true or =false; see %s -help", about, c.FullName())
	}
	return fmt.Errorf("%w; see %s -help", err, c.FullName())
}

// known refuses a command that there is not, before the library takes what
// follows it for something else.
func known(root *cli.Command, args []string) error {
	for i := 1; i < len(args); i++ {
		switch arg := args[i]; {
		case arg == "-chdir", arg == "--chdir":
			i++ // its value
		case strings.HasPrefix(arg, "-"):
		case arg == completionName, slices.Contains(names(root), arg):
			return nil
		default:
			return unknownCommand(arg, names(root))
		}
	}
	return nil
}

func unknownCommand(name string, known []string) error {
	return fmt.Errorf("there is no command %q%s See mailrelay -help", name, sentence(schema.DidYouMean(name, known)))
}

// sentence closes one that a suggestion may follow.
func sentence(suggestion string) string {
	if suggestion == "" {
		return "."
	}
	return suggestion
}

// noArgs refuses arguments that a command would ignore.
func noArgs(c *cli.Command) error {
	if c.NArg() > 0 {
		return fmt.Errorf("%s takes no argument, and %q was given; see %s -help", c.FullName(), c.Args().First(), c.FullName())
	}
	return nil
}
