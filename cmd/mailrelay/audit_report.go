package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"go4.org/netipx"

	"github.com/mailrelay/mailrelay/plan/check"
	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/decide"
)

// audit is what the audit command prints.
type audit struct {
	FormatVersion string      `json:"format_version"`
	Principal     string      `json:"principal,omitempty"` // who is judged, if not everybody
	Verdict       string      `json:"verdict"`             // the worst
	Connectors    []connector `json:"connectors"`          // the worst first
	// Anywhere are the clients that can reach any domain.
	Anywhere anywhere `json:"anywhere"`
	// Everybody are the accepted domains that hold those of others.
	Everybody []everybody     `json:"everybodys_domains"`
	Findings  []check.Finding `json:"findings"` // of MR1xx: who may send
	Unused    *unused         `json:"unused,omitempty"`
}

// anywhere are the fewest networks that hold all those clients and no others.
type anywhere struct {
	Without []string `json:"without_credentials"`
	With    []string `json:"with_credentials"`
}

type everybody struct {
	Address  string `json:"address"`
	Name     string `json:"name"`
	Declared string `json:"declared,omitempty"`
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
	Reaches string   `json:"reaches,omitempty"` // a domain of others that can be reached
	// Limits are the only domains that can be; absent: there is no such list.
	Limits  []string `json:"allowed_recipient_domains,omitempty"`
	Opened  string   `json:"opened_by,omitempty"` // the accepted domain that does it, where no right does
	Because []string `json:"because"`
}

// audit judges c: everybody, or one principal alone.
func (a *app) audit(c *schema.Config, principal string) (audit, decide.Relaying, error) {
	p, err := decide.Compile(c)
	if err != nil {
		return audit{}, 0, err
	}
	now := a.world.clock().UTC()
	r := audit{FormatVersion: "1.0", Principal: principal, Connectors: []connector{}, Everybody: []everybody{}, Findings: []check.Finding{}}
	if principal == "" {
		found, err := check.Config(c, now)
		if err != nil {
			return audit{}, 0, err
		}
		for _, f := range found {
			if strings.HasPrefix(f.Code, "MR1") {
				r.Findings = append(r.Findings, f)
			}
		}
	}
	for _, d := range schema.All[*schema.Domain](c) {
		if d.Public() {
			r.Everybody = append(r.Everybody, everybody{d.Addr().String(), d.Name, schema.Place(d.Decl())})
		}
	}
	standings := p.StandingsOf(principal, c.Settings().Own(), now)
	slices.SortStableFunc(standings, func(a, b decide.Standing) int { return int(b.Relaying) - int(a.Relaying) })
	worst := decide.NoRelay
	var free, proved netipx.IPSetBuilder
	for _, s := range standings {
		worst = max(worst, s.Relaying)
		one := connector{
			Address: s.Connector.Addr().String(), Verdict: s.Relaying.String(), Principal: s.Principal,
			Clients: ranges(s.Clients), Foreign: ranges(s.Foreign), Reaches: s.To, Limits: s.Connector.AllowedRecipientDomains, Because: []string{},
		}
		one.Declared = schema.Place(s.Connector.Decl())
		if s.Opens != nil {
			one.Opened = s.Opens.Addr().String()
		}
		for _, b := range s.Because {
			one.Because = append(one.Because, b.String())
		}
		r.Connectors = append(r.Connectors, one)
		if one.any() && (s.Opens == nil || s.Opens.Name == "*") {
			free.AddSet(s.Free)
			proved.AddSet(s.Proved)
		}
	}
	r.Verdict = worst.String()
	if r.Anywhere.Without, err = networks(&free); err != nil {
		return audit{}, 0, err
	}
	r.Anywhere.With, err = networks(&proved)
	return r, worst, err
}

// any reports whether no list of recipient domains narrows what can be reached.
func (c connector) any() bool { return c.Limits == nil || slices.Contains(c.Limits, "*") }

// to says in words which domains can be reached.
func (c connector) to() string {
	switch {
	case c.Reaches == "":
		return "accepted domains alone"
	case c.any() && c.Opened == "":
		return "any domain"
	case c.Opened != "":
		return "domains of others, because " + c.Opened + " accepts them"
	}
	return strings.Join(c.Limits, ", ")
}

func ranges(s *netipx.IPSet) []string {
	out := []string{}
	for _, r := range s.Ranges() {
		out = append(out, schema.FormatRange(r))
	}
	return out
}

// networks are the fewest networks that make up a set, in CIDR form.
func networks(b *netipx.IPSetBuilder) ([]string, error) {
	s, err := b.IPSet()
	if err != nil {
		return nil, err
	}
	out := []string{}
	for _, p := range s.Prefixes() {
		out = append(out, p.String())
	}
	return out, nil
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
		c.text(&b)
	}
	if len(r.Connectors) > 0 {
		b.WriteString("\nAny domain can be reached\n")
		from := func(how string, from []string) {
			if len(from) == 0 {
				from = []string{"from nowhere"}
			}
			fmt.Fprintf(&b, "  %-20s %s\n", how, strings.Join(from, ", "))
		}
		from("without credentials", r.Anywhere.Without)
		from("with credentials", r.Anywhere.With)
	}
	for _, f := range r.Findings {
		if f.Code == "MR101" {
			continue // said above
		}
		if r.Unused != nil && f.Code == check.UnusedCode {
			continue // said below
		}
		fmt.Fprintf(&b, "\n%s %s %s: %s\n", strings.ToUpper(f.Severity[:1])+f.Severity[1:]+":", f.Code, f.Summary, f.Detail)
	}
	if r.Unused != nil {
		r.Unused.text(&b)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (c connector) text(b *strings.Builder) {
	fmt.Fprintf(b, "%s: %s\n", c.Address, c.Verdict)
	if len(c.Clients) == 0 {
		b.WriteString("  answers    nobody\n")
	} else {
		fmt.Fprintf(b, "  answers    %s\n", strings.Join(c.Clients, ", "))
	}
	if c.Principal != "" {
		fmt.Fprintf(b, "  lets       %s send to %s\n", c.Principal, c.to())
	}
	if len(c.Foreign) > 0 {
		fmt.Fprintf(b, "  not ours   %s\n", strings.Join(c.Foreign, ", "))
	}
	for j, why := range c.Because {
		label := ""
		if j == 0 {
			label = "because"
		}
		fmt.Fprintf(b, "  %-10s %s\n", label, why)
	}
}
