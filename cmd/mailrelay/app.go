package main

import (
	"context"
	"fmt"
	"os"
	"os/user"

	"github.com/urfave/cli/v3"

	"github.com/mailrelay/mailrelay/apply/state"
	"github.com/mailrelay/mailrelay/cmd/mailrelay/internal/ui"
	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/lang"
)

// app is what the commands share.
type app struct {
	ui    *ui.UI
	env   func(string) (string, bool)
	world world
	dir   string // of the configuration

	noColor bool
	given   []lang.Given // values of variables
	state   string
	scope   scope

	databases map[string]*state.Postgres // that were opened, by address
}

// configFlags are those of commands that read the configuration.
func (a *app) configFlags() []cli.Flag {
	return []cli.Flag{
		&cli.GenericFlag{Name: "var", Usage: "set a variable, `NAME=VALUE`", Value: given{into: &a.given}},
		&cli.GenericFlag{Name: "var-file", Usage: "read values of variables from `FILE`", Value: given{into: &a.given, file: true}},
		a.colorFlag(),
	}
}

func (a *app) colorFlag() cli.Flag {
	return &cli.BoolFlag{Name: "no-color", Usage: "no colour", Destination: &a.noColor}
}

func (a *app) stateFlag() cli.Flag {
	return &cli.StringFlag{Name: "state", Usage: "the state is in `DIR`, or in PostgreSQL at postgres://… [what the configuration says, else .mailrelay in it]", Destination: &a.state}
}

// begin is called first by every command, when flags are known.
func (a *app) begin() {
	if a.noColor {
		a.ui.Color, a.ui.ErrColor = false, false
	}
}

// options are what the flags and the environment say about evaluating the
// configuration.
func (a *app) options() lang.Options {
	return lang.Options{Given: a.given, Env: a.env, Version: version}
}

// load reads the configuration and says what is wrong with it.
func (a *app) load() (*schema.Config, error) {
	c, diags := lang.Load(a.dir, a.options())
	a.ui.Diagnostics(c.Sources, diags)
	if diags.HasErrors() {
		return nil, exit{exitError}
	}
	return c, nil
}

// who says who works here, for locks and revisions.
func (a *app) who(operation string) state.Info {
	name := "unknown"
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return state.Info{Who: name + "@" + host, PID: os.Getpid(), Operation: operation, Since: a.world.clock().UTC()}
}

// stop turns the end of ctx into a sentence.
func stop(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return fmt.Errorf("interrupted; the state is valid, and the same command goes on from there (%w)", err)
	}
	return err
}
