package main

import (
	"context"

	"github.com/mailrelay/mailrelay/apply/state"
	"github.com/mailrelay/mailrelay/schema/revision"
)

// early is the state, read while the configuration is evaluated. That may say that
// the state is elsewhere: what was read is then of no use.
type early struct {
	from state.Store // nil: nothing is read
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
	e := &early{from: store, done: make(chan struct{})}
	go func() {
		defer close(e.done)
		e.base, e.err = store.Current(ctx)
	}()
	return e
}

// current is the current revision of the store.
func (e *early) current(ctx context.Context, store state.Store) (*revision.Revision, error) {
	if e.from == nil || !same(e.from, store) {
		return store.Current(ctx)
	}
	<-e.done
	return e.base, e.err
}

// same reports whether two stores are one.
func same(a, b state.Store) bool {
	x, ok := a.(*state.Dir)
	y, is := b.(*state.Dir)
	return a == b || ok && is && x.Path() == y.Path()
}
