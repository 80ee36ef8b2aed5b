package check

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/mailrelay/mailrelay/schema"
)

// loops finds domains whose mail a relay would send to itself (MR306): by MX, where
// the MX leads to it, or to a smart host that it is.
func (i *inspection) loops() {
	for _, d := range i.index.domains {
		if d.Kind == schema.Authoritative || d.Public() {
			continue
		}
		name := strings.TrimPrefix(d.Name, "*.")
		for _, r := range i.relays {
			route, _ := i.policy.Route(r.Addr(), schema.Mailbox{Local: "someone", Domain: name}, 0)
			if route == nil {
				continue // MR301
			}
			if by := i.toItself(r, route.Connector, name); by != "" {
				i.add(d, "MR306", Warning, "mail for "+name+" goes round in a circle",
					"%s accepts recipients who are not listed here, and sends their mail by %s to %s, which is %s itself. It comes back until it has passed too many hops, and goes back to its sender (5.4.6). Give %s a send connector of its own, with the hosts that hold the mailboxes as smart_hosts.", d.Addr(), route.Connector.Addr(), by, r.Addr(), name)
				break
			}
		}
	}
}

// toItself names the next hop of a route that is the relay itself; empty if none is.
func (i *inspection) toItself(r *schema.Relay, s *schema.SendConnector, domain string) string {
	for _, h := range s.SmartHosts {
		host := h
		if at := strings.LastIndexByte(h, ':'); at >= 0 && strings.Count(h, ":") == 1 {
			host = h[:at]
		} else if ap, err := netip.ParseAddrPort(h); err == nil {
			host = ap.Addr().String()
		}
		a, err := netip.ParseAddr(host)
		if strings.EqualFold(strings.TrimSuffix(host, "."), r.Hostname) || err == nil && slices.Contains(r.EgressAddresses, a) {
			return h
		}
	}
	if len(s.SmartHosts) > 0 {
		return ""
	}
	mx := i.will(schema.Addr{}, domain+".", "MX")
	if mx.Open || mx.Set == nil {
		return ""
	}
	if all := exchangers(mx.Set.Data); len(all) > 0 && strings.EqualFold(all[0].host, r.Hostname+".") {
		return r.Hostname
	}
	return ""
}
