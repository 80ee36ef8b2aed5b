package decide

import (
	"fmt"
	"strings"

	"github.com/mailrelay/mailrelay/schema"
)

// accepted is a compiled accepted domain.
type accepted struct {
	block   *schema.Domain
	unknown Reply  // to recipients that are not known
	gate    *Reply // until its ownership is proved, to who may not relay; nil: it is, or need not be
}

// known is what is known of one recipient.
type known struct {
	block     *schema.Recipients
	rewritten schema.Mailbox // zero: as it is; with a domain alone, the local part stays
	deliverTo schema.Addr    // zero: by address space
}

func (p *Policy) compileDomains(c *schema.Config) error {
	p.recipients = map[schema.Mailbox]*known{}
	all := schema.All[*schema.Domain](c)
	kinds := map[string]bool{}
	for _, d := range all {
		if !kinds[d.Kind] && d.Name != "*" {
			kinds[d.Kind] = true
			p.examples = append(p.examples, strings.TrimPrefix(d.Name, "*."))
		}
		a := &accepted{
			block:   d,
			unknown: Reply{550, [3]int{5, 1, 1}, fmt.Sprintf("User unknown: the recipient is not listed for %s", d.Addr())},
		}
		if base, _ := strings.CutPrefix(d.Name, "*."); d.Public() && base != "*" {
			p.public = append(p.public, "stranger."+base)
		}
		if c.Gated[d.Addr()] {
			a.gate = unverified(d)
		}
		p.domains.put(d.Name, a)
		if d.MatchSubdomains && !strings.HasPrefix(d.Name, "*") {
			p.domains.put("*."+d.Name, a)
		}
		if (d.Default || len(all) == 1) && d.Name != "*" {
			p.standard = strings.TrimPrefix(d.Name, "*.")
		}
	}
	for _, r := range schema.All[*schema.Recipients](c) {
		if schema.At[*schema.Domain](c, r.Domain) == nil {
			return fmt.Errorf("%s: there is no %s", r.Addr(), r.Domain)
		}
		if err := p.compileRecipients(r); err != nil {
			return fmt.Errorf("%s: %w", r.Addr(), err)
		}
	}
	return nil
}

func (p *Policy) compileRecipients(r *schema.Recipients) error {
	targets := make(map[schema.Mailbox]schema.Mailbox, len(r.Targets))
	for address, target := range r.Targets {
		from, err := schema.ParseMailbox(address)
		if err != nil {
			return err
		}
		if targets[fold(from)], err = schema.ParseMailbox(target); err != nil {
			return err
		}
	}
	for _, address := range r.Addresses {
		m, err := schema.ParseMailbox(address)
		if err != nil {
			return err
		}
		k := &known{block: r, deliverTo: r.DeliverTo, rewritten: schema.Mailbox{Domain: r.RewriteDomain}}
		if target, ok := targets[fold(m)]; ok {
			k.rewritten = target
		}
		p.recipients[fold(m)] = k
	}
	return nil
}

// fold is the form in which addresses compare: local parts without case.
func fold(m schema.Mailbox) schema.Mailbox {
	return schema.Mailbox{Local: strings.ToLower(m.Local), Domain: m.Domain}
}

// accepted gives the accepted domain of a name: itself, the nearest above that
// takes its subdomains, or "*". It is nil where there is none.
func (p *Policy) accepted(domain string) *accepted {
	a, _ := p.domains.find(domain, func(*accepted) bool { return true })
	return a
}

// Accepted is the domain block by which mail for a domain is accepted; nil: none.
func (p *Policy) Accepted(domain string) *schema.Domain {
	if a := p.accepted(domain); a != nil {
		return a.block
	}
	return nil
}

// destination is a recipient with what the policy knows of it.
type destination struct {
	to     schema.Mailbox
	domain *accepted // nil: not an accepted domain
	known  *known    // nil: not listed, or of a domain that has no known recipients
}

// find looks a recipient up, once for all rules; user+tag is user. A recipient
// without a domain gets the default one.
func (p *Policy) find(to schema.Mailbox) destination {
	if to.Domain == "" && to.Local != "" {
		to.Domain = p.standard
	}
	d := destination{to: to, domain: p.accepted(to.Domain)}
	if d.domain == nil || d.domain.gate != nil || d.domain.block.Kind == schema.ExternalRelay {
		return d // until its ownership is proved, a domain has the way that it had
	}
	m := fold(to)
	if d.known = p.recipients[m]; d.known != nil {
		return d
	}
	if user, _, tagged := strings.Cut(m.Local, "+"); tagged && user != "" {
		d.known = p.recipients[schema.Mailbox{Local: user, Domain: m.Domain}]
	}
	return d
}

// address is what RCPT TO bears at the next hop, for mail to the recipient to. A
// rewritten domain keeps the case and the +tag of the local part.
func (k *known) address(to schema.Mailbox) schema.Mailbox {
	switch {
	case k.rewritten.IsNull():
		return to
	case k.rewritten.Local == "":
		return schema.Mailbox{Local: to.Local, Domain: k.rewritten.Domain}
	}
	return k.rewritten
}
