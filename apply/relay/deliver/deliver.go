// Package deliver carries queued messages to their next hops and settles them:
// delivered, tried again later, or returned to the sender.
//
// # The way of a message
//
// A message comes in by Add when it has been stored, or from the spool when Run
// begins. The policy routes each recipient; recipients with the same next hop
// (the connector's smart hosts, or the site of the rewritten address: the set of
// mail exchangers of its domain, which other domains may share) travel together.
// Each next hop has a lane: a queue of deliveries, the connections that
// work it off, and how many of those there may be. That number starts small,
// grows with success and shrinks with failure; max_connections bounds it over all
// next hops of a connector. A connection is kept for further messages, up to
// max_messages_per_connection, and closed when it has been idle for some seconds.
//
// The hosts of a next hop are tried in order of preference, and the addresses of
// each by turns of the families, the next one 250 ms beside those before it (RFC
// 8305). With source_address only its family is tried.
//
// A next hop that cannot be reached, or asks for patience, is left alone for a
// while, and its whole queue waits with it. What the hop said about one recipient
// concerns that recipient alone.
//
// # When it fails
//
// A permanent answer returns the message at once (RFC 3464). A temporary one, and
// every failure of DNS, connection or TLS, is tried again by the relay's
// retry_intervals until expiration; after delay_notification the sender is told
// once. Both moments see one more try. Answers of Exchange Online that mean our
// own configuration or reputation are held: tried again like temporary ones, and
// logged at error level with what to do. A recipient without a route waits until
// there is one.
//
// Small messages go as one chunk to a next hop that offers CHUNKING (RFC 3030), so
// that nothing in them can be taken for their end; the others by DATA.
//
// A next hop that takes no 8-bit content (8BITMIME) gets it converted, unless it is
// signed or encrypted; one that takes no addresses or header fields beyond ASCII
// (SMTPUTF8) gets no message that has them: both are returned at once.
//
// A report is on stable storage before the recipients it is about are taken from
// the message. A crash can therefore deliver or report twice, but never lose.
// What a sender asks of reports (RFC 3461) goes on to a next hop that offers DSN;
// of one that does not, its wish to hear of success is answered with "relayed".
// NOTIFY decides which reports there are, ENVID and ORCPT stand in them, and RET
// says what they bear of the message.
// A message from <> is never answered: the postmaster of the default domain gets
// what cannot be delivered, and if that fails too it is dropped and logged.
//
// # By hand
//
// An administrator lists the queue, and tries, holds, releases, returns or drops
// what a Filter selects. A message that is held is neither tried nor returned,
// however old it gets; released, it has at least one more try. Returning and
// dropping concern the recipients that are selected and leave the others. What is
// being tried meanwhile is dealt with when its try has ended, as far as it is left.
//
// # Protection
//
// With verify = "mta_sts" the policy that a domain publishes (RFC 8461) is what
// counts: where it is enforced, nothing goes out but under TLS, to a host that the
// policy names and whose certificate proves it; without one, mode alone counts.
//
// With verify = "dane" (RFC 7672) every host for which DNSSEC shows TLSA records must
// prove itself by them; for one without them, or in a zone that is not signed, mode
// alone counts. Nothing goes to a host whose records cannot be had, and nothing at
// all while no answer of DNS can be believed: it is held, with the reason.
//
// With tls { mode = "opportunistic" } the connection is protected if the next hop
// can, and the message goes in clear if not. With mode "required", verify
// "certificate" or "domain", or auth, nothing goes out until the connection is what was asked for.
package deliver

import (
	"context"
	"crypto/x509"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/mailrelay/mailrelay/apply/relay/journal"
	"github.com/mailrelay/mailrelay/apply/relay/spool"
	"github.com/mailrelay/mailrelay/schema"
)

// Store is what delivery needs of the queue on disk; Disk makes one of a spool.
// Its methods may be called concurrently.
type Store interface {
	// Put stores a message of our own. It is on stable storage when the error is
	// nil; the envelope comes back with ID, Size and Received.
	Put(env spool.Envelope, content []byte) (spool.Envelope, error)
	// Each calls f for every stored message, the oldest first.
	Each(f func(spool.Envelope) error) error
	// Body reads the content of a message; the caller closes it.
	Body(id string) (io.ReadCloser, error)
	// Update and Remove need not wait for the disk.
	Update(spool.Envelope) error
	Remove(id string) error
}

// Options is the world of a Runner. Only Spool is required.
type Options struct {
	Spool Store

	// Dial connects; Source(ctx) gives it the local address that a connector wants.
	// Nil means Dial.
	Dial      func(ctx context.Context, network, address string) (net.Conn, error)
	Resolver  Resolver          // nil: the system's
	Validator Validator         // for DANE; nil: there is none
	Roots     *x509.CertPool    // nil: the system's; a connector with ca has its own
	HTTP      http.RoundTripper // for MTA-STS policies; nil: by Dial, Resolver and Roots
	ReadFile  func(name string) ([]byte, error)
	Secret    func(schema.Secret) ([]byte, error) // nil: connectors with secrets fail

	Clock func() time.Time // nil: time.Now. Timers are the runtime's
	Log   *slog.Logger     // nil: none
	// Sign gives the fields that are put before a message, "" for none. write writes
	// the content as it is going to be sent; its errors are given back. Nil: none.
	Sign func(env *spool.Envelope, write func(io.Writer) error) (fields string, err error)
	// Journal gets an event for each step, and the conversations. Nil: none, and
	// the log tells of every step.
	Journal *journal.Journal

	// Delivered is called for each recipient that a next hop has taken, from the
	// goroutine of the connection: it must not wait. It may be nil.
	Delivered func(Event)

	// Memory bounds the content of small messages that is kept in memory between
	// Add and delivery, in bytes. What exceeds it is read from the spool. 0: 64 MiB.
	Memory int64
	// Grace is how long Run waits for deliveries in flight once its context has
	// ended. 0: 30 s.
	Grace time.Duration
}

// withDefaults fills in what was left out.
func (o Options) withDefaults() Options {
	if o.Dial == nil {
		o.Dial = Dial
	}
	if o.Resolver == nil {
		o.Resolver = net.DefaultResolver
	}
	if o.ReadFile == nil {
		o.ReadFile = os.ReadFile
	}
	if o.Secret == nil {
		o.Secret = func(schema.Secret) ([]byte, error) { return nil, errNoSecrets }
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.HTTP == nil {
		o.HTTP = web(o) // by what is filled in above
	}
	if o.Memory == 0 {
		o.Memory = 64 << 20
	}
	if o.Grace == 0 {
		o.Grace = 30 * time.Second
	}
	return o
}
