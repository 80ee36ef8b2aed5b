package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v3"

	"github.com/mailrelay/mailrelay/apply/relay/admin"
	"github.com/mailrelay/mailrelay/apply/relay/deliver"
	"github.com/mailrelay/mailrelay/apply/relay/spool"
	"github.com/mailrelay/mailrelay/apply/state"
	"github.com/mailrelay/mailrelay/schema"
)

func (a *app) queueCommand() *cli.Command {
	return &cli.Command{
		Name:        "queue",
		Usage:       "show and change what waits in the queue of a relay",
		UsageText:   "mailrelay queue COMMAND [flags] [ID...]",
		Description: "Asks the relay that runs with the state directory on this machine. A\nselection is made of ids and flags, and a message must meet all of them.\n\nExample:\n\n  mailrelay queue list -state=/var/lib/mailrelay -domain=fabrikam.com",
		Commands: []*cli.Command{
			a.queueListCommand(), a.queueShowCommand(),
			a.queueChange("retry", "try messages now", "Tries messages at once, and no longer leaves alone the hosts that they wait for.\nWhat is held stays held.", "mailrelay queue retry -site=mx.fabrikam.com", "Trying"),
			a.queueChange("hold", "keep messages until they are released", "Messages that are held are neither tried nor returned, however old they get.", "mailrelay queue hold -from=crm@contoso.com", "Held"),
			a.queueChange("release", "let messages go that are held", "Ends what hold began: the messages are tried at once.", "mailrelay queue release -all", "Released"),
			a.queueChange("bounce", "return messages to their senders", "Gives up what is selected and tells the senders. Of a message with several\nrecipients only those that are selected are given up. Asks first.", "mailrelay queue bounce -domain=fabrikam.com -older=1d", "Returned"),
			a.queueChange("drop", "delete messages", "Deletes what is selected and tells nobody but the log. Of a message with several\nrecipients only those that are selected are dropped. Asks first.", "mailrelay queue drop 0DGJ2R3K5M8", "Dropped"),
		},
		Action: func(_ context.Context, c *cli.Command) error {
			if name := c.Args().First(); name != "" {
				return fmt.Errorf("there is no command %q%s See mailrelay queue -help", "queue "+name, sentence(schema.DidYouMean(name, names(c))))
			}
			writeHelp(a.ui.Out, c)
			return nil
		},
	}
}

// selection is what flags and arguments say of messages.
type selection struct {
	f     deliver.Filter
	older string
}

func (s *selection) flags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "domain", Usage: "recipients in the domain `NAME`", Destination: &s.f.Domain},
		&cli.StringFlag{Name: "site", Usage: "recipients whose next hop was `HOST` when last tried", Destination: &s.f.Site},
		&cli.StringFlag{Name: "from", Usage: "messages of the sender `ADDRESS`, or of all senders of a domain; <> is the null sender", Destination: &s.f.From},
		&cli.StringFlag{Name: "older", Usage: "messages that are in the queue for at least `DURATION`, such as 4h or 2d", Destination: &s.older},
		&cli.BoolFlag{Name: "held", Usage: "messages that are held", Destination: &s.f.Held},
		&cli.BoolFlag{Name: "all", Usage: "all messages", Destination: &s.f.All},
	}
}

// filter is what is selected. none says that nothing was said of it.
func (s *selection) filter(c *cli.Command) (f deliver.Filter, none bool, err error) {
	f = s.f
	for _, name := range []string{"domain", "site", "from"} {
		if c.IsSet(name) && c.String(name) == "" {
			return f, false, fmt.Errorf("-%s is empty: say which, or leave the flag out", name)
		}
	}
	if c.IsSet("older") {
		if f.Age, err = schema.ParseDuration(s.older); err != nil {
			return f, false, fmt.Errorf("-older: %w", err)
		}
		if f.Age <= 0 {
			return f, false, errors.New("-older is zero: use -all for messages of every age")
		}
	}
	for _, id := range c.Args().Slice() {
		if id = strings.ToUpper(id); !slices.Contains(f.IDs, id) {
			f.IDs = append(f.IDs, id)
		}
	}
	none = !f.All && !f.Held && f.Age == 0 && len(f.IDs) == 0 && f.Domain == "" && f.Site == "" && f.From == ""
	return f, none, nil
}

// relayHere is the relay that runs with the state directory.
func (a *app) relayHere() (*admin.Client, error) {
	store, err := a.statusStore()
	if err != nil {
		return nil, err
	}
	dir, ok := store.(*state.Dir)
	if !ok {
		return nil, errElsewhere
	}
	return admin.Dial(filepath.Join(dir.Path(), "admin.sock")), nil
}

