package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/urfave/cli/v3"

	"github.com/mailrelay/mailrelay/apply/state"
	"github.com/mailrelay/mailrelay/schema/revision"
)

func (a *app) statePullCommand() *cli.Command {
	var serial uint64
	return &cli.Command{
		Name:        "pull",
		Usage:       "print a revision as JSON",
		UsageText:   "mailrelay [-chdir=DIR] state pull [flags]",
		Description: "Prints the current revision, as a copy to keep or for tools.\n\nExample:\n\n  mailrelay state pull >state.json",
		Flags:       a.stateFlags(&cli.Uint64Flag{Name: "revision", Usage: "print revision `N`, see mailrelay history", Destination: &serial}),
		Action: func(ctx context.Context, c *cli.Command) error {
			a.begin()
			if err := noArgs(c); err != nil {
				return err
			}
			store, r, err := a.applied(ctx)
			if err == nil && serial != 0 {
				r, err = past(ctx, store, serial)
			}
			if err != nil {
				return err
			}
			raw, err := json.Marshal(r)
			if err != nil {
				return err
			}
			var pretty bytes.Buffer
			if err := json.Indent(&pretty, raw, "", "  "); err != nil {
				return err
			}
			_, err = fmt.Fprintln(a.ui.Out, pretty.String())
			return err
		},
	}
}

func (a *app) statePushCommand() *cli.Command {
	var wait time.Duration
	var force bool
	return &cli.Command{
		Name:        "push",
		Usage:       "make a revision from a file the current one",
		UsageText:   "mailrelay [-chdir=DIR] state push [flags] FILE",
		Description: "Puts what FILE (- is the standard input) says on top of the chain, as a new\nrevision: relays run from it at once, and the next plan compares with it. Refuses\na file of another lineage, or one that is older than what is there, unless -force\nis given.\n\nExample:\n\n  mailrelay state push state.json",
		Flags:       a.stateFlags(lockFlag(&wait), &cli.BoolFlag{Name: "force", Usage: "also if it is older, or of another lineage", Destination: &force}),
		Action: func(ctx context.Context, c *cli.Command) error {
			a.begin()
			if c.NArg() != 1 {
				return errors.New("state push takes one file, as mailrelay state pull prints it")
			}
			r, err := a.pushed(c.Args().First())
			if err != nil {
				return err
			}
			store, err := a.statusStore()
			if err != nil {
				return err
			}
			return a.amend(ctx, store, "state push", wait, func(cur *revision.Revision) (*revision.Revision, error) {
				switch {
				case cur == nil || force:
				case cur.Lineage != r.Lineage:
					return nil, errors.New("the file is of another lineage: it was made from another state. Look whether this is the right one; -force puts it all the same")
				case r.Serial < cur.Serial:
					return nil, fmt.Errorf("the file is revision %d, and revision %d is current: somebody has applied since. -force puts it all the same", r.Serial, cur.Serial)
				case r.Serial == cur.Serial && r.Hash == cur.Hash:
					a.ui.Progress("The file is the current revision. Nothing was changed.")
					return nil, nil
				}
				return r, nil
			})
		},
	}
}

// pushed reads a revision that may have been edited since it was pulled.
func (a *app) pushed(file string) (*revision.Revision, error) {
	var raw []byte
	var err error
	if file == "-" {
		raw, err = io.ReadAll(a.ui.In)
	} else {
		raw, err = a.world.readFile(file)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the revision: %w", err)
	}
	r := new(revision.Revision)
	d := json.NewDecoder(bytes.NewReader(raw))
	err = d.Decode(r)
	switch {
	case err == nil && r.Format > revision.Format:
		return nil, r.Check()
	case err != nil || r.Lineage == "" || r.Serial == 0:
		return nil, fmt.Errorf("%s is not a revision as mailrelay state pull prints it", file)
	}
	if was := r.Hash; r.Check() != nil {
		r.Seal()
		if was == r.Hash {
			return nil, r.Check()
		}
		a.ui.Progress("The file was edited since it was pulled.")
	}
	return r, nil
}

func (a *app) stateMigrateCommand() *cli.Command {
	var wait time.Duration
	var to string
	return &cli.Command{
		Name:        "migrate",
		Usage:       "copy the state elsewhere, or upgrade its tables",
		UsageText:   "mailrelay [-chdir=DIR] state migrate [flags]",
		Description: "With -to, copies every revision to an empty state, in a directory or in\nPostgreSQL; the old one stays as it is. Afterwards write the new place into the\nconfiguration, or give it as -state, and start the relays with it. Without -to,\nupgrades the tables of a state in PostgreSQL that an older version has made.\n\nExample:\n\n  mailrelay state migrate -state=.mailrelay -to=postgres://mailrelay@db/mail",
		Flags:       a.stateFlags(lockFlag(&wait), &cli.StringFlag{Name: "to", Usage: "copy to `PLACE`: a directory, or postgres://…", Destination: &to}),
		Action: func(ctx context.Context, c *cli.Command) error {
			a.begin()
			if err := noArgs(c); err != nil {
				return err
			}
			from, err := a.statusStore()
			if err != nil {
				return err
			}
			if to == "" {
				return a.upgrade(ctx, from)
			}
			there := *a
			there.state = to
			into, err := there.store(nil)
			if err != nil {
				return err
			}
			if p, ok := into.(*state.Postgres); ok {
				if a.databases == nil {
					a.databases = map[string]*state.Postgres{}
				}
				a.databases[to] = p
			}
			return a.migrate(ctx, from, into, state.Redact(to), wait)
		},
	}
}

// upgrade makes the tables of a state those of this version.
func (a *app) upgrade(ctx context.Context, store state.Store) error {
	p, ok := store.(*state.Postgres)
	if !ok {
		return errors.New("say where to copy the state with -to=PLACE; without it, migrate upgrades the tables of a state in PostgreSQL, and this one is in a directory")
	}
	from, err := p.Upgrade(ctx)
	if err != nil {
		return err
	}
	switch from {
	case 0:
		a.ui.Progress("The tables were made.")
	case p.Format():
		a.ui.Progress("The tables are those of this version. Nothing was changed.")
	default:
		a.ui.Progress("The tables were upgraded from format %d to %d.", from, p.Format())
	}
	return nil
}

// migrate copies every revision of one state into another.
func (a *app) migrate(ctx context.Context, from, into state.Store, place string, wait time.Duration) error {
	if same(from, into) {
		return errors.New("-to is the place where the state is")
	}
	for _, s := range []state.Store{from, into} {
		unlock, err := s.Lock(ctx, a.who("state migrate"), wait)
		if err != nil {
			return err
		}
		defer unlock()
	}
	serials, err := from.Serials(ctx)
	if err != nil {
		return fmt.Errorf("reading the state: %w", err)
	}
	if len(serials) == 0 {
		return errors.New("the state is empty: there is nothing to copy")
	}
	err = into.Fill(ctx, func(yield func(*revision.Revision, error) bool) {
		for _, n := range serials {
			if r, err := from.At(ctx, n); !yield(r, err) || err != nil {
				return
			}
		}
	})
	if errors.Is(err, state.ErrFilled) {
		return fmt.Errorf("nothing was copied: %w in %s. Give an empty place", err, place)
	}
	if err != nil {
		return fmt.Errorf("nothing was copied: %w", err)
	}
	a.ui.Progress("Copied %s to %s. The old state stays as it is; from now on apply and serve with the new one alone.", several(len(serials), "revision"), place)
	return nil
}
