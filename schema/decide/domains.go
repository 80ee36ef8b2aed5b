package decide

import (
	"fmt"
	"strings"

	"github.com/mailrelay/mailrelay/schema"
)

// accepted is a compiled accepted domain.
type accepted struct {
	block   *schema.Domain
	unknown Reply // to recipients that are not known
}

// known is what is known of one recipient.
type known struct {
	block     *schema.Recipients
	rewritten schema.Mailbox // zero: as it is
	deliverTo schema.Addr    // zero: by address space
}

func (p *Policy) compileDomains(c *schema.Config) error {
	p.recipients = map[schema.Mailbox]known{}
	all := schema.All[*schema.Domain](c)
	for _, d := range all {
		a := &accepted{d, Reply{550, [3]int{5, 1, 1}, fmt.Sprintf("User unknown: the recipient is not listed for %s", d.Addr())}}
		p.domains.put(d.Name, a)
		if d.MatchSubdomains && !strings.HasPrefix(d.Name, "*") {
			p.domains.put("*."+d.Name, a)
		}
		if d.Default || len(all) == 1 {
			p.standard = strings.TrimPrefix(d.Name, "*.")
		}
	}
	for _, r := range schema.All[*schema.Recipients](c) {
		if schema.At[*schema.Domain](c, r.Domain) == nil {
			return fmt.Errorf("%s: there is no %s", r.Addr(), r.Domain)
		}
		for _, address := range r.Addresses {
			k, err := compileKnown(r, address)
			if err != nil {
				return fmt.Errorf("%s: %w", r.Addr(), err)
			}
			m, err := schema.ParseMailbox(address)
			if err != nil {
				return fmt.Errorf("%s: %w", r.Addr(), err)
			}
			p.recipients[fold(m)] = k
		}
	}
	return nil
}

func compileKnown(r *schema.Recipients, address string) (known, error) {
	k := known{block: r, deliverTo: r.DeliverTo}
	m, err := schema.ParseMailbox(address)
	if err != nil {
		return k, err
	}
	if target, ok := r.Targets[address]; ok {
		k.rewritten, err = schema.ParseMailbox(target)
	} else if r.RewriteDomain != "" {
		k.rewritten = schema.Mailbox{Local: m.Local, Domain: r.RewriteDomain}
	}
	return k, err
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

// known finds a recipient; user+tag is user.
func (p *Policy) known(m schema.Mailbox) (known, bool) {
	m = fold(m)
	k, ok := p.recipients[m]
	if !ok {
		if user, _, tagged := strings.Cut(m.Local, "+"); tagged && user != "" {
			k, ok = p.recipients[schema.Mailbox{Local: user, Domain: m.Domain}]
		}
	}
	return k, ok
}

// route is where the recipient's mail goes and under which address.
func (k known) address(to schema.Mailbox) schema.Mailbox {
	switch {
	case k.block == nil, k.rewritten == schema.Mailbox{}:
		return to
	case k.block.RewriteDomain == k.rewritten.Domain && k.block.Targets[to.String()] == "":
		return schema.Mailbox{Local: to.Local, Domain: k.rewritten.Domain} // keeps case and +tag
	}
	return k.rewritten
}
