package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/mailrelay/mailrelay/apply/state"
	"github.com/mailrelay/mailrelay/schema"
)

// store opens the state: of -state, or where the configuration c says; c may be
// nil. It is closed when the program ends.
func (a *app) store(c *schema.Config) (state.Store, error) {
	if state.IsPostgres(a.state) {
		return a.postgres(a.state)
	}
	if a.state == "" && c != nil && !c.Settings().StateURL.IsZero() {
		url, err := a.world.secret(a.dir)(c.Settings().StateURL)
		if err != nil {
			return nil, fmt.Errorf("the address of the state in PostgreSQL: %w", err)
		}
		return a.postgres(strings.TrimSpace(string(url)))
	}
	return a.directory(c)
}

// postgres opens the state at an address, once.
func (a *app) postgres(address string) (state.Store, error) {
	if p := a.databases[address]; p != nil {
		return p, nil
	}
	p, err := state.OpenPostgres(address, a.world.clock)
	if err != nil {
		return nil, err
	}
	if a.databases == nil {
		a.databases = map[string]*state.Postgres{}
	}
	a.databases[address] = p
	return p, nil
}

// directory opens the state in a directory.
func (a *app) directory(c *schema.Config) (*state.Dir, error) {
	path := a.state
	switch {
	case path != "":
	case c != nil && c.Settings().StatePath != "":
		path = c.Settings().StatePath
		if !filepath.IsAbs(path) {
			path = filepath.Join(a.dir, path)
		}
	default:
		path = filepath.Join(a.dir, ".mailrelay")
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	return state.OpenDir(abs), nil
}

// close closes what was opened.
func (a *app) close() {
	for _, p := range a.databases {
		p.Close()
	}
}

// statusStore opens the state without reading the configuration if -state says
// where it is.
func (a *app) statusStore() (state.Store, error) {
	if a.state != "" {
		return a.store(nil)
	}
	c, err := a.load()
	if err != nil {
		return nil, err
	}
	return a.store(c)
}

// here is the directory in which a relay on this machine keeps its queue and what
// it runs from: that of the state, or dir where the state is elsewhere. Without
// either it is what systemd gives (StateDirectory=), else .mailrelay.
func (a *app) here(dir string) (*state.Dir, error) {
	if dir == "" && !state.IsPostgres(a.state) {
		return a.directory(nil)
	}
	if dir == "" {
		dir = ".mailrelay"
		if given, ok := a.env("STATE_DIRECTORY"); ok && given != "" {
			dir, _, _ = strings.Cut(given, ":")
		}
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	return state.OpenDir(abs), nil
}

// errElsewhere is for commands that ask the relay on this machine.
var errElsewhere = errors.New("this command asks the relay that runs on this machine: give the directory that it runs in (-dir of mailrelay serve) with -state=DIR")
