package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/urfave/cli/v3"

	"github.com/mailrelay/mailrelay/apply/state"
	"github.com/mailrelay/mailrelay/schema/revision"
)

// entry is one revision as the history command shows it.
type entry struct {
	Serial  uint64        `json:"serial"`
	Hash    revision.Hash `json:"hash"`
	Applied time.Time     `json:"applied"`
	By      string        `json:"by"`
	Current bool          `json:"current"`
	// Changes is what it asks for that the one before did not, by type; null if
	// that one is not there any more.
	Changes []revision.Count `json:"changes"`
	// Unwritten are RRsets that it was about to write; a revision that follows says
	// which of them were.
	Unwritten int `json:"unwritten"`
	Owned     int `json:"owned"` // RRsets, or values in one, that are ours
}

func (a *app) historyCommand() *cli.Command {
	var asJSON bool
	newest := 20
	return &cli.Command{
		Name:        "history",
		Usage:       "list what was applied, newest first",
		UsageText:   "mailrelay [-chdir=DIR] history [flags]",
		Description: "Every revision is kept, in revisions/ of the state directory, and plan -revision=N\nplans the way back to any of them. An apply that writes DNS makes several: one\nbefore it writes, one that says what was written, and one for each thing that it\nsaw or did while it stayed. What nobody will go back to may be deleted there, but\nfor the newest.\n\nExample:\n\n  mailrelay history\n  mailrelay plan -revision=7 -out=back.plan",
		Flags: append(a.configFlags(), a.stateFlag(),
			&cli.GenericFlag{Name: "n", Usage: "list the newest `N`; 0 is all [20]", Value: number[int]{&newest, 0, "50"}},
			&cli.BoolFlag{Name: "json", Usage: "print it as JSON", Destination: &asJSON}),
		Action: func(ctx context.Context, c *cli.Command) error {
			a.begin()
			if err := noArgs(c); err != nil {
				return err
			}
			list, err := a.history(ctx, newest)
			if err != nil {
				return err
			}
			if asJSON {
				return writeJSON(a.ui.Out, list)
			}
			return writeHistory(a.ui.Out, list)
		},
	}
}

// history reads the newest n revisions, or all. Those that were deleted are left
// out.
func (a *app) history(ctx context.Context, n int) ([]entry, error) {
	store, err := a.statusStore()
	if err != nil {
		return nil, err
	}
	cur, err := store.Current(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading the state: %w", err)
	}
	out := []entry{}
	for r := cur; r != nil && (n <= 0 || len(out) < n); {
		before, serial, err := older(ctx, store, r.Serial)
		if err != nil {
			return nil, err
		}
		p := entry{Serial: r.Serial, Hash: r.Hash, Applied: r.Applied, By: r.By, Current: r == cur, Unwritten: len(r.Intent), Owned: len(r.Owned)}
		switch {
		case before != nil && serial == r.Serial-1:
			p.Changes = revision.Counts(before.Target, r.Target)
		case r.Serial == 1:
			p.Changes = revision.Counts(nil, r.Target)
		}
		out = append(out, p)
		r = before
	}
	return out, nil
}

// older gives the newest revision before a serial, nil if there is none.
func older(ctx context.Context, store state.Store, serial uint64) (*revision.Revision, uint64, error) {
	for serial--; serial > 0; serial-- {
		r, err := store.At(ctx, serial)
		if errors.Is(err, state.ErrNone) {
			continue
		}
		return r, serial, err
	}
	return nil, 0, nil
}

func writeHistory(w io.Writer, list []entry) error {
	if len(list) == 0 {
		_, err := fmt.Fprintln(w, "Nothing was applied yet.")
		return err
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "REVISION\tHASH\tAPPLIED\tBY\tCHANGES")
	for _, p := range list {
		fmt.Fprintf(t, "%d\t%s\t%s\t%s\t%s\n", p.Serial, p.Hash.Short(), p.Applied.UTC().Format(time.RFC3339), p.By, p.changes())
	}
	return t.Flush()
}

// changes says in a few words what a revision brought.
func (p entry) changes() string {
	var words []string
	for _, c := range p.Changes {
		words = append(words, c.String())
	}
	if p.Changes == nil {
		words = append(words, "the revision before it was deleted")
	}
	if p.Unwritten > 0 {
		words = append(words, several(p.Unwritten, "RRset")+" to write")
	}
	if len(words) == 0 {
		return "records what was written or seen"
	}
	return strings.Join(words, ", ")
}

// several counts something in words.
func several(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
