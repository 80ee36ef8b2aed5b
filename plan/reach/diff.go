// Package reach finds the difference of what two configurations let through: over
// every listener, client address, TLS or not, principal, sender and recipient, at
// one time. It is exact, not sampled: the rules of both configurations cut all mail
// into classes within which nothing can differ, and schema/decide, which alone
// knows what a configuration means, is asked about one message of each class.
//
// A Diff is data. Line.String puts one line into words.
package reach

import "github.com/mailrelay/mailrelay/schema"

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
	// Relays: some of the recipients are in no accepted domain.
	Relays bool    `json:"relays"`
	Before Outcome `json:"before"`
	After  Outcome `json:"after"`
}

// Principal is who a client is.
type Principal struct {
	Name   string   `json:"name"`             // anonymous, authenticated, partner, externally_secured, user:NAME
	Except []string `json:"except,omitempty"` // of authenticated: users for whom it is not so
	// Certificate is the names of which the client's certificate bears one, where
	// that counts.
	Certificate []string `json:"certificate,omitempty"`
}

// Base is what a Set begins with.
type Base string

// The bases. What is accepted is what the configuration takes mail for that lets the
// message through: after for what is widened, before for what is narrowed.
const (
	Nothing  Base = ""
	Anything Base = "any"
	Foreign  Base = "foreign"  // what is in no accepted domain
	Accepted Base = "accepted" // accepted domains, without unknown recipients
)

// Set is an exact set of senders or recipients: its base with Names, without
// Except. Both hold contoso.com, *.contoso.com (that domain and all below), * for
// everything, ann@contoso.com, "<>" for the null sender and "postmaster" for an
// address without a domain; the most specific entry counts.
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
	TLS     string      `json:"tls,omitempty"`     // none, opportunistic, required, verified …
	Rewrite string      `json:"rewrite,omitempty"` // what RCPT TO becomes: an address, or a domain
	From    string      `json:"from,omitempty"`    // source address and HELO name, where they are set
	Auth    string      `json:"auth,omitempty"`    // whether and how we log on there
}
