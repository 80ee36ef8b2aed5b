package decide

import (
	"github.com/mailrelay/mailrelay/schema"
)

// Carries reports whether a relay has a way out for some recipient of a domain: by
// its address space, or for one who is listed.
func (p *Policy) Carries(relay schema.Addr, domain string) bool {
	if r, _ := p.Route(relay, schema.Mailbox{Local: "\x00", Domain: domain}, 0); r != nil { // whom nobody lists
		return true
	}
	for m := range p.recipients {
		if m.Domain == domain {
			if r, _ := p.Route(relay, m, 0); r != nil {
				return true
			}
		}
	}
	return false
}
