// Package decide is what a configuration means for one message: may it enter,
// where does it go, and why. It is the only code that knows; a relay, plan/check,
// plan/reach and the commands all ask it. A Policy is pure and immutable: every
// session of a relay shares it.
package decide

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/mailrelay/mailrelay/schema"
)

// Client is who speaks to a relay.
type Client struct {
	Relay   schema.Addr    // the relay spoken to; zero if the configuration has one
	Local   netip.AddrPort // the listener's side of the connection
	Unix    string         // the socket's path, instead of Local
	Remote  netip.Addr     // invalid on a Unix socket: the machine itself
	Proxy   netip.Addr     // who said by a PROXY header that Remote speaks; invalid: nobody
	TLS     bool
	User    string    // the name it logged on with; empty without
	Partner bool      // a verified client certificate was shown
	Names   []string  // the names in that certificate
	At      time.Time // when, for what expires
}

// Reply is an SMTP answer with its enhanced status code (RFC 3463).
type Reply struct {
	Code     int
	Enhanced [3]int
	Text     string
}

// OK reports whether the reply accepts.
func (r Reply) OK() bool { return r.Code >= 200 && r.Code < 300 }

// Verdict is what a policy says about a sender or a recipient.
type Verdict struct {
	Reply
	Connector *Receive // nil if nobody is meant
	Route     *Route   // the way out; nil if none is known: the message waits in the queue
	Rewritten schema.Mailbox
}

// Policy is a compiled configuration.
type Policy struct {
	entrances map[schema.Addr]*entrance // by relay; the zero Addr holds the connectors of all
	domains   tree[*accepted]
	// recipients are the known ones, folded
	recipients map[schema.Mailbox]*known
	ways       map[schema.Addr]*ways // by relay; the zero Addr holds those of all
	standard   string                // the default domain
	receives   []*Receive            // sorted by address
	examples   []string              // an accepted domain of each type that there is
	public     []string              // a domain of somebody in each accepted one that everybody can own
}

// Compile makes a Policy of a validated configuration. The error names the block
// that has no meaning.
func Compile(c *schema.Config) (*Policy, error) {
	p := &Policy{entrances: map[schema.Addr]*entrance{}, ways: map[schema.Addr]*ways{}}
	if err := p.compileDomains(c); err != nil {
		return nil, err
	}
	relays := []schema.Addr{{}}
	for _, r := range schema.All[*schema.Relay](c) {
		relays = append(relays, r.Addr())
	}
	for _, a := range relays {
		p.entrances[a] = newEntrance(a)
		p.ways[a] = compileWays(c, a)
	}
	for _, block := range schema.All[*schema.ReceiveConnector](c) {
		e, ok := p.entrances[block.Relay]
		if !ok {
			return nil, fmt.Errorf("%s: there is no %s", block.Addr(), block.Relay)
		}
		r := compileReceive(c, block)
		p.receives = append(p.receives, r)
		for _, into := range []*entrance{e, p.entrances[schema.Addr{}]} {
			if err := into.add(c, r); err != nil {
				return nil, err
			}
		}
	}
	return p, nil
}

// Default is the default accepted domain, which postmaster and bounces bear;
// empty where there is none.
func (p *Policy) Default() string { return p.standard }

// Receives are the receive connectors, sorted by address.
func (p *Policy) Receives() []*Receive { return slices.Clone(p.receives) }
