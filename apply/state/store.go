// Package state keeps revisions, and what relay nodes report.
package state

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/mailrelay/mailrelay/schema/revision"
)

// Store is where revisions live: in a directory (Dir), or in PostgreSQL
// (Postgres). All methods may be called at the same time from
// several processes.
type Store interface {
	// Current gives the newest revision, nil if there is none.
	Current(ctx context.Context) (*revision.Revision, error)
	// At gives the revision with that serial, ErrNone if there is none.
	At(ctx context.Context, serial uint64) (*revision.Revision, error)
	// Serials lists the revisions there are, ascending. Old ones may have been deleted.
	Serials(ctx context.Context) ([]uint64, error)
	// Put makes r current. It is ErrStale unless the current revision is r's parent.
	Put(ctx context.Context, r *revision.Revision) error
	// Fill puts a chain of revisions, oldest first, into a store that has none, and
	// all of it or nothing. It is ErrFilled if there are some.
	Fill(ctx context.Context, chain iter.Seq2[*revision.Revision, error]) error
	// Lock excludes other applies until unlock is called or the process ends. It
	// waits up to timeout and then gives *LockedError.
	Lock(ctx context.Context, who Info, timeout time.Duration) (unlock func() error, err error)
	// Holder says who has the lock, as far as it is known; nil: nobody.
	Holder(ctx context.Context) (*Info, error)
	// Watch sends the hash of the current revision, now and whenever it changes,
	// until ctx ends, and closes the channel then.
	Watch(ctx context.Context) (<-chan revision.Hash, error)
	// Report records what a node says of itself, in place of what it said before.
	Report(ctx context.Context, n Node) error
	// Nodes lists the last reports, sorted by name.
	Nodes(ctx context.Context) ([]Node, error)
	// Forget removes the report of a node, until it speaks again. It is ErrNoNode if
	// there is none.
	Forget(ctx context.Context, node string) error
}

// Errors of a Store.
var (
	ErrStale  = errors.New("another revision has been applied in the meantime")
	ErrNone   = errors.New("there is no such revision")
	ErrFilled = errors.New("there are revisions already")
	ErrNoNode = errors.New("it has not reported")
)

// Info says who holds a lock.
type Info struct {
	Who       string    `json:"who"` // user@host
	PID       int       `json:"pid"`
	Operation string    `json:"operation"` // "apply"
	Since     time.Time `json:"since"`
}

// LockedError says who holds the lock.
type LockedError struct{ Holder Info }

func (e *LockedError) Error() string {
	return "the state is locked by " + e.Who() + "; wait for it, with -lock-timeout=5m for example"
}

// Who names the holder, as far as it is known.
func (e *LockedError) Who() string {
	if e.Holder.Who == "" {
		return "another process"
	}
	return fmt.Sprintf("%s (process %d, %s, since %s)", e.Holder.Who, e.Holder.PID, e.Holder.Operation, e.Holder.Since.UTC().Format(time.RFC3339))
}

// Stale is the age, in time, at which a report no longer says that a node lives.
const Stale = 15 * time.Second

// Node is what a relay node says of itself, every five seconds and at each
// change.
type Node struct {
	Name      string        `json:"name"` // host name, and the relay if it was told which one to be
	Relay     string        `json:"relay"`
	PID       int           `json:"pid"`
	Revision  revision.Hash `json:"revision"` // what it runs
	Serial    uint64        `json:"serial"`
	Since     time.Time     `json:"since"` // when it began to run that
	Listeners []string      `json:"listeners"`
	Queue     int           `json:"queue"` // messages
	Oldest    time.Time     `json:"oldest,omitzero"`
	Queued    []Queued      `json:"queued,omitempty"`  // the domains with the most messages
	Refused   revision.Hash `json:"refused,omitempty"` // the revision that failed to load
	LastError string        `json:"last_error,omitempty"`
	// Alarms counts what could not be handed on, since it was started, for a reason
	// that an administrator must mend.
	Alarms uint64 `json:"alarms,omitempty"`
	// LastErrorAt is when that was; zero: it still holds.
	LastErrorAt time.Time `json:"last_error_at,omitzero"`
	At          time.Time `json:"at"`                // when it said so
	Stopped     bool      `json:"stopped,omitempty"` // it said goodbye
}

// Queued is how many messages wait for recipients of a domain.
type Queued struct {
	Domain   string `json:"domain"`
	Messages int    `json:"messages"`
}

// Live reports whether the node spoke lately.
func (n Node) Live(now time.Time) bool { return !n.Stopped && now.Sub(n.At) < Stale }
