package decide

import (
	"errors"

	"github.com/mailrelay/mailrelay/schema"
)

// Policy is a compiled configuration. It is immutable.
type Policy struct{}

// Receive is a compiled receive connector.
type Receive struct {
	Block *schema.ReceiveConnector
}

// Route is the way out for a recipient.
type Route struct {
	Connector *schema.SendConnector
}

// Compile makes a Policy of a configuration.
func Compile(c *schema.Config) (*Policy, error) { return nil, errors.New("decide: Compile") }

// Receive selects the receive connector for a client by its local address and
// its own: the most specific range wins. It is nil where nobody is meant, and the
// connection is refused before the banner then.
func (p *Policy) Receive(c Client) *Receive { return nil }

// Has reports whether the client has a right at its connector (schema.Rights).
func (p *Policy) Has(c Client, r *Receive, right string) bool { return false }

// Sender is the verdict about MAIL FROM; from is null for <>.
func (p *Policy) Sender(c Client, from schema.Mailbox) Verdict { return Verdict{} }

// Recipient is the verdict about RCPT TO, after MAIL FROM was accepted. It
// includes Sender's.
func (p *Policy) Recipient(c Client, from, to schema.Mailbox) Verdict { return Verdict{} }

// Route gives the way out for a message of size bytes (0: not known yet) to a
// recipient, and the address that RCPT TO bears there. The route is nil where no
// enabled connector that is large enough matches: the message waits in the queue.
func (p *Policy) Route(relay schema.Addr, to schema.Mailbox, size int64) (*Route, schema.Mailbox) {
	return nil, to
}

// Largest is the largest message, in bytes, that any route for the recipient
// would take; 0 where there is no route, and so no limit of a route.
func (p *Policy) Largest(relay schema.Addr, to schema.Mailbox) int64 { return 0 }

// Default is the default accepted domain, for postmaster and bounces; empty
// where there is none.
func (p *Policy) Default() string { return "" }

// Because gives the reasons of the verdict, in the order in which they were found.
func (v Verdict) Because() []Because { return nil }
