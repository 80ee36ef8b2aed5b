// Command mailrelay is declarative configuration for the mail edge: it plans and
// applies DNS records and relay permissions, and runs the SMTP relay.
package main

import (
	"context"
	"errors"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/urfave/cli/v3"

	"github.com/mailrelay/mailrelay/cmd/mailrelay/internal/ui"
)

// Exit codes.
const (
	exitDone         = 0
	exitError        = 1
	exitNotConverged = 2 // with -detailed-exitcode
	exitRefused      = 3 // by a finding or a gate
	exitStale        = 4
)

// version is what this program calls itself, and what required_version is held
// against.
const version = "0.1.0-dev"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args, os.Stdin, os.Stdout, os.Stderr, os.LookupEnv)
	stop()
	os.Exit(code)
}

// exit is an error that ends the program with a code, after what had to be said
// was said.
type exit struct{ code int }

func (e exit) Error() string { return "" }

// run is the whole program.
func run(ctx context.Context, args []string, in io.Reader, out, errw io.Writer, env func(string) (string, bool)) int {
	a := &app{ui: ui.New(in, out, errw, env), env: env, world: realWorld()}
	defer a.close()
	root := a.command()
	err := known(root, args)
	if err == nil {
		err = root.Run(ctx, args)
	}
	var e exit
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &e):
		return e.code
	}
	a.ui.Error("mailrelay could not do that", err.Error())
	return exitError
}

// command is the tree of commands.
func (a *app) command() *cli.Command {
	var showVersion bool
	root := &cli.Command{
		Name:                      "mailrelay",
		Usage:                     "declarative configuration for the mail edge",
		UsageText:                 "mailrelay [-chdir=DIR] COMMAND [flags]",
		Description:               "HCL files describe accepted domains, the DNS records they need, who may relay,\nand where mail goes. plan shows what would change, apply makes it so, serve is the\nSMTP relay that runs from what was applied.\n\nExample:\n\n  mailrelay plan -out=change.plan\n  mailrelay apply change.plan\n  mailrelay serve -state=.mailrelay",
		Reader:                    a.ui.In,
		Writer:                    a.ui.Out,
		ErrWriter:                 a.ui.Err,
		HideVersion:               true,
		DisableSliceFlagSeparator: true,
		EnableShellCompletion:     true,
		Suggest:                   true,
		ExitErrHandler:            func(context.Context, *cli.Command, error) {},
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "chdir", Usage: "read the configuration in `DIR`", Destination: &a.dir, Value: "."},
			&cli.BoolFlag{Name: "version", Usage: "print the version", Local: true, Destination: &showVersion},
		},
		Commands: []*cli.Command{
			a.planCommand(), a.applyCommand(), a.showCommand(), a.serveCommand(), a.statusCommand(), a.queueCommand(), a.probeCommand(), a.historyCommand(), a.stateCommand(),
			a.fmtCommand(), a.validateCommand(), a.testCommand(), a.explainCommand(), a.auditCommand(), a.doctorCommand(), a.sandboxCommand(), a.versionCommand(), a.helpCommand(),
		},
		Action: func(_ context.Context, c *cli.Command) error {
			if name := c.Args().First(); name != "" {
				return unknownCommand(name, names(c))
			}
			if showVersion {
				return a.printVersion()
			}
			writeHelp(a.ui.Out, c)
			return nil
		},
	}
	root.ConfigureShellCompletionCommand = completion(root)
	settle(root)
	withHelp(root)
	return root
}

// settle says what holds for a command and all below it.
func settle(c *cli.Command) {
	c.DisableSliceFlagSeparator = true
	c.OnUsageError = usageError
	c.ShellComplete = complete
	for _, sub := range c.Commands {
		sub.Hidden = true // or the library shows a help of its own for what has commands
		settle(sub)
	}
}
