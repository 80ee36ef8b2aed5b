package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/urfave/cli/v3"
	"go4.org/netipx"

	"github.com/mailrelay/mailrelay/plan/check"
	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/decide"
)

func (a *app) auditCommand() *cli.Command {
	var asJSON bool
	var revision, most string
	return &cli.Command{
		Name:        "audit",
		Usage:       "say which receive connectors can relay for whom",
		UsageText:   "mailrelay [-chdir=DIR] audit [flags]",
		Description: "Judges every receive connector by asking the rules that a relay follows about\nclients of every kind: open_relay (no credentials, addresses outside\nown_networks), trusted_relay, scoped_relay, internal_only, none. Exits with 3 when\none is worse than -max-verdict.\n\nExample:\n\n  mailrelay audit -max-verdict=scoped_relay",
		Flags: append(a.configFlags(), a.stateFlag(),
			&cli.StringFlag{Name: "max-verdict", Usage: "exit with 3 if a connector is worse than `VERDICT`", Destination: &most},
			&cli.StringFlag{Name: "revision", Usage: "audit revision `N`, or current", Destination: &revision},
			&cli.BoolFlag{Name: "json", Usage: "print it as JSON", Destination: &asJSON},
		),
		Action: func(ctx context.Context, c *cli.Command) error {
			a.begin()
			if err := noArgs(c); err != nil {
				return err
			}
			limit := slices.Index(decide.Relayings(), most)
			if most != "" && limit < 0 {
				return fmt.Errorf("-max-verdict=%s: the verdicts are %s", most, strings.Join(decide.Relayings(), ", "))
			}
			config, err := a.inForce(ctx, revision)
			if err != nil {
				return err
			}
			r, worst, err := a.audit(config)
			if err != nil {
				return err
			}
			if asJSON {
				err = writeJSON(a.ui.Out, r)
			} else {
				err = r.text(a.ui.Out)
			}
			if err == nil && most != "" && int(worst) > limit {
				return exit{exitRefused}
			}
			return err
		},
	}
}

// audit is what the audit command prints.
type audit struct {
	FormatVersion string          `json:"format_version"`
	Connectors    []connector     `json:"connectors"` // the worst first
	Findings      []check.Finding `json:"findings"`   // of MR1xx: who may send
}

// connector is one receive connector and what it makes possible.
type connector struct {
	Address   string   `json:"address"`
	Declared  string   `json:"declared,omitempty"` // file:line
	Verdict   string   `json:"verdict"`
	Principal string   `json:"principal,omitempty"` // who can do that
	Clients   []string `json:"clients"`             // addresses that it answers
	// Foreign are those of Clients that are in no network of ours, if it is an
	// open relay.
	Foreign []string `json:"foreign"`
	Reaches string   `json:"reaches,omitempty"` // a domain that is not accepted here and can be reached
	Because []string `json:"because"`
}

func (a *app) audit(c *schema.Config) (audit, decide.Relaying, error) {
	p, err := decide.Compile(c)
	if err != nil {
		return audit{}, 0, err
	}
	now := a.world.clock().UTC()
	found, err := check.Config(c, now)
	if err != nil {
		return audit{}, 0, err
	}
	r := audit{FormatVersion: "1.0", Connectors: []connector{}, Findings: []check.Finding{}}
	for _, f := range found {
		if strings.HasPrefix(f.Code, "MR1") {
			r.Findings = append(r.Findings, f)
		}
	}
	standings := p.Standings(c.Settings().Own(), now)
	slices.SortStableFunc(standings, func(a, b decide.Standing) int { return int(b.Relaying) - int(a.Relaying) })
	worst := decide.NoRelay
	for _, s := range standings {
		worst = max(worst, s.Relaying)
		one := connector{
			Address: s.Connector.Addr().String(), Verdict: s.Relaying.String(), Principal: s.Principal,
			Clients: ranges(s.Clients), Foreign: ranges(s.Foreign), Reaches: s.To, Because: []string{},
		}
		one.Declared = schema.Place(s.Connector.Decl())
		for _, b := range s.Because {
			one.Because = append(one.Because, b.String())
		}
		r.Connectors = append(r.Connectors, one)
	}
	return r, worst, nil
}

func ranges(s *netipx.IPSet) []string {
	out := []string{}
	for _, r := range s.Ranges() {
		out = append(out, schema.FormatRange(r))
	}
	return out
}

func (r audit) text(w io.Writer) error {
	var b strings.Builder
	if len(r.Connectors) == 0 {
		b.WriteString("There is no receive connector, so nobody can send mail here.\n")
	}
	for i, c := range r.Connectors {
		if i > 0 {
			b.WriteString("\n")
		}
		fmt.Fprintf(&b, "%s: %s\n", c.Address, c.Verdict)
		if len(c.Clients) == 0 {
			b.WriteString("  answers    nobody\n")
		} else {
			fmt.Fprintf(&b, "  answers    %s\n", strings.Join(c.Clients, ", "))
		}
		if c.Principal != "" {
			to := "accepted domains alone"
			if c.Reaches != "" {
				to = "any domain"
			}
			fmt.Fprintf(&b, "  lets       %s send to %s\n", c.Principal, to)
		}
		if len(c.Foreign) > 0 {
			fmt.Fprintf(&b, "  not ours   %s\n", strings.Join(c.Foreign, ", "))
		}
		for j, why := range c.Because {
			label := ""
			if j == 0 {
				label = "because"
			}
			fmt.Fprintf(&b, "  %-10s %s\n", label, why)
		}
	}
	for _, f := range r.Findings {
		if f.Code == "MR101" {
			continue // said above
		}
		fmt.Fprintf(&b, "\n%s %s %s: %s\n", strings.ToUpper(f.Severity[:1])+f.Severity[1:]+":", f.Code, f.Summary, f.Detail)
	}
	_, err := io.WriteString(w, b.String())
	return err
}
