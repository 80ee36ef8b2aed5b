package observe

import (
	"context"
	"fmt"

	"github.com/miekg/dns"
)

// delegated gives the name servers of a zone as the zone above it says
// (RFC 1034, 4.2.1), with the addresses that only it may know. It is for zones of
// which resolvers can give no answer: one that is broken, or new.
func (r *round) delegated(ctx context.Context, zone string) ([]nameserver, error) {
	for parent := above(zone); ; parent = above(parent) {
		found := nameservers(r.records(ctx, parent), nil, parent)
		for _, n := range found {
			for _, s := range r.host(ctx, n.host+":53") {
				a, _, err := s.ask(ctx, r.c, ask(zone, dns.TypeNS, false), attempt{})
				if err != nil {
					continue
				}
				if out := nameservers(append(a.Answer, a.Ns...), a.Extra, zone); len(out) > 0 {
					return out, nil
				}
				if a.Rcode == dns.RcodeSuccess || a.Rcode == dns.RcodeNameError {
					return nil, fmt.Errorf("%s, which serves %s, delegates it nowhere", n.host, parent)
				}
			}
		}
		if len(found) > 0 || parent == "." {
			return nil, fmt.Errorf("the servers of %s, the zone above it, do not answer", parent)
		}
	}
}

// records gives the NS set of a zone at the resolvers, if they know it.
func (r *round) records(ctx context.Context, zone string) []dns.RR {
	records, err := r.lookup(ctx, zone, dns.TypeNS)
	if err != nil {
		return nil
	}
	return records
}

// above is the name above name: "." is the last.
func above(name string) string {
	next, end := dns.NextLabel(name, 0)
	if end {
		return "."
	}
	return name[next:]
}
