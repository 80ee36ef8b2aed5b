package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/urfave/cli/v3"
	"github.com/zclconf/go-cty/cty"

	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/decide"
	"github.com/mailrelay/mailrelay/schema/mailtest"
)

func (a *app) explainCommand() *cli.Command {
	var asJSON bool
	given := map[string]*string{}
	text := func(name, usage string) cli.Flag {
		given[name] = new(string)
		return &cli.StringFlag{Name: name, Usage: usage, Destination: given[name]}
	}
	var tls bool
	var revision, compare, file string
	return &cli.Command{
		Name:        "explain",
		Usage:       "say what becomes of one message, and why",
		UsageText:   "mailrelay [-chdir=DIR] explain [flags]",
		Description: "Asks the rules that a relay follows about one message: the answer that the\nclient gets, the way out, and the blocks that decided, with their lines. Needs no\nnetwork and sends nothing. With -revision it asks what was applied, with what is\nretained, instead of the files; with -compare it asks both, and says what differs.\n-replay asks about all mail in a log: events of this relay, an NCSA log of IIS, or\nExchange's protocol log of what it received. It lists by client what would be\nanswered otherwise than by what is applied, or than it was if nothing is.\n\nExample:\n\n  mailrelay explain -client=10.20.0.9 -from=a@contoso.com -to=b@fabrikam.com\n  mailrelay explain -replay=events.json",
		Flags: append(a.configFlags(), a.stateFlag(),
			text("client", "the `ADDRESS` of the client"),
			text("from", "the `ADDRESS` in MAIL FROM; empty is the null sender"),
			text("to", "the `ADDRESS` in RCPT TO"),
			text("binding", "where the client connects, `ADDRESS:PORT` or unix:/path"),
			text("relay", "the `BLOCK`, if several relays listen there: relay.NAME"),
			&cli.BoolFlag{Name: "tls", Usage: "the client speaks under TLS", Destination: &tls},
			text("user", "the `NAME` that the client has logged on with"),
			text("certificate", "a `NAME` in the verified certificate of the client"),
			text("size", "the `SIZE` of the message, like 10MiB"),
			text("at", "the `TIME` at which it comes, like 2027-06-30; now if not given"),
			&cli.StringFlag{Name: "revision", Usage: "ask revision `N`, or current", Destination: &revision},
			&cli.StringFlag{Name: "compare", Usage: "ask revision `N`, or current, too", Destination: &compare},
			&cli.StringFlag{Name: "replay", Usage: "ask about the mail in the log `FILE`", Destination: &file},
			&cli.BoolFlag{Name: "json", Usage: "print it as JSON", Destination: &asJSON},
		),
		Action: func(ctx context.Context, c *cli.Command) error {
			a.begin()
			if err := noArgs(c); err != nil {
				return err
			}
			if file != "" {
				for _, name := range append(slices.Sorted(maps.Keys(given)), "tls") {
					if c.IsSet(name) && name != "binding" && name != "relay" {
						return fmt.Errorf("-%s is about one message, and -replay takes messages from a log: give one of the two", name)
					}
				}
				return a.replay(ctx, replayed{file: file, revision: revision, compare: compare, relay: *given["relay"], binding: *given["binding"], json: asJSON})
			}
			if !c.IsSet("to") || !c.IsSet("from") {
				return errors.New("explain needs -from=ADDRESS and -to=ADDRESS; -from= alone is the null sender of bounces")
			}
			config, err := a.inForce(ctx, revision)
			if err != nil {
				return err
			}
			if len(schema.All[*schema.ReceiveConnector](config)) == 0 {
				return errors.New("there is no receive_connector, so nobody can hand in mail: add one, or look at another directory with -chdir=DIR")
			}
			result, err := a.explain(config, question(c, given, tls))
			if err != nil {
				return err
			}
			report := mailtest.NewReport([]mailtest.Result{result}).Tests[0]
			if compare != "" {
				other, err := a.inForce(ctx, compare)
				if err != nil {
					return err
				}
				before, err := a.explain(other, question(c, given, tls))
				if err != nil {
					return fmt.Errorf("with %s: %w", revisionName(compare), err)
				}
				return a.writeBoth(bothSides{compare, mailtest.NewReport([]mailtest.Result{before}).Tests[0], revision, report}, asJSON)
			}
			if asJSON {
				return writeJSON(a.ui.Out, explanation{"1.0", report.Message, report.Outcome, report.Because})
			}
			return writeExplanation(a.ui.Out, report)
		},
	}
}

