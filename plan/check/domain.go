package check

import (
	"slices"
	"strings"

	"github.com/mailrelay/mailrelay/schema"
)

// domains finds accepted domains that hold more than anybody can own, that know
// nobody, or whose mail has no way out.
func (i *inspection) domains() {
	known := map[schema.Addr]bool{}
	for _, r := range schema.All[*schema.Recipients](i.config) {
		if len(r.Addresses) > 0 {
			known[r.Domain] = true
		}
	}
	for _, d := range i.index.domains {
		if d.Public() {
			i.add(d, "MR102", Error, d.Addr().String()+" opens the relay for everybody",
				"An accepted domain %s takes mail for domains that are not yours from every client that may send at all, whatever the rights of its connector. List the domains that are yours; to let some clients send anywhere, give their connector accept_any_recipient.", d.Name)
			continue
		}
		switch {
		case d.Kind == schema.Authoritative && !known[d.Addr()]:
			i.add(d, "MR302", Warning, d.Addr().String()+" refuses every recipient",
				"It is authoritative, so that recipients who are not listed are refused, and no recipients block lists any. Add one, or set type = \"internal_relay\" if recipients live elsewhere too.")
		case d.Kind != schema.Authoritative:
			i.way(d)
		}
	}
}

// way reports MR301: mail for those who are not listed has no way out.
func (i *inspection) way(d *schema.Domain) {
	name := strings.TrimPrefix(d.Name, "*.")
	to := schema.Mailbox{Local: "someone", Domain: name}
	var without []string
	for _, r := range i.relays {
		if route, _ := i.policy.Route(r.Addr(), to, 0); route == nil {
			without = append(without, r.Addr().String())
		}
	}
	if without == nil {
		return
	}
	slices.Sort(without)
	i.add(d, "MR301", Warning, "mail for "+name+" has no way out",
		"%s accepts recipients who are not listed here, and no enabled send connector of %s has an address space for %s: their mail would wait in the queue and go back in the end. Add a send connector with that address space.", d.Addr(), strings.Join(without, ", "), name)
}
