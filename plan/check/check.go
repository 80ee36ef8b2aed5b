// Package check finds what is dangerous or odd in a configuration, though it has a
// meaning: what has none is refused by package schema. Every finding has a code that
// stays the same for ever, and a page in README.md beside this file.
package check

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/decide"
)

// Severities of findings. An error that no allow block accepts refuses a plan.
const (
	Error   = "error"
	Warning = "warning"
	Note    = "note"
)

// Finding is something that a reviewer should know.
type Finding struct {
	Code     string      `json:"code"`     // "MR101"
	Severity string      `json:"severity"` // Error, Warning or Note
	Addr     schema.Addr `json:"address"`
	Summary  string      `json:"summary"` // a phrase
	Detail   string      `json:"detail"`  // sentences: what, why, and what to do
	Decl     string      `json:"decl,omitempty"`
	Allowed  string      `json:"allowed,omitempty"` // the reason, if an allow block accepts it
}

// Sort puts findings in the order in which they are shown: the gravest first, then
// by code and address.
func Sort(all []Finding) {
	grave := []string{Error, Warning, Note}
	slices.SortStableFunc(all, func(a, b Finding) int {
		return cmp.Or(
			cmp.Compare(slices.Index(grave, a.Severity), slices.Index(grave, b.Severity)),
			cmp.Compare(a.Code, b.Code), a.Addr.Compare(b.Addr))
	})
}

// inspection collects what is found.
type inspection struct {
	config    *schema.Config
	policy    *decide.Policy
	standings []decide.Standing
	now       time.Time
	facts     Facts
	found     []Finding
	index
}

// Config finds what a configuration alone tells, at the time now, sorted. The error
// is that of decide.Compile.
func Config(c *schema.Config, now time.Time) ([]Finding, error) {
	i, err := inspect(c, now)
	if err != nil {
		return nil, err
	}
	i.alone()
	Sort(i.found)
	return i.found, nil
}

func inspect(c *schema.Config, now time.Time) (*inspection, error) {
	p, err := decide.Compile(c)
	if err != nil {
		return nil, err
	}
	return &inspection{config: c, policy: p, standings: p.Standings(c.Settings().Own(), now), now: now, index: newIndex(c)}, nil
}

// alone finds what needs no facts.
func (i *inspection) alone() {
	i.own()
	i.connectors()
	i.domains()
	i.allowlists()
	i.routes()
}

func (i *inspection) add(b schema.Block, code, severity, summary, format string, args ...any) {
	i.found = append(i.found, Finding{
		Code: code, Severity: severity, Addr: b.Addr(), Summary: summary, Detail: fmt.Sprintf(format, args...),
		Decl: schema.Place(b.Decl()), Allowed: b.Allowed()[code],
	})
}
