package decide

import (
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"

	"github.com/mailrelay/mailrelay/schema"
)

// SenderClass is all that a verdict knows of a sender, besides the lists of the
// connector that answers.
type SenderClass uint8

// The classes of senders.
const (
	ForeignSender       SenderClass = iota // in no accepted domain
	OwnSender                              // in an accepted domain that is not authoritative
	AuthoritativeDomain                    // in an authoritative domain
	NullSender
)

// SenderClass is the class of a sender; a null from is <>.
func (p *Policy) SenderClass(from schema.Mailbox) SenderClass {
	switch a := p.accepted(from.Domain); {
	case from.IsNull():
		return NullSender
	case a == nil:
		return ForeignSender
	case a.block.Kind == schema.Authoritative:
		return AuthoritativeDomain
	}
	return OwnSender
}

// RecipientClass is all that the answer to a recipient knows of it, besides the
// lists of the connector that answers. Where it goes is not in it.
type RecipientClass uint8

// The classes of recipients.
const (
	ForeignRecipient RecipientClass = iota // in no accepted domain
	Homeless                               // without a domain, where none is the default one
	Gated                                  // in a domain whose ownership is not proved: as ForeignRecipient for who may relay
	Unknown                                // not listed for an authoritative domain
	Routed                                 // Welcome, but what stands before its @ may name another domain
	Welcome                                // in an accepted domain, and known where that is needed
)

// RecipientClass is the class of a recipient.
func (p *Policy) RecipientClass(to schema.Mailbox) RecipientClass {
	d := p.find(to)
	switch {
	case d.to.Domain == "":
		return Homeless
	case d.domain == nil:
		return ForeignRecipient
	case d.domain.gate != nil:
		return Gated
	}
	if _, ok := p.knows(d, nil); !ok {
		return Unknown
	}
	if d.known == nil && routed(d.to.Local) {
		return Routed
	}
	return Welcome
}

// Home is the recipient with the domain that it is taken for: the default one, if
// it has none.
func (p *Policy) Home(to schema.Mailbox) schema.Mailbox { return p.find(to).to }

// Spaces are the address spaces that p tells apart, some of them several times:
// what is meant for two domains can differ only if one of these holds one of them
// and not the other. Of recipients, Listed tell some apart too.
func (p *Policy) Spaces() iter.Seq[string] {
	return func(yield func(string) bool) {
		trees := []iter.Seq[string]{p.domains.spaces()}
		for _, w := range p.ways {
			trees = append(trees, w.spaces.spaces())
		}
		for _, r := range p.receives {
			trees = append(trees, r.senders.spaces(), r.recipients.spaces())
		}
		for _, t := range trees {
			for s := range t {
				if !yield(s) {
					return
				}
			}
		}
	}
}

// Listed are the recipients that some block lists, in lower case. user+tag is
// user, unless it is listed itself.
func (p *Policy) Listed() iter.Seq[schema.Mailbox] { return maps.Keys(p.recipients) }

// spaces are the spaces of a tree; a nil tree has none.
func (t *tree[V]) spaces() iter.Seq[string] {
	return func(yield func(string) bool) {
		if t == nil || len(t.any) > 0 && !yield("*") {
			return
		}
		for s := range t.exact {
			if !yield(s) {
				return
			}
		}
		for s := range t.below {
			if !yield("*." + s) {
				return
			}
		}
	}
}

// Lack is what a connector has not, and some clients need.
type Lack uint8

// What a connector may lack.
const (
	NoTLS         Lack = 1 << iota // it offers no TLS
	NoLogOn                        // nobody can log on
	LogOnNeedsTLS                  // passwords are taken under TLS alone
	NoCertificate                  // who is not under TLS shows no certificate
)

// Lacks says why no client of r can be as c; 0: one can. What is decided about a
// client that cannot be says nothing.
func (r *Receive) Lacks(c Client) Lack {
	var out Lack
	offers := func(mechanism string) bool { return slices.Contains(r.Block.AuthMechanisms, mechanism) }
	if c.TLS && !offers("tls") {
		out |= NoTLS
	}
	if c.Partner && !c.TLS {
		out |= NoCertificate
	}
	switch {
	case c.User == "":
	case !offers("basic_auth") && !offers("basic_auth_require_tls"):
		out |= NoLogOn
	case offers("basic_auth_require_tls") && !c.TLS:
		out |= LogOnNeedsTLS
	}
	return out
}

// IsPartner reports whether a certificate with this name makes a client a partner:
// its relay verifies certificates, and r has the name.
func (r *Receive) IsPartner(name string) bool {
	return r.verifies && r.partners.contains(strings.ToLower(strings.TrimSuffix(name, ".")))
}

// TakesSender and TakesRecipient report whether a domain is in the lists of r.
func (r *Receive) TakesSender(domain string) bool {
	return r.senders == nil || r.senders.contains(domain)
}

// TakesRecipient is TakesSender for recipients.
func (r *Receive) TakesRecipient(domain string) bool {
	return r.recipients == nil || r.recipients.contains(domain)
}

// Rules are all the rules of r, but for its name and its clients, in a form that
// compares: two connectors with the same rules decide alike, in other words.
func (r *Receive) Rules() string {
	b := r.Block
	return fmt.Sprintf("%v %v %v %v %q %q %t %q %q %t %d %d", r.grants.anonymous, r.grants.authenticated, r.grants.partner, r.grants.secured, fmt.Sprint(r.grants.users),
		b.AuthMechanisms, r.verifies, b.TLSClientNames, listed(b.AllowedSenderDomains)+listed(b.AllowedRecipientDomains), b.RequireTLS, b.MaxMessageSize, b.MaxSessionSize)
}

// listed tells no list from an empty one.
func listed(list []string) string {
	if list == nil {
		return "all"
	}
	return fmt.Sprintf("%q", list)
}

// Secured reports whether every client of r counts as externally secured.
func (r *Receive) Secured() bool { return r.secured }
