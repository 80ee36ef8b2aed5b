// Package relay is the SMTP server: it takes mail in as the revision in force
// allows, stores it in the spool before it answers 250, and has it delivered.
//
// # The way of a connection
//
// A listener's accept loop knows the local and the remote address. By them it asks
// decide.Policy which receive connector is meant, refuses before the banner where
// none is, and counts the connection against the connector's limits. Then the
// connection goes to the go-smtp server of that connector, wrapped as a conn,
// which does what go-smtp leaves out: deadlines for each read, limits on command
// lines, answers written together, and STARTTLS (see conn). Who may do what is
// decided by decide.Policy alone.
//
// Where a connector has proxy_protocol, who connects from there begins with a PROXY
// header, and is the client that it names; so it is for connectors, limits, logs and
// the Received field alike. Certificates and lists of users are read again when their
// files change (see fresh).
//
// A message that has passed this relay four times is refused: we know our own Received
// fields by our hostname, and never take them out of a message.
//
// # Changing the revision
//
// Run watches the store. A new revision is loaded whole (policy, certificate,
// listeners) before anything of the old one goes; if that fails the old one stays
// in force, and the node reports which revision it refused and why. Listeners that
// both revisions have are kept, and so are sessions: each MAIL command takes the
// newest policy. The last revision that ran is kept in the state directory, so
// that a relay starts with nothing but its own disk.
//
// # Its end
//
// When the context ends no session begins; those that are idle are told 421, those
// in the middle of a message may finish it within a limit, and what is stored and
// not delivered stays in the spool. When the disk fails under the spool, Run ends
// with that error at once: nothing more can be taken safely.
package relay

import (
	"context"
	"crypto/x509"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"time"

	"github.com/mailrelay/mailrelay/apply/relay/deliver"
	"github.com/mailrelay/mailrelay/apply/relay/spool"
	"github.com/mailrelay/mailrelay/apply/state"
	"github.com/mailrelay/mailrelay/schema"
)

// Options is the world of a relay. Store and Dir are required.
type Options struct {
	Store state.Store
	Dir   string // the state directory: spool, certificate and the last revision
	Relay string // name of the relay block; empty if a configuration has one
	Node  string // what the node is called; empty: its machine, and Relay if given

	// Listen opens a listener; nil is net.ListenConfig. network is tcp4, tcp6 or
	// unix. The addresses of the connections it gives are those that count. Its error
	// may be ErrCovered.
	Listen   func(ctx context.Context, network, address string) (net.Listener, error)
	Dial     func(ctx context.Context, network, address string) (net.Conn, error) // nil: deliver.Dial
	Resolver deliver.Resolver                                                     // nil: the system's
	// Resolvers gives the addresses of the system's resolvers, of which those on this
	// machine are believed about DNSSEC. Nil: /etc/resolv.conf.
	Resolvers func() ([]string, error)
	Roots     *x509.CertPool                      // nil: the system's
	ReadFile  func(name string) ([]byte, error)   // nil: os.ReadFile
	Secret    func(schema.Secret) ([]byte, error) // nil: a revision with secrets fails to load
	// LogDir gives the directory that is meant by that of a log block; nil: itself.
	LogDir func(string) string
	Spool  spool.Options    // Log and Clock are set by Run
	Clock  func() time.Time // nil: time.Now. Timers are the runtime's
	Log    *slog.Logger     // nil: none
	Events io.Writer        // journal events where no log directory is set; nil: nowhere

	// Supervise, if not nil, is told what the relay does, with a sentence for people or
	// nothing. It must not wait. See Phase.
	Supervise func(Phase, string)
	// Delivered is called for each recipient that a next hop has taken; it must not
	// wait. Nil: not called.
	Delivered func(deliver.Event)
	// Every is how often the node reports. 0: 5 s.
	Every time.Duration
	// Grace is how long sessions, and after them deliveries, may go on when Run
	// ends. 0: 20 s.
	Grace time.Duration
}

// ErrCovered is the error of Options.Listen for an address whose connections another
// listener of the relay takes.
var ErrCovered = errors.New("another socket takes these connections")

func (o Options) withDefaults() Options {
	if o.Listen == nil {
		o.Listen = new(net.ListenConfig).Listen
	}
	if o.Node == "" {
		o.Node = nodeName(o.Relay)
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
	if o.Every == 0 {
		o.Every = 5 * time.Second
	}
	if o.Grace == 0 {
		o.Grace = 20 * time.Second
	}
	if o.Supervise == nil {
		o.Supervise = func(Phase, string) {}
	}
	o.Spool.Log, o.Spool.Clock = o.Log, o.Clock
	return o
}
