// Package mailtest is tests of a configuration: messages that somebody might send,
// with what the configuration is to make of each. A test asks package decide, as
// the relay does for every recipient, so what passes here is what will run. It
// needs no network, no state and no relay.
//
// Tests stand in *.mailtest.hcl beside the configuration, and package lang reads
// them:
//
//	test "printer_reaches_the_world" {
//	  client = "10.20.0.9"
//	  from   = "mfp3@contoso.com"
//	  to     = "someone@fabrikam.com"
//	  accept = true
//	  via    = send_connector.internet
//	}
//
// Body describes what may stand in one. New makes a Test of its value, Check finds
// what has no meaning in it, Settle fills in from the configuration what it leaves
// open, and Run gives the Result. A Report is all results of a run as one
// model, which is written as text, JSON or JUnit XML.
package mailtest

import (
	"net/netip"
	"time"

	"github.com/hashicorp/hcl/v2"

	"github.com/mailrelay/mailrelay/schema"
)

// Test is one message and what is expected of it.
type Test struct {
	Addr schema.Addr // test.NAME, or test.NAME["key"] under for_each
	Decl hcl.Range

	Relay       schema.Addr // the relay spoken to; Settle finds it if zero
	Binding     string      // where the client connects, as in a receive connector; Settle finds it if empty
	Client      netip.Addr  // invalid on a Unix socket alone
	HELO        string      // no rule of the language looks at it so far
	TLS         *bool       // nil: in clear, unless there is a certificate
	Certificate []string    // the names in the verified certificate of the client; nil: it shows none
	User        string      // the name it logged on with; empty without
	From        schema.Mailbox
	To          schema.Mailbox
	Size        int64     // bytes; zero: too small to matter
	At          time.Time // zero: when the test is run

	Want Want
}

// Want is what a test asserts. What is zero is not asserted.
type Want struct {
	Accept      *bool
	Code        int
	Via         schema.Addr    // the send connector
	NextHop     string         // as decide.Route.NextHop gives it
	RewrittenTo schema.Mailbox // the address in RCPT TO at the next hop
	Connector   schema.Addr    // the receive connector
}

// secure reports whether the client speaks under TLS.
func (t *Test) secure() bool {
	if t.TLS != nil {
		return *t.TLS
	}
	return t.Certificate != nil
}