// explanation is what explain -json prints.
type explanation struct {
	FormatVersion string            `json:"format_version"`
	Message       mailtest.Message  `json:"message"`
	Outcome       mailtest.Outcome  `json:"outcome"`
	Because       []mailtest.Reason `json:"because"`
}

// question is the message as a test in the language would have it.
func question(c *cli.Command, given map[string]*string, tls bool) map[string]cty.Value {
	out := map[string]cty.Value{}
	for name, value := range given {
		if c.IsSet(name) {
			out[name] = cty.StringVal(*value)
		}
	}
	if name, ok := out["certificate"]; ok {
		out["client_certificate"] = cty.SetVal([]cty.Value{name})
		delete(out, "certificate")
	}
	if tls {
		out["tls"] = cty.True
	}
	return out
}

// explain asks c about a message.
func (a *app) explain(c *schema.Config, message map[string]cty.Value) (mailtest.Result, error) {
	all := map[string]cty.Value{}
	for name, t := range mailtest.Body().Type().AttributeTypes() {
		all[name] = cty.NullVal(t)
		if v, ok := message[name]; ok {
			all[name] = v
		}
	}
	t, err := mailtest.New(schema.Addr{Type: "test", Name: "explain"}, cty.ObjectVal(all), hcl.Range{})
	if err != nil {
		return mailtest.Result{}, flagError(err)
	}
	if !t.Client.IsValid() && !strings.HasPrefix(t.Binding, "unix:") {
		return mailtest.Result{}, errors.New("explain needs -client=ADDRESS, or the Unix socket that the client uses: -binding=unix:/path")
	}
	for _, p := range t.Settle(c) {
		return mailtest.Result{}, fmt.Errorf("%s: %s", strings.TrimSuffix(p.Summary, "."), p.Detail)
	}
	policy, err := decide.Compile(c)
	if err != nil {
		return mailtest.Result{}, err
	}
	return t.Run(policy, a.world.clock().UTC()), nil
}

// flagError names the flag that a bad value was given to.
func flagError(err error) error {
	var at cty.PathError
	if errors.As(err, &at) && len(at.Path) > 0 {
		if step, ok := at.Path[0].(cty.GetAttrStep); ok {
			return fmt.Errorf("-%s: %w", strings.TrimPrefix(step.Name, "client_"), err)
		}
	}
	return err
}

var errNothingApplied = errors.New("nothing was applied yet: run mailrelay apply, or leave -revision out to ask the files")

// inForce gives the configuration of the directory or, of a revision, what relays
// run: N, or "current".
func (a *app) inForce(ctx context.Context, which string) (*schema.Config, error) {
	if which == "" {
		return a.load()
	}
	store, err := a.statusStore()
	if err != nil {
		return nil, err
	}
	r, err := store.Current(ctx)
	if err == nil && which != "current" {
		n, bad := strconv.ParseUint(which, 10, 64)
		if bad != nil || n == 0 {
			return nil, fmt.Errorf("-revision=%s: write a number from mailrelay history, or current", which)
		}
		r, err = store.At(ctx, n)
	}
	switch {
	case err != nil:
		return nil, fmt.Errorf("reading the state: %w", err)
	case r == nil:
		return nil, errNothingApplied
	}
	return r.InForce()
}

func writeExplanation(w io.Writer, c mailtest.Case) error {
	var b strings.Builder
	o := c.Outcome
	fmt.Fprintf(&b, "%s.\n\nThe answer is %d %s %s\n", c.Message, o.Code, o.Enhanced, o.Text)
	if o.Accepted && o.Via == "" {
		b.WriteString("No send connector takes it: it waits in the queue.\n")
	}
	if o.Via != "" {
		fmt.Fprintf(&b, "It leaves by %s to %s", o.Via, o.NextHop)
		if o.RewrittenTo != c.Message.To {
			fmt.Fprintf(&b, " for <%s>", o.RewrittenTo)
		}
		b.WriteString(".\n")
	}
	for _, f := range c.Failures {
		fmt.Fprintf(&b, "No client can be so: wanted %s, got %s.\n", f.Want, f.Got)
	}
	b.WriteString("\nBecause\n")
	for _, r := range c.Because {
		fmt.Fprintf(&b, "  %s\n", r)
	}
	_, err := io.WriteString(w, b.String())
	return err
}
