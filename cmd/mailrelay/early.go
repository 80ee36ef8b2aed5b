package main

import (
	"context"

	"github.com/mailrelay/mailrelay/apply/state"
	"github.com/mailrelay/mailrelay/schema/revision"
)

// early is the state, read while the configuration is evaluated. That may say that
// the state is elsewhere: what was read is then of no use.
type early struct {
	path string // empty: nothing is read
	base *revision.Revision
	err  error
	done chan struct{}
}

// readEarly begins to read the state of -state, or where it is if the
// configuration says nothing.
func (a *app) readEarly(ctx context.Context) *early {
	store, err := a.store(nil)
	if err != nil || a.state == "none" {
		return &early{}
	}
	e := &early{path: store.Path(), done: make(chan struct{})}
	go func() {
		defer close(e.done)
		e.base, e.err = store.Current(ctx)
	}()
	return e
}

// current is the current revision of the store.
func (e *early) current(ctx context.Context, store *state.Dir) (*revision.Revision, error) {
	if e.path != store.Path() {
		return store.Current(ctx)
	}
	<-e.done
	return e.base, e.err
}
