// Package journal is what a relay writes about its mail: one event for each step
// of each message, the lines of its conversations in the form of IIS SMTP, and on
// demand the protocol log of Exchange. What the relay says about itself (that it
// started, that a disk failed) is not here but in its log (log/slog, on stderr).
//
// # Events
//
// An event is one line of JSON. It goes to stderr, or to events.json in the
// directory of the relay's log block. The names of its fields are stable: new ones
// may come, none changes its meaning. A field that does not apply is left out; an
// empty "from" is the null sender.
//
//	time        when, RFC 3339, UTC
//	event       the step, see below
//	id          queue id of the message
//	about       queue id of the message that a report of our own is about
//	revision    hash of the revision in force; serial is its number
//	connector   receive connector by which the message entered
//	route       send connector that it takes
//	client      address of the client, or unix: and the path of the socket
//	helo        what the client called itself
//	user        who logged on
//	tls, cipher version and cipher suite of the connection that the event is about
//	verified    name for which the certificate of the next hop was verified
//	from, to    envelope addresses, as the client gave them; to is a list
//	probe       token of the probe that the message, or what it answers, bears;
//	            report: it is a report about another message
//	rewritten   the recipient as the next hop gets it, where that is another
//	size        bytes of the content
//	next_hop    name of the next hop; address is its address and port
//	command     the SMTP command that was refused: CONNECT, AUTH, MAIL, RCPT, DATA
//	code        SMTP code of the answer; status is the enhanced one
//	answer      the answer: ours in refused, else that of the next hop or what
//	            happened instead
//	reason      why it was refused, a word of Reasons
//	held        the fault is our own and an administrator must act; advice says how
//	tries, next number of the tries so far; when the next one is due
//	receive_ms  from MAIL until the content was there, milliseconds
//	sync_ms     until it was on stable storage
//	transfer_ms from MAIL until the next hop's last answer
//	age_ms      since the message was received
//
// The steps:
//
//	connected, disconnected   a client, at a connector whose protocol_logging is
//	                          verbose
//	refused     a connection, a log-on, a sender, a recipient or a content
//	received    the content has come in whole
//	queued      it is on stable storage, and the client was told so; or a report of
//	            our own was made
//	delivered   the next hop has taken it for one recipient
//	deferred    it has not, and is asked again; this recipient stays in the queue
//	bounced     it has not, and the sender is told
//	dropped     it has not, and nobody is told: there is nobody, or the sender wants
//	            no report (NOTIFY); or an administrator dropped it
//
// # Files
//
// A file is closed when it would grow larger than max_size, and at the first line
// of a new day (UTC, as IIS did it), so that max_age means what it says. Closed
// files bear the time in their names; those older than max_age and more than
// max_files are deleted.
//
//	events.json  the events (format json)
//	ncsa.log     the conversations as IIS SMTP wrote them (format ncsa)
//	receive.csv, send.csv   the protocol log of connectors that want one
//
// A log that cannot be written never stops mail; the relay's own log says so.
package journal

import (
	"time"

	"github.com/mailrelay/mailrelay/schema"
)

// Step is what happened to a message.
type Step string

// The steps of a message, and of a connection.
const (
	Connected    Step = "connected"
	Disconnected Step = "disconnected"
	Refused      Step = "refused"
	Received     Step = "received"
	Queued       Step = "queued"
	Delivered    Step = "delivered"
	Deferred     Step = "deferred"
	Bounced      Step = "bounced"
	Dropped      Step = "dropped"
)

// Event is one step of one message; the package comment says what its fields mean.
// Whoever records it sets what it knows. Time, Revision and Serial are set by a
// Journal where they are zero.
type Event struct {
	Time       time.Time        `json:"time"`
	Step       Step             `json:"event"`
	ID         string           `json:"id,omitempty"`
	About      string           `json:"about,omitempty"`
	Revision   string           `json:"revision,omitempty"`
	Serial     uint64           `json:"serial,omitempty"`
	Connector  schema.Addr      `json:"connector,omitzero"`
	Route      schema.Addr      `json:"route,omitzero"`
	Client     string           `json:"client,omitempty"`
	Helo       string           `json:"helo,omitempty"`
	User       string           `json:"user,omitempty"`
	TLS        string           `json:"tls,omitempty"`
	Cipher     string           `json:"cipher,omitempty"`
	Verified   string           `json:"verified,omitempty"`
	From       *schema.Mailbox  `json:"from,omitempty"`
	To         []schema.Mailbox `json:"to,omitempty"`
	Probe      string           `json:"probe,omitempty"`
	Report     bool             `json:"report,omitempty"`
	Rewritten  *schema.Mailbox  `json:"rewritten,omitempty"`
	Size       int64            `json:"size,omitempty"`
	NextHop    string           `json:"next_hop,omitempty"`
	Address    string           `json:"address,omitempty"`
	Command    string           `json:"command,omitempty"`
	Code       int              `json:"code,omitempty"`
	Status     string           `json:"status,omitempty"`
	Answer     string           `json:"answer,omitempty"`
	Reason     string           `json:"reason,omitempty"`
	Held       bool             `json:"held,omitempty"`
	Advice     string           `json:"advice,omitempty"`
	Tries      int              `json:"tries,omitempty"`
	Next       time.Time        `json:"next,omitzero"`
	ReceiveMS  float64          `json:"receive_ms,omitempty"`
	SyncMS     float64          `json:"sync_ms,omitempty"`
	TransferMS float64          `json:"transfer_ms,omitempty"`
	AgeMS      float64          `json:"age_ms,omitempty"`
}

// MS is d in milliseconds, to the microsecond, as events have it.
func MS(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// Sink takes events. Record may be called concurrently; it must not wait for
// anything but a local file, and must not keep what the event points to.
type Sink interface {
	Record(Event)
}
