package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v3"

	"github.com/mailrelay/mailrelay/apply/relay/admin"
	"github.com/mailrelay/mailrelay/apply/relay/probe"
	"github.com/mailrelay/mailrelay/apply/state"
	"github.com/mailrelay/mailrelay/schema"
)

func (a *app) probeCommand() *cli.Command {
	var asJSON bool
	var revision string
	return &cli.Command{
		Name:        "probe",
		Usage:       "send test messages through the running relay, and follow them",
		UsageText:   "mailrelay [-chdir=DIR] probe [flags] [NAME...]",
		Description: "Sends the test message of each probe block, or of those that are named, through\nthe relay that runs with the state directory on this machine, and follows it\nuntil the next hop has taken it; with expect_reply, until an answer has come in.\nPrints each hop and its TLS. Exits with 1 if a probe fails.\n\nThe message goes in by SMTP, from this machine, by the rights that the receive\nconnectors give it here: so the listener and the rights are tested too.\n\nExample:\n\n  mailrelay probe -state=/var/lib/mailrelay -revision=current",
		Flags: append(a.configFlags(), a.stateFlag(),
			&cli.StringFlag{Name: "revision", Usage: "the probes of revision `N`, or of current, instead of those of the files", Destination: &revision},
			&cli.BoolFlag{Name: "json", Usage: "print it as JSON", Destination: &asJSON}),
		Action: func(ctx context.Context, c *cli.Command) error {
			a.begin()
			config, err := a.inForce(ctx, revision)
			if err != nil {
				return err
			}
			probes, err := pickProbes(config, c.Args().Slice())
			if err != nil {
				return err
			}
			results, err := a.probe(ctx, config, probes)
			if err != nil {
				return err
			}
			if asJSON {
				err = writeJSON(a.ui.Out, struct {
					FormatVersion string         `json:"format_version"`
					Probes        []probe.Result `json:"probes"`
				}{"1.0", results})
			} else {
				err = writeProbes(a.ui.Out, results)
			}
			if err == nil && slices.ContainsFunc(results, func(r probe.Result) bool { return !r.Passed }) {
				return exit{exitError}
			}
			return err
		},
	}
}

// pickProbes finds the probes of c that are named; all, if none is.
func pickProbes(c *schema.Config, names []string) (out []*schema.Probe, err error) {
	all := schema.All[*schema.Probe](c)
	if len(all) == 0 {
		return nil, errors.New("there is no probe block: add one, such as\n\n  probe \"internet\" {\n    relay = relay.edge\n    from  = \"postmaster@contoso.com\"\n    to    = \"postmaster@fabrikam.com\"\n  }")
	}
	if len(names) == 0 {
		return all, nil
	}
	var known []string
	for _, p := range all {
		known = append(known, strings.TrimPrefix(p.Addr().String(), "probe."))
	}
	for _, name := range names {
		i := slices.Index(known, strings.TrimPrefix(name, "probe."))
		if i < 0 {
			return nil, fmt.Errorf("there is no probe %q%s There are: %s", name, sentence(schema.DidYouMean(name, known)), strings.Join(known, ", "))
		}
		if !slices.Contains(out, all[i]) {
			out = append(out, all[i])
		}
	}
	return out, nil
}

// probe runs probes, one after the other.
func (a *app) probe(ctx context.Context, config *schema.Config, probes []*schema.Probe) ([]probe.Result, error) {
	store, err := a.store(config)
	if err != nil {
		return nil, err
	}
	dir, ok := store.(*state.Dir)
	if !ok {
		return nil, errElsewhere
	}
	socket := filepath.Join(dir.Path(), "admin.sock")
	node, err := admin.Status(ctx, socket)
	if err != nil {
		return nil, unreachable(err)
	}
	for _, p := range probes {
		if err := a.mayProbe(p, node); err != nil {
			return nil, err
		}
	}
	relay := admin.Dial(socket)
	var out []probe.Result
	for _, p := range probes {
		out = append(out, probe.Run(ctx, probe.Options{
			Follow: relay.Follow, Listeners: node.Listeners,
			Progress: func(s string) { a.ui.Progress("%s", plain(s)) },
		}, p))
		if ctx.Err() != nil {
			break
		}
	}
	return out, nil
}

// mayProbe says why p cannot go through the relay that runs here; nil: it can.
func (a *app) mayProbe(p *schema.Probe, node state.Node) error {
	switch {
	case node.Relay == "":
		return fmt.Errorf("no revision is in force at the relay that runs here, so it takes no mail: %s", node.LastError)
	case node.Relay != p.Relay.String():
		return fmt.Errorf("%s goes through %s, and %s runs here: name probes of that one, or run this on the other machine", p.Addr(), p.Relay, node.Relay)
	}
	return nil
}

func writeProbes(w io.Writer, results []probe.Result) error {
	var b strings.Builder
	for i, r := range results {
		if i > 0 {
			b.WriteString("\n")
		}
		fmt.Fprintf(&b, "%s: <%s> to <%s>\n", r.Probe, r.From, r.To)
		for _, h := range r.Hops {
			fmt.Fprintf(&b, "  %-9s  %s, %s, %s%s\n", h.Step, where(h), h.Connector, protection(h), after(": ", h.Answer))
		}
		took := (time.Duration(r.Seconds * float64(time.Second))).Round(10 * time.Millisecond)
		if r.Passed {
			fmt.Fprintf(&b, "  Passed in %s.\n", took)
		} else {
			fmt.Fprintf(&b, "  Failed after %s: %s\n", took, r.Reason)
		}
	}
	_, err := io.WriteString(w, plain(b.String()))
	return err
}

func after(sep, s string) string {
	if s == "" {
		return ""
	}
	return sep + s
}

// where is the host of a hop with its address.
func where(h probe.Hop) string {
	if h.Host == "" || strings.HasPrefix(h.Address, h.Host+":") {
		return h.Address
	}
	return h.Host + " (" + h.Address + ")"
}

// protection says how a hop was protected.
func protection(h probe.Hop) string {
	if h.TLS == "" {
		return "in clear"
	}
	return h.TLS + after(" ", h.Cipher) + after(", verified for ", h.Verified)
}
