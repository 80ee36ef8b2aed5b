// Package decide is what a configuration means for one message: may it enter,
// where does it go, and why. It is the only code that knows. A Policy is pure and
// immutable; every session of a relay shares it.
package decide

import (
	"net/netip"
	"time"

	"github.com/mailrelay/mailrelay/schema"
)

// Client is who speaks to a relay.
type Client struct {
	Relay   schema.Addr    // the relay spoken to; zero if the configuration has one
	Local   netip.AddrPort // the listener's side of the connection
	Unix    string         // the socket's path, instead of Local
	Remote  netip.Addr
	TLS     bool
	User    string   // the name it logged on with, empty without
	Partner bool     // a verified client certificate was shown
	Names   []string // the names in that certificate
	At      time.Time
}

// Because is one reason of a verdict, in the order in which they were found.
type Because struct {
	Addr schema.Addr // the block that decided; zero for a rule of mailrelay itself
	Decl string      // file:line of the block
	Text string      // "its most specific range that holds 10.20.0.9 is 10.20.0.0/24"
}

// Reply is an SMTP answer.
type Reply struct {
	Code     int
	Enhanced [3]int
	Text     string
}

// OK reports whether the reply accepts.
func (r Reply) OK() bool { return r.Code >= 200 && r.Code < 300 }

// Verdict is what a policy says about one recipient.
type Verdict struct {
	Reply
	Connector *Receive // nil if nobody is meant
	Route     *Route   // where the message goes; nil if none is known: it waits in the queue
	Rewritten schema.Mailbox
	reasons   []Because
}
