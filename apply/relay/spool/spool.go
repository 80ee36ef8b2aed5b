// Package spool is the queue on disk. A message that Commit has returned nil for
// is on stable storage (RFC 5321, 6.1), and stays until every recipient is
// settled.
package spool

import (
	"time"

	"github.com/mailrelay/mailrelay/schema"
)

// Envelope is what travels with a message.
type Envelope struct {
	ID        string         `json:"id"` // queue id, unique and sorted by time
	From      schema.Mailbox `json:"from"`
	Rcpts     []Rcpt         `json:"rcpts"` // those not settled yet
	Size      int64          `json:"size"`  // bytes of the content
	Received  time.Time      `json:"received"`
	Connector schema.Addr    `json:"connector"` // by which it entered; zero for our own bounces
	Client    string         `json:"client"`    // address of the client
	UTF8      bool           `json:"utf8,omitempty"`
	EightBit  bool           `json:"eight_bit,omitempty"`
	Tries     int            `json:"tries"`
	Next      time.Time      `json:"next"` // when delivery is due
	Delayed   bool           `json:"delayed,omitempty"`
	LastError string         `json:"last_error,omitempty"`
}

// Rcpt is one recipient.
type Rcpt struct {
	To        schema.Mailbox `json:"to"`                   // as the client gave it
	LastError string         `json:"last_error,omitempty"` // the last answer
}
