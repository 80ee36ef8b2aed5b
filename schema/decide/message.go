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
// says everything about a message.
func (p *Policy) Recipient(c Client, from, to schema.Mailbox) Verdict {
	return p.judge(&c, from, to, nil)
}

// Explain is Recipient with its reasons, in the order in which they were found.
func (p *Policy) Explain(c Client, from, to schema.Mailbox) (Verdict, []Because) {
	t := &trace{}
	v := p.judge(&c, from, to, t)
	return v, t.reasons
}

func (p *Policy) sender(c *Client, from schema.Mailbox, t *trace) (Verdict, Right) {
	cl, ok := p.claim(c)
	if !ok {
		t.add(nil, "no receive connector listens there for %s: nobody is meant by default", c.Remote)
		return Verdict{Reply: nobody()}, 0
	}
	r := cl.receive
	v := Verdict{Reply: sender250(), Connector: r}
	if t != nil {
		t.add(cl.block, "%s is the most specific range that holds %s, so %s answers", schema.FormatRange(cl.rng), c.Remote, r.Block.Addr())
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

func (p *Policy) judge(c *Client, from, to schema.Mailbox, t *trace) Verdict {
	v, rights := p.sender(c, from, t)
	if !v.OK() {
		return v
	}
	r := v.Connector
	to = p.settle(to)
	a := p.accepted(to.Domain)
	switch {
	case r.recipients != nil && !r.recipients.contains(to.Domain):
		t.add(r.Block, "%s is not among allowed_recipient_domains", to.Domain)
		v.Reply = r.replies.notLimitRecipient
		return v
	case a == nil && rights&AnyRecipient == 0:
		t.add(r.Block, "%s is not an accepted domain, and the client has no accept_any_recipient", to.Domain)
		v.Reply = r.replies.noRelay
		return v
	case a == nil && from.IsNull() && r.senders != nil:
		t.add(r.Block, "allowed_sender_domains narrows the right to relay, and the null sender has no domain")
		v.Reply = r.replies.notLimitSender
		return v
	case a == nil:
		t.add(r.Block, "accept_any_recipient lets the client reach %s, which is not an accepted domain", to.Domain)
	default:
		t.add(a.block, "%s is an accepted domain (%s)", to.Domain, a.block.Kind)
		if reply, ok := p.knows(a, to, t); !ok {
			v.Reply = reply
			return v
		}
	}
	v.Reply = accepted250()
	v.Route, v.Rewritten = p.route(c.Relay, to, 0, t)
	return v
}

// knows reports whether a recipient of an accepted domain is known, or need not
// be. Postmaster of the default domain always is (RFC 5321, 4.5.1).
func (p *Policy) knows(a *accepted, to schema.Mailbox, t *trace) (Reply, bool) {
	if a.block.Kind != schema.Authoritative {
		return Reply{}, true
	}
	k, ok := p.known(to)
	switch {
	case ok:
		t.add(k.block, "it lists %s", to)
	case to.Domain == p.standard && strings.EqualFold(to.Local, "postmaster"):
		t.add(nil, "postmaster of the default domain is always known")
	default:
		t.add(a.block, "no recipients block lists %s, and an authoritative domain refuses whom it does not know", to)
		return a.unknown, false
	}
	return Reply{}, true
}
