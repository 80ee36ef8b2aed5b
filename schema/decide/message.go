package decide

import (
	"strings"

	"github.com/mailrelay/mailrelay/schema"
)

// Sender is the verdict about MAIL FROM; a null from is <>.
func (p *Policy) Sender(c Client, from schema.Mailbox) Verdict {
	v, _ := p.sender(&c, from, nil)
	return v
}

// Recipient is the verdict about RCPT TO. It includes Sender's, so that one call
// says everything about a message but its size.
func (p *Policy) Recipient(c Client, from, to schema.Mailbox) Verdict {
	return p.judge(&c, from, to, 0, nil)
}

// Explain is Recipient with its reasons, in the order in which they were found.
func (p *Policy) Explain(c Client, from, to schema.Mailbox) (Verdict, []Because) {
	return p.ExplainSize(c, from, to, 0)
}

// ExplainSize is Explain for a message of size bytes: it includes the limits of
// the receive connector (Receive.Limit) and of the ways out (Policy.Fits). With
// size 0, not known yet, it is Explain.
func (p *Policy) ExplainSize(c Client, from, to schema.Mailbox, size int64) (Verdict, []Because) {
	t := &trace{}
	v := p.judge(&c, from, to, size, t)
	return v, t.reasons
}

func (p *Policy) sender(c *Client, from schema.Mailbox, t *trace) (Verdict, Right) {
	cl, ok := p.claim(c)
	if !ok {
		t.add(nil, "no receive connector listens there for %s: nobody is meant by default", c.Remote)
		return Verdict{Reply: p.Nobody(*c)}, 0
	}
	r := cl.receive
	v := Verdict{Reply: sender250(), Connector: r}
	t.add(cl.block, "%s is the most specific range that holds %s, so %s answers", cl.rng, c.Remote, r.Block.Addr())
	if t != nil && !c.Proxy.IsValid() && p.Proxied(*c) {
		t.add(r.Block, "%s is in proxy_protocol there, so it must begin with a PROXY header, and is then whoever that names", c.Remote)
	}
	g, principal := r.grantOf(c)
	rights := g.rights()
	refuse := func(reply Reply, format string, args ...any) (Verdict, Right) {
		t.add(r.Block, format, args...)
		v.Reply = reply
		return v, rights
	}
	switch {
	case r.Block.RequireTLS && !c.TLS:
		return refuse(r.replies.needTLS, "require_tls refuses clients without TLS")
	case cl.requireTLS && !c.TLS:
		return refuse(r.replies.needTLSEntry, "the entry of its allowlist has require_tls")
	case rights&Submit == 0:
		return refuse(r.replies.noSubmit, "the client is %s, and has no smtp_submit", principal)
	}
	t.add(r.Block, "the client is %s, and has smtp_submit", principal)
	if from.IsNull() {
		return v, rights
	}
	a := p.accepted(from.Domain)
	switch {
	case r.senders != nil && !r.senders.contains(from.Domain):
		return refuse(r.replies.notLimitSender, "%s is not among allowed_sender_domains", from.Domain)
	case a == nil && rights&AnySender == 0:
		return refuse(r.replies.notAccepted, "%s is not an accepted domain, and the client has no accept_any_sender", from.Domain)
	case a != nil && a.block.Kind == schema.Authoritative && rights&AuthoritativeSender == 0:
		return refuse(r.replies.ownSender, "%s is authoritative, and the client has no accept_authoritative_domain_sender", a.block.Addr())
	}
	return v, rights
}

func (p *Policy) judge(c *Client, from, to schema.Mailbox, size int64, t *trace) Verdict {
	v, rights := p.sender(c, from, t)
	if !v.OK() {
		return v
	}
	r := v.Connector
	if limit := r.limit(rights); limit > 0 && size > limit {
		t.add(r.Block, "it takes up to %s from this client, and the message has %s", bytes(limit), bytes(size))
		v.Reply = r.TooLarge(limit)
		return v
	}
	d := p.find(to)
	to = d.to
	switch {
	case to.Domain == "":
		t.add(nil, "no domain is the default one, so %s without a domain is nobody's address", to)
		v.Reply = noDefault()
		return v
	case r.recipients != nil && !r.recipients.contains(to.Domain):
		t.add(r.Block, "%s is not among allowed_recipient_domains", to.Domain)
		v.Reply = r.replies.notLimitRecipient
		return v
	case d.domain == nil && rights&AnyRecipient == 0:
		t.add(r.Block, "%s is not an accepted domain, and the client has no accept_any_recipient", to.Domain)
		v.Reply = r.replies.noRelay
		return v
	case d.domain == nil && from.IsNull() && r.senders != nil:
		t.add(r.Block, "allowed_sender_domains narrows the right to relay, and the null sender has no domain")
		v.Reply = r.replies.notLimitSender
		return v
	case d.domain == nil:
		t.add(r.Block, "accept_any_recipient lets the client reach %s, which is not an accepted domain", to.Domain)
	default:
		t.add(d.domain.block, "%s is an accepted domain (%s)", to.Domain, d.domain.block.Kind)
		gate := d.domain.gate
		if gate != nil && rights&AnyRecipient != 0 && (!from.IsNull() || r.senders == nil) {
			t.add(r.Block, "accept_any_recipient lets the client reach it while its ownership is not verified, as if it were not there")
			break
		}
		if gate != nil {
			t.add(d.domain.block, "it is new, and its ownership is not verified, so its mail waits with the sender until the proof is seen")
			v.Reply = *gate
			return v
		}
		if reply, ok := p.knows(d, t); !ok {
			v.Reply = reply
			return v
		}
		if rights&AnyRecipient == 0 && d.known == nil && routed(to.Local) {
			t.add(r.Block, "the address names another domain before its @, a server behind may send it there, and the client has no accept_any_recipient")
			v.Reply = r.replies.noRoute
			return v
		}
	}
	w := p.ways[c.Relay]
	if most, ok := w.fit(d, size); !ok {
		t.add(nil, "the ways to %s take up to %s, and the message has %s", to, bytes(most), bytes(size))
		v.Reply = tooLarge(to, most)
		return v
	}
	v.Reply = accepted250()
	v.Route, v.Rewritten = w.route(d, size, t)
	return v
}

// routed reports whether a local part may name another domain to a server behind,
// as user%domain, domain!user or "user@domain": ways of old to relay through two
// servers where each alone refuses.
func routed(local string) bool { return strings.ContainsAny(local, "%!@") }

// knows reports whether a recipient of an accepted domain is known, or need not
// be. Postmaster of the default domain always is (RFC 5321, 4.5.1).
func (p *Policy) knows(d destination, t *trace) (Reply, bool) {
	if d.domain.block.Kind != schema.Authoritative {
		return Reply{}, true
	}
	switch {
	case d.known != nil:
		t.add(d.known.block, "it lists %s", d.to)
	case d.to.Domain == p.standard && strings.EqualFold(d.to.Local, "postmaster"):
		t.add(nil, "postmaster of the default domain is always known")
	default:
		t.add(d.domain.block, "no recipients block lists %s, and an authoritative domain refuses whom it does not know", d.to)
		return d.domain.unknown, false
	}
	return Reply{}, true
}
