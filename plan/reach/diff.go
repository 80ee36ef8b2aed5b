// Package reach finds the difference of what two configurations let through: over
// every listener, client address, TLS or not, principal, sender and recipient, at
// one time. It is exact, not sampled: the rules of both configurations cut all mail
// into classes within which nothing can differ, and schema/decide, which alone
// knows what a configuration means, is asked about one message of each class.
//
// A Diff is data. Line.String puts one line into words.
package reach

import (
	"fmt"

	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/decide"
)

// Kind says how mail is affected.
type Kind string

// The kinds, in the order in which lines are shown.
const (
	Widened  Kind = "widened"  // refused before, let through after
	Narrowed Kind = "narrowed" // let through before, refused after
	Rerouted Kind = "rerouted" // let through before and after, by another way
	Resized  Kind = "resized"  // let through before and after, up to another size
	Answered Kind = "answered" // refused before and after, but once for good and once for now
)

// Diff is what changes for the mail: the lines, of which no two are about the same
// message and kind. It is empty where nothing changes.
type Diff struct {
	Lines []Line `json:"lines"` // by kind
}

// Line is one change, for all messages of which the client, the sender and the
// recipient are in its sets.
type Line struct {
	Kind  Kind        `json:"kind"`
	Relay schema.Addr `json:"relay,omitzero"` // zero where both configurations have one
	// Listeners are where the client connects: 0.0.0.0:25 or unix:/path. Nil: at
	// every one of the relay. A listener on all addresses stands for those that have
	// none of their own.
	Listeners []string `json:"listeners,omitempty"`
	// Clients are ranges of addresses: 10.2.0.0/16. Nil: whoever is let through
	// before and after (Rerouted). Over a Unix socket it is "this machine".
	Clients    []string    `json:"clients,omitempty"`
	Principals []Principal `json:"principals,omitempty"` // nil: any
	TLS        string      `json:"tls,omitempty"`        // "with" or "without"; empty: both
	Senders    Set         `json:"senders"`
	Recipients Set         `json:"recipients"`
	// Relays: some of the recipients are in no accepted domain, or in one that is for
	// every domain.
	Relays bool    `json:"relays"`
	Before Outcome `json:"before"`
	After  Outcome `json:"after"`
}

// Principal is who a client is.
type Principal struct {
	Name   string   `json:"name"`             // anonymous, authenticated, partner, externally_secured, user:NAME
	Except []string `json:"except,omitempty"` // of authenticated: users for whom it is not so
	// Certificate is the names of which the client's certificate bears one, where
	// that counts; a sole "-" stands for a client without such a certificate.
	Certificate []string `json:"certificate,omitempty"`
}

// Base is what a Set begins with.
type Base string

// The bases. What is accepted is so in the configuration that lets the message
// through (After of what is rerouted, resized or answered).
const (
	Nothing  Base = ""
	Anything Base = "any"
	Foreign  Base = "foreign"  // what is in no accepted domain, or in one that is not verified yet
	Accepted Base = "accepted" // what is in accepted domains
)

// Set is an exact set of senders or recipients: its base with Names, without
// Except. Both hold
//
//	contoso.com           that domain
//	*.contoso.com         that domain and all below
//	*                     everything
//	ann@contoso.com       that address, and ann+anything
//	ann+*@contoso.com     ann+anything alone
//	<>                    the null sender
//	postmaster            postmaster without a domain; where no entry says otherwise, a
//	                      recipient without one is of the default domain
//
//	*%*@contoso.com       what no block lists and has a %, ! or @ before its last @, and so may name another
//	                      domain to a server behind (so *%*@*.contoso.com, *%*@* and ann+*%*@contoso.com)
//
// and the most specific entry counts. Of a domain that either configuration accepts,
// no entry but the last says anything of *%*: that is of Foreign (but in Rerouted, where
// it goes where the rest of its domain does). Where mail is let through, recipients that are
// unknown are not meant even if an entry holds them: nothing lets them through.
type Set struct {
	Base   Base     `json:"base,omitempty"`
	Names  []string `json:"names,omitempty"`
	Except []string `json:"except,omitempty"`
}

// Outcome is what becomes of a message.
type Outcome struct {
	Accepted bool `json:"accepted"`
	// Code and Enhanced are the answer to RCPT TO, or what came before it. Code is 0
	// where the client cannot get so far; Reason says why.
	Code     int    `json:"code,omitempty"`
	Enhanced string `json:"enhanced_code,omitempty"`
	Reason   string `json:"reason,omitempty"`
	MaxSize  int64  `json:"max_size,omitempty"` // of Resized: bytes that the receive connector takes; 0: no limit
	Ways     []Way  `json:"ways,omitempty"`     // of Rerouted: by size, the smallest first
}

// Way is where mail goes.
type Way struct {
	UpTo    int64       `json:"up_to,omitempty"`   // bytes; 0: without a limit
	Via     schema.Addr `json:"via,omitzero"`      // zero: nowhere, it waits in the queue
	Hosts   []string    `json:"hosts,omitempty"`   // smart hosts; nil: the MX of the domain
	Port    uint16      `json:"port,omitempty"`    // of those MX, if it is not 25
	TLS     string      `json:"tls,omitempty"`     // none, opportunistic, required, verified …
	Proof   string      `json:"proof,omitempty"`   // how the next hop proves itself, and we
	Rewrite string      `json:"rewrite,omitempty"` // what RCPT TO becomes: an address, or @ and a domain
	From    string      `json:"from,omitempty"`    // source address and HELO name, where they are set
	LogOn   string      `json:"log_on,omitempty"`  // as whom we log on there

	to schema.Mailbox // what RCPT TO becomes for one message
}

func (o *Outcome) answer(r decide.Reply) {
	if r.Code != 0 {
		o.Code, o.Enhanced = r.Code, fmt.Sprintf("%d.%d.%d", r.Enhanced[0], r.Enhanced[1], r.Enhanced[2])
	}
}