// unreachable says what to do if no relay answers.
func unreachable(err error) error {
	if err == nil || !strings.HasPrefix(err.Error(), "ask the relay: ") {
		return err
	}
	return fmt.Errorf("%w. This command asks the relay that runs on this machine: start it with mailrelay serve, give the directory of its state with -state=DIR, and be the user that it runs as", err)
}

// missing is an error if ids that were named are not in the queue.
func missing(ctx context.Context, relay *admin.Client, f deliver.Filter) error {
	if len(f.IDs) == 0 {
		return nil
	}
	l, err := relay.List(ctx, deliver.Filter{IDs: f.IDs}, len(f.IDs))
	if err != nil {
		return unreachable(err)
	}
	there := map[string]bool{}
	for _, i := range l.Items {
		there[i.ID] = true
	}
	var gone []string
	for _, id := range f.IDs {
		if !there[id] {
			gone = append(gone, id)
		}
	}
	if len(gone) == 0 {
		return nil
	}
	return fmt.Errorf("%w: %s. Nothing was done; mailrelay queue list shows what is in it", spool.ErrGone, strings.Join(gone, ", "))
}

// queueChange is a command that changes what is selected. done is the word for
// what it did.
func (a *app) queueChange(name, usage, about, example, done string) *cli.Command {
	var s selection
	var asJSON, approve bool
	var reason string
	asks := name == "bounce" || name == "drop"
	flags := append(a.configFlags(), a.stateFlag())
	flags = append(flags, s.flags()...)
	flags = append(flags, &cli.BoolFlag{Name: "json", Usage: "print how many messages it were as JSON", Destination: &asJSON})
	if asks {
		flags = append(flags, &cli.BoolFlag{Name: "auto-approve", Usage: "do not ask", Destination: &approve}, a.inputFlag())
	}
	if name == "bounce" {
		flags = append(flags, &cli.StringFlag{Name: "reason", Usage: "a `SENTENCE` that tells the senders why", Destination: &reason})
	}
	return &cli.Command{
		Name: name, Usage: usage, UsageText: "mailrelay queue " + name + " [flags] [ID...]",
		Description: about + "\n\nExample:\n\n  " + example, Flags: flags,
		Action: func(ctx context.Context, c *cli.Command) error {
			a.begin()
			f, none, err := s.filter(c)
			if err != nil {
				return err
			}
			if none {
				return fmt.Errorf("queue %s changes nothing that is not named: give ids, -domain, -site, -from, -older or -held, or -all", name)
			}
			relay, err := a.relayHere()
			if err != nil {
				return err
			}
			if err := missing(ctx, relay, f); err != nil {
				return err
			}
			n := 0
			if asks {
				// What comes in after the question is none of its business.
				f.Until = a.world.clock().UTC()
				approved, err := a.queueAsk(ctx, relay, f, name, approve)
				if err != nil {
					return err
				}
				if !approved {
					return a.queueDone(asJSON, done, 0)
				}
			}
			if n, err = relay.Command(ctx, name, f, reason); err != nil {
				return unreachable(err)
			}
			return a.queueDone(asJSON, done, n)
		},
	}
}

// queueAsk shows what would go, and asks. It is false where there is nothing.
func (a *app) queueAsk(ctx context.Context, relay *admin.Client, f deliver.Filter, name string, approve bool) (bool, error) {
	l, err := relay.List(ctx, f, 10)
	if err != nil || l.Messages == 0 {
		return false, unreachable(err)
	}
	if approve {
		return true, nil
	}
	if err := listText(a.ui.Err, l, a.world.clock()); err != nil {
		return false, err
	}
	question, detail := "Do you want to return "+messages(l.Messages)+" to the senders?", "The recipients that you selected will not get them."
	if name == "drop" {
		question, detail = "Do you want to delete "+messages(l.Messages)+"?", "The recipients that you selected will not get them, nobody is told, and there is no way back."
	}
	yes, err := a.ui.Confirm(question, detail)
	if err == nil && !yes {
		a.ui.Progress("Cancelled. The queue is as it was.")
		return false, exit{exitError}
	}
	return yes, err
}

func (a *app) queueDone(asJSON bool, done string, n int) (err error) {
	switch {
	case asJSON:
		err = writeJSON(a.ui.Out, struct {
			FormatVersion string `json:"format_version"`
			admin.Done
		}{"1.0", admin.Done{Messages: n}})
	case n > 0:
		_, err = fmt.Fprintf(a.ui.Out, "%s %s.\n", done, messages(n))
	}
	return err
}

func messages(n int) string {
	if n == 1 {
		return "1 message"
	}
	return fmt.Sprintf("%d messages", n)
}

// age is how long ago something was, as a person would say it.
func age(d time.Duration) string {
	switch d = max(d, 0); {
	case d < time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%dm", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh%02dm", int(d.Hours()), int(d.Minutes())%60)
	}
	return fmt.Sprintf("%dd%dh", int(d.Hours())/24, int(d.Hours())%24)
}
