package relay

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/mailrelay/mailrelay/apply/relay/deliver"
	"github.com/mailrelay/mailrelay/apply/relay/spool"
	"github.com/mailrelay/mailrelay/apply/state"
	"github.com/mailrelay/mailrelay/schema/revision"
)

// storeTimeout is how long the store may take to answer: a relay must not hang on
// a database.
const storeTimeout = 10 * time.Second

// takeOver puts r in force. On an error everything is as before.
func (n *node) takeOver(r *revision.Revision) error {
	e, err := n.compile(r)
	if err != nil {
		return err
	}
	old := n.current.Load()
	if old != nil && old.spoolDir(n.o.Dir) != e.spoolDir(n.o.Dir) {
		err = fmt.Errorf("%s: the spool cannot move while the relay runs: stop it when the queue is empty, and start it again", e.relay.Addr())
	}
	first := n.spool == nil
	if err == nil && first {
		err = n.openSpool(e)
	}
	var use, drop func()
	if err == nil {
		if use, drop, err = n.openConsole(n.ctx, e.relay.Admin); err != nil {
			err = fmt.Errorf("%s: %w", e.relay.Addr(), err)
		}
	}
	var write func()
	if err == nil {
		log := e.relay.Log
		if n.o.LogDir != nil && log.Directory != "" {
			log.Directory = n.o.LogDir(log.Directory)
		}
		if write, err = n.journal.Prepare(log, string(r.Hash), r.Serial); err != nil {
			drop()
			err = fmt.Errorf("%s: %w", e.relay.Addr(), err)
		}
	}
	if err == nil {
		// A listener accepts as soon as it is open, so the edition comes first.
		previous := n.current.Swap(e)
		if err = n.listeners.change(n.ctx, places(e.bindings)); err != nil {
			n.current.Store(previous)
			drop()
		}
	}
	if err != nil {
		e.retire()
		if first { // the revision that runs instead may have its queue elsewhere
			err = errors.Join(err, n.closeSpool())
		}
		return err
	}
	use()
	write()
	n.validator.Trust(e.trusted)
	n.runner.Use(e.policy, e.relay)
	if old != nil {
		old.retire()
	}
	if err := n.keepRevision(r); err != nil {
		n.o.Log.Warn("the revision could not be kept for a start without the store", "error", err)
	}
	n.o.Log.Info("a revision is in force", "revision", r.Hash.Short(), "serial", r.Serial, "relay", e.relay.Addr().String(), "listeners", n.listeners.names())
	return nil
}

// openSpool opens the queue and makes what delivers from it.
func (n *node) openSpool(e *edition) (err error) {
	dir := e.spoolDir(n.o.Dir)
	if n.o.Spool.FS == nil {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return fmt.Errorf("spool: %w", err)
		}
	}
	if n.spool, err = spool.Open(dir, n.o.Spool); err != nil {
		return err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.runner = deliver.New(deliver.Options{
		Spool: deliver.Disk(n.spool), Dial: n.o.Dial, Resolver: n.o.Resolver, Validator: n.validator,
		Roots: n.o.Roots, ReadFile: n.o.ReadFile, Secret: n.o.Secret, Clock: n.o.Clock, Log: n.o.Log, Journal: n.journal, Sign: n.sign,
		Delivered: n.o.Delivered, Grace: n.o.Grace,
	})
	n.reader.use(n.spool)
	return nil
}

// closeSpool undoes openSpool. No message has come in yet.
func (n *node) closeSpool() error {
	if n.spool == nil {
		return nil
	}
	n.reader.use(nil)
	err := n.spool.Close()
	n.spool = nil
	n.mu.Lock()
	defer n.mu.Unlock()
	n.runner = nil
	return err
}

// ask gives the newest revision in the store that is meant for this node; nil if
// there is none.
func (n *node) ask(ctx context.Context) (*revision.Revision, error) {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	r, err := n.o.Store.Current(ctx)
	for err == nil && r != nil && !n.meant(r) {
		n.o.Log.Info("a revision goes to other nodes first", "revision", r.Hash.Short(), "serial", r.Serial)
		r, err = n.o.Store.At(ctx, r.Serial-1)
	}
	if errors.Is(err, state.ErrNone) {
		return nil, nil
	}
	return r, err
}

// meant reports whether this node is to run r.
func (n *node) meant(r *revision.Revision) bool {
	if len(r.Rollout) == 0 {
		return true
	}
	c, err := r.InForce()
	if err != nil {
		return false // those that go first say why
	}
	relay, err := pick(c, n.o.Relay)
	return err == nil && r.Meant(relay.Addr(), n.o.Node)
}

// keptFile is where the last revision that ran is kept.
func (n *node) keptFile() string {
	return filepath.Join(n.o.Dir, "relay", url.PathEscape("running-"+n.o.Relay)+".json")
}

func (n *node) keepRevision(r *revision.Revision) error {
	raw, err := json.Marshal(r)
	if err != nil {
		return err
	}
	return replace(n.keptFile(), raw)
}

// kept reads the last revision that ran; nil if there is none.
func (n *node) kept() (*revision.Revision, error) {
	raw, err := os.ReadFile(n.keptFile())
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("the last revision that ran: %w", err)
	}
	r := new(revision.Revision)
	if err := json.Unmarshal(raw, r); err != nil {
		return nil, fmt.Errorf("the last revision that ran (%s): %w", n.keptFile(), err)
	}
	return r, r.Check()
}
