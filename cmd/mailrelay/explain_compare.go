package main

import (
	"fmt"

	"github.com/mailrelay/mailrelay/schema/mailtest"
)

// bothSides is one message under two configurations. An empty revision is the files.
type bothSides struct {
	beforeRevision string
	before         mailtest.Case
	afterRevision  string
	after          mailtest.Case
}

// comparedExplanation is what explain -compare -json prints: what explain -json does,
// with the same of another revision.
type comparedExplanation struct {
	explanation
	Compared struct {
		Revision string            `json:"revision"`
		Outcome  mailtest.Outcome  `json:"outcome"`
		Because  []mailtest.Reason `json:"because"`
	} `json:"compared"`
	Differs []difference `json:"differs"` // empty: nothing does
}

// difference is one thing that two configurations make of a message.
type difference struct {
	What   string `json:"what"`
	Before string `json:"before"` // of the revision compared with
	After  string `json:"after"`
}

func (a *app) writeBoth(b bothSides, asJSON bool) error {
	differs := differences(b.before.Outcome, b.after.Outcome)
	if asJSON {
		out := comparedExplanation{explanation: explanation{"1.0", b.after.Message, b.after.Outcome, b.after.Because}, Differs: differs}
		out.Compared.Revision, out.Compared.Outcome, out.Compared.Because = b.beforeRevision, b.before.Outcome, b.before.Because
		return writeJSON(a.ui.Out, out)
	}
	fmt.Fprintf(a.ui.Out, "With %s:\n\n", revisionName(b.beforeRevision))
	if err := writeExplanation(a.ui.Out, b.before); err != nil {
		return err
	}
	fmt.Fprintf(a.ui.Out, "\nWith %s:\n\n", revisionName(b.afterRevision))
	if err := writeExplanation(a.ui.Out, b.after); err != nil {
		return err
	}
	if len(differs) == 0 {
		_, err := fmt.Fprintln(a.ui.Out, "\nNothing differs for this message.")
		return err
	}
	fmt.Fprintln(a.ui.Out, "\nWhat differs")
	for _, d := range differs {
		if _, err := fmt.Fprintf(a.ui.Out, "  %-9s %s -> %s\n", d.What, orNone(d.Before), orNone(d.After)); err != nil {
			return err
		}
	}
	return nil
}

// differences are what clients and next hops see. The names of connectors are none.
func differences(before, after mailtest.Outcome) []difference {
	answer := func(o mailtest.Outcome) string { return fmt.Sprintf("%d %s", o.Code, o.Enhanced) }
	out := []difference{}
	for _, d := range []difference{
		{"answer", answer(before), answer(after)},
		{"next hop", hop(before), hop(after)},
		{"RCPT TO", before.RewrittenTo, after.RewrittenTo},
	} {
		if d.Before != d.After {
			out = append(out, d)
		}
	}
	return out
}

func hop(o mailtest.Outcome) string {
	if o.Accepted && o.Via == "" {
		return "the queue, where it waits"
	}
	return o.NextHop
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

// revisionName is a revision in words; empty is the files.
func revisionName(which string) string {
	switch which {
	case "":
		return "the files"
	case "current":
		return "what is applied"
	}
	return "revision " + which
}
