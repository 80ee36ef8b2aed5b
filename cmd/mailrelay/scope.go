package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/urfave/cli/v3"

	"github.com/mailrelay/mailrelay/apply/state"
	"github.com/mailrelay/mailrelay/plan"
	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/lang"
	"github.com/mailrelay/mailrelay/schema/revision"
)

// scope is what the command line says about how much to plan.
type scope struct{ plan.Scope }

// scopeFlags are those of plan and of an apply that plans by itself.
func (a *app) scopeFlags() []cli.Flag {
	return []cli.Flag{
		&cli.GenericFlag{Name: "target", Usage: "plan `ADDRESS` and what it needs alone; may stand several times", Value: targets{&a.scope.Targets}},
		&cli.BoolFlag{Name: "refresh-only", Usage: "record what is in the world, and write nothing", Destination: &a.scope.RefreshOnly},
		&cli.GenericFlag{Name: "revision", Usage: "plan the way back to revision `N`, see mailrelay history", Value: number[uint64]{&a.scope.Back, 1, "7; mailrelay history lists those there are"}},
	}
}

var errScopedFile = errors.New("-target, -refresh-only and -revision are for planning, and a plan file carries what was planned: give them to mailrelay plan, and apply its file without them")

func (s scope) given() bool { return s.Targets != nil || s.RefreshOnly || s.Back != 0 }

// check refuses what cannot be planned together.
func (s scope) check(state string) error {
	switch {
	case s.Back != 0 && s.RefreshOnly:
		return errors.New("-revision writes what an earlier revision had, and -refresh-only writes nothing: give one of the two")
	case state == "none" && s.Back != 0:
		return errors.New("-revision takes an earlier revision from the state, and -state=none leaves that out: give one of the two")
	case state == "none" && s.RefreshOnly:
		return errors.New("-refresh-only compares with the state, and -state=none leaves that out: give one of the two")
	}
	return nil
}

// loadFor reads the configuration that is planned: that of the directory or, on
// the way back, what an earlier revision asked for, with the settings of the
// directory.
func (a *app) loadFor(ctx context.Context, s scope) (*schema.Config, error) {
	if s.Back == 0 {
		return a.load()
	}
	here, diags := lang.Load(a.dir, a.options())
	if diags.HasErrors() && a.state == "" {
		a.ui.Diagnostics(here.Sources, diags)
		return nil, errors.New("the configuration, which says where the state is, cannot be read: mend it, or give -state=DIR")
	}
	store, err := a.store(here)
	if err != nil {
		return nil, err
	}
	r, err := past(ctx, store, s.Back)
	if err != nil {
		return nil, fmt.Errorf("the way back: %w: mailrelay history lists those there are", err)
	}
	c, err := revision.Config(r.Target)
	if err != nil {
		return nil, fmt.Errorf("reading revision %d: %w", s.Back, err)
	}
	var blocks []schema.Block
	for _, b := range c.Blocks {
		if b.Addr().Type != "mailrelay" {
			blocks = append(blocks, b)
		}
	}
	for _, b := range schema.All[*schema.Settings](here) {
		blocks = append(blocks, b)
	}
	return schema.NewConfig(blocks, nil), nil
}

// past gives a revision that is or was current. One beyond that was being put when
// a process ended, and never was.
func past(ctx context.Context, store state.Store, serial uint64) (*revision.Revision, error) {
	cur, err := store.Current(ctx)
	switch {
	case err != nil:
		return nil, fmt.Errorf("reading the state: %w", err)
	case cur == nil || serial > cur.Serial:
		return nil, fmt.Errorf("revision %d: %w", serial, state.ErrNone)
	}
	return store.At(ctx, serial)
}

// targets is the flag -target.
type targets struct{ into *[]schema.Addr }

// Set implements flag.Value.
func (t targets) Set(text string) error {
	a, err := schema.ParseAddr(text)
	if err != nil {
		return err
	}
	if a.IsZero() {
		return errors.New("-target needs an address: type.name or type.name[\"key\"]")
	}
	*t.into = append(*t.into, a)
	return nil
}

// String implements flag.Value. There is no default.
func (t targets) String() string { return "" }

// Get implements flag.Getter.
func (t targets) Get() any { return t.into }
