package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/urfave/cli/v3"

	"github.com/mailrelay/mailrelay/plan"
	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/revision"
)

func (a *app) stateListCommand() *cli.Command {
	return &cli.Command{
		Name:        "list",
		Usage:       "list the addresses in the state",
		UsageText:   "mailrelay [-chdir=DIR] state list [flags] [ADDRESS...]",
		Description: "Lists what was applied: blocks, and what they imply in DNS. With addresses, those\nand what belongs to them.\n\nExample:\n\n  mailrelay state list service.microsoft365.contoso",
		Flags:       a.stateFlags(),
		Action: func(ctx context.Context, c *cli.Command) error {
			a.begin()
			wanted, err := addresses(c.Args().Slice())
			if err != nil {
				return err
			}
			_, cur, err := a.applied(ctx)
			if err != nil {
				return err
			}
			for _, known := range plan.Addresses(cur) {
				if len(wanted) == 0 || within(known, wanted) {
					fmt.Fprintln(a.ui.Out, known)
				}
			}
			return nil
		},
	}
}

// addresses reads arguments.
func addresses(args []string) ([]schema.Addr, error) {
	var out []schema.Addr
	for _, arg := range args {
		a, err := schema.ParseAddr(arg)
		if err == nil && a.IsZero() {
			err = errors.New("an address is empty: write type.name or type.name[\"key\"]")
		}
		if err != nil {
			return nil, err
		}
		out = append(out, a)
	}
	return out, nil
}

func within(a schema.Addr, wanted []schema.Addr) bool {
	for _, w := range wanted {
		if plan.Names(w, a) {
			return true
		}
	}
	return false
}

// shown is one address as state show has it.
type shown struct {
	Address  schema.Addr       `json:"address"`
	Declared string            `json:"declared,omitempty"` // file:line
	Value    json.RawMessage   `json:"value,omitempty"`    // null: it is implied by a block
	Owned    []revision.Owned  `json:"owned"`              // what is ours in DNS
	Pending  []revision.Step   `json:"pending"`
	Retained json.RawMessage   `json:"retained,omitempty"` // as it stays in force beside, or instead of, the value
	Until    time.Time         `json:"until,omitzero"`
	Proof    *revision.Proof   `json:"proof,omitempty"`
	Stage    *revision.Entered `json:"stage,omitempty"`
}

func (a *app) stateShowCommand() *cli.Command {
	var asJSON bool
	return &cli.Command{
		Name:        "show",
		Usage:       "show what is recorded of an address",
		UsageText:   "mailrelay [-chdir=DIR] state show [flags] ADDRESS",
		Description: "Shows the block as it was applied, what is ours of it in DNS and what stood there\nbefore, and what is pending.\n\nExample:\n\n  mailrelay state show record.mx",
		Flags:       a.stateFlags(&cli.BoolFlag{Name: "json", Usage: "print it as JSON", Destination: &asJSON}),
		Action: func(ctx context.Context, c *cli.Command) error {
			a.begin()
			if c.NArg() != 1 {
				return errors.New("state show takes one address; mailrelay state list lists them")
			}
			wanted, err := addresses(c.Args().Slice())
			if err != nil {
				return err
			}
			_, cur, err := a.applied(ctx)
			if err != nil {
				return err
			}
			list := shownOf(cur, wanted)
			if len(list) == 0 {
				return fmt.Errorf("%s is not in the state: mailrelay state list shows what is", wanted[0])
			}
			if asJSON {
				return writeJSON(a.ui.Out, list)
			}
			for i, s := range list {
				if i > 0 {
					fmt.Fprintln(a.ui.Out)
				}
				if err := s.text(a.ui.Out); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

// shownOf gathers what r knows of each address that is wanted.
func shownOf(r *revision.Revision, wanted []schema.Addr) []shown {
	var out []shown
	for _, at := range plan.Addresses(r) {
		if !within(at, wanted) {
			continue
		}
		s := shown{Address: at, Owned: []revision.Owned{}, Pending: []revision.Step{}}
		for _, o := range r.Target {
			if o.Addr == at {
				s.Value, s.Declared = o.Value, o.Decl
			}
		}
		for _, o := range r.Owned {
			if o.Addr == at {
				s.Owned = append(s.Owned, o)
			}
		}
		for _, p := range r.Pending {
			for _, of := range p.Addrs {
				if of == at {
					s.Pending = append(s.Pending, p)
				}
			}
		}
		for _, k := range r.Retained {
			if k.Object.Addr == at {
				s.Retained, s.Until = k.Object.Value, k.Until
			}
		}
		for _, p := range r.Proofs {
			if p.Domain == at {
				s.Proof = &p
			}
		}
		for _, e := range r.Stages {
			if e.Domain == at {
				s.Stage = &e
			}
		}
		out = append(out, s)
	}
	return out
}

func (s shown) text(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s", s.Address)
	if s.Declared != "" {
		fmt.Fprintf(&b, " (%s)", s.Declared)
	}
	b.WriteByte('\n')
	value := func(title string, raw json.RawMessage) {
		if raw == nil {
			return
		}
		var pretty bytes.Buffer
		if json.Indent(&pretty, raw, "", "  ") == nil {
			fmt.Fprintf(&b, "%s%s\n", title, pretty.String())
		}
	}
	value("", s.Value)
	for _, o := range s.Owned {
		how := "written"
		if o.Adopted {
			how = "adopted"
		}
		fmt.Fprintf(&b, "%s by us: %s %d %s\n", how, o.Set.Key(), o.Set.TTL, words(o.Set.Data))
		if o.Before != nil {
			fmt.Fprintf(&b, "  before us: %d %s\n", o.Before.TTL, words(o.Before.Data))
		}
	}
	for _, p := range s.Pending {
		fmt.Fprintf(&b, "pending: %s\n", p.Key())
	}
	value("stays in force: ", s.Retained)
	if s.Proof != nil {
		switch {
		case s.Proof.Verified():
			fmt.Fprintf(&b, "verified since %s\n", s.Proof.Since.UTC().Format(time.RFC3339))
		default:
			b.WriteString("not verified yet\n")
		}
	}
	if s.Stage != nil {
		fmt.Fprintf(&b, "stage: %s\n", s.Stage.Stage)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// words are values, each in quotes.
func words[T ~string](data []T) string {
	var out []string
	for _, d := range data {
		out = append(out, fmt.Sprintf("%q", string(d)))
	}
	return strings.Join(out, ", ")
}
