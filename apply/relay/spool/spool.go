// Package spool is the queue on disk. A message for which Commit has returned nil
// is on stable storage (RFC 5321, 6.1), and stays until every recipient is
// settled.
//
// A message comes in through a Draft, which streams the content into the store in
// chunks, so that memory does not grow with the size of a message. Small messages
// are one write together with their envelope; of large ones the chunks come first
// and the envelope last, and what has no envelope is swept away at the next start.
//
// The store is Pebble. All writes go through one goroutine, which makes one
// synced write of everything that waits (group commit: nobody waits for a timer,
// and sessions that commit at the same time share one sync).
//
// A write or sync that failed is never tried again: nothing tells what the system
// has kept of it. From then on every method gives the same error, Failed gives it
// too, and Alarm is closed. The only way on is to end the process: what was
// committed before is there at the next start.
//
// What a disk has damaged meanwhile costs what was there and nowhere else. Each
// skips it, and the log says which file it is and when the messages were received
// that cannot be served. A log of the store that is damaged is written anew from
// what can be read of it when the queue is opened, and kept under another name.
package spool

import (
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/mailrelay/mailrelay/schema"
)

// Envelope is what travels with a message.
type Envelope struct {
	ID        string         `json:"id"` // queue id, unique and sorted by time
	From      schema.Mailbox `json:"from"`
	Rcpts     []Rcpt         `json:"rcpts"` // those not settled yet
	Size      int64          `json:"size"`  // bytes of the content
	Received  time.Time      `json:"received"`
	Connector schema.Addr    `json:"connector"`         // by which it entered; zero for our own bounces
	Client    string         `json:"client"`            // address of the client
	Relayed   bool           `json:"relayed,omitempty"` // by a client that may relay (accept_any_recipient)
	UTF8      bool           `json:"utf8,omitempty"`
	EightBit  bool           `json:"eight_bit,omitempty"`
	EnvID     string         `json:"env_id,omitempty"` // of the sender's (RFC 3461, ENVID)
	Return    string         `json:"return,omitempty"` // what a report of failure bears: FULL or HDRS; empty: our choice
	Tries     int            `json:"tries"`
	Next      time.Time      `json:"next"` // when delivery is due
	Delayed   bool           `json:"delayed,omitempty"`
	Held      bool           `json:"held,omitempty"` // by an administrator: not tried until released
	LastError string         `json:"last_error,omitempty"`
}

// Rcpt is one recipient.
type Rcpt struct {
	To        schema.Mailbox `json:"to"` // as the client gave it
	Notify    Notify         `json:"notify,omitempty"`
	Original  string         `json:"original,omitempty"`   // ORCPT with its type, decoded: "rfc822;b@example.com"
	LastError string         `json:"last_error,omitempty"` // the last answer
	Site      string         `json:"site,omitempty"`       // the next hop that was last tried
}

// Notify is when the sender wants to hear of a recipient (RFC 3461, NOTIFY): any
// of the three, or never. The zero Notify leaves it to us.
type Notify uint8

// What a sender may want to hear of.
const (
	NotifyNever Notify = 1 << iota
	NotifySuccess
	NotifyFailure
	NotifyDelay
)

// Errors of a Spool.
var (
	// ErrFull is too little free space for another message (SMTP 452 4.3.1).
	ErrFull = errors.New("the disk of the queue is nearly full")
	// ErrGone is a message that is not in the queue.
	ErrGone = errors.New("the message is not in the queue")
	// ErrClosed is a queue that was closed.
	ErrClosed = errors.New("the queue is closed")
)

// Options of a Spool. The zero value is for use with a real disk.
type Options struct {
	FS    vfs.FS           // nil: the disk
	Log   *slog.Logger     // nil: nothing is logged
	Clock func() time.Time // nil: time.Now
	// MinFree is the free space, in bytes, below which nothing more is taken until an
	// eighth more is free. Zero is 512 MiB, which leaves the store room to work; below zero nothing is checked.
	MinFree int64

	memTable uint64 // bytes; zero: memTable
}

// Spool is an open queue. Its methods may be called at the same time.
type Spool struct {
	dir     string
	db      *pebble.DB
	log     *slog.Logger
	clock   func() time.Time
	failure *failure
	writes  *writer
	ids     ids
	free    space
	buffers sync.Pool // of *[]byte, chunk long

	mu    sync.Mutex
	parts map[string]uint32 // messages stored in chunks, and how many
}

// Failed gives the error after which the store cannot be trusted to have stored
// anything; nil while all is well. It is sticky.
func (s *Spool) Failed() error { return s.failure.get() }

// Alarm is closed when Failed begins to give an error.
func (s *Spool) Alarm() <-chan struct{} { return s.failure.happened }

// Close writes what waits and closes the store. Nothing may be in use any more.
// After a failure, of this last write too, it gives the error and leaves the store
// as it is, for the next start to repair.
func (s *Spool) Close() error {
	s.writes.close()
	if err := s.Failed(); err != nil {
		return err
	}
	closed := make(chan error, 1)
	go func() { closed <- s.db.Close() }() // parked for good where the disk fails
	select {
	case err := <-closed:
		return errors.Join(err, s.Failed())
	case <-s.Alarm():
		return s.Failed()
	}
}
