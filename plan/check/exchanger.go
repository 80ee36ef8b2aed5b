package check

import (
	"slices"
	"strconv"
	"strings"

	"go4.org/netipx"

	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/decide"
	"github.com/mailrelay/mailrelay/schema/rr"
)

// exchanger is one host of an MX RRset.
type exchanger struct {
	preference int
	host       string // full, in lower case
}

// exchangers are the hosts to which MX data leads mail: not the null MX (RFC 7505),
// nor those below "invalid.", by which ownership is proved. The preferred ones come
// first.
func exchangers(data []rr.Data) []exchanger {
	var out []exchanger
	for _, d := range data {
		preference, host, _ := strings.Cut(string(d), " ")
		n, err := strconv.Atoi(preference)
		if err == nil && host != "." && !strings.HasSuffix(host, ".invalid.") {
			out = append(out, exchanger{n, host})
		}
	}
	slices.SortStableFunc(out, func(a, b exchanger) int { return a.preference - b.preference })
	return out
}

// fresh are the hosts of after that are not in before.
func fresh(before, after *rr.Set) []string {
	was := map[string]bool{}
	if before != nil {
		for _, x := range exchangers(before.Data) {
			was[x.host] = true
		}
	}
	var out []string
	if after != nil {
		for _, x := range exchangers(after.Data) {
			if !was[x.host] {
				out = append(out, x.host)
			}
		}
	}
	return out
}

// exchangers judges the hosts of every MX that the configuration writes, and where
// those lead that others write.
func (i *inspection) exchangers() {
	open := map[schema.Addr]bool{} // relays that take mail from the Internet
	for _, s := range i.policy.StandingsOf("anonymous", i.config.Settings().Own(), i.now) {
		public := outside(s.Clients, i.config.Settings().Own())
		if s.Relaying > decide.NoRelay && len(public.Ranges()) > 0 {
			open[s.Connector.Relay] = true
		}
	}
	seen := map[string]bool{} // a host is judged once
	for _, m := range i.mx {
		for _, x := range exchangers(m.data) {
			if at := m.zone.String() + " " + x.host; m.ours && !seen[at] {
				seen[at] = true
				i.host(m, x.host)
			}
			i.leadsHere(m, x.host, open)
		}
	}
}

// host finds a host of an MX without an address, or one that is an alias.
func (i *inspection) host(m mxBlock, host string) {
	a, aaaa := i.will(m.zone, host, "A"), i.will(m.zone, host, "AAAA")
	short := strings.TrimSuffix(host, ".")
	switch {
	case !a.Open && len(a.Through) > 0:
		i.add(m.block, "MR214", Warning, short+", to which an MX points, is an alias",
			"It is one for %s. Senders may refuse that, or send to another host than is meant (RFC 5321, 5.1; RFC 2181, 10.3). Point the MX at a name that has an address itself.", strings.TrimSuffix(string(a.Through[len(a.Through)-1]), "."))
	case !a.Open && !aaaa.Open && a.Set == nil && aaaa.Set == nil:
		refused := ""
		if z := schema.At[*schema.Zone](i.config, m.zone); z != nil && z.RFC2136 != nil && strings.HasSuffix("."+host, "."+z.Name+".") {
			refused = " Some name servers, BIND among them, refuse the whole update of the zone for it."
		}
		i.add(m.block, "MR213", Warning, short+", to which an MX points, has no address",
			"Neither an A nor an AAAA record is there, so senders cannot reach it, and mail waits with them until it goes back.%s Add an address record, or correct the MX.", refused)
	}
}

// leadsHere finds an MX that leads mail to a relay that refuses it.
func (i *inspection) leadsHere(m mxBlock, host string, open map[schema.Addr]bool) {
	relay := i.relayNamed(host)
	if relay == nil {
		return
	}
	connectors := i.receives[relay.Addr()]
	if connectors == 0 && len(i.index.domains) == 0 {
		return // a configuration of DNS alone
	}
	domain := strings.TrimSuffix(m.name, ".")
	example := strings.Replace(domain, "*", "someone", 1)
	switch {
	case i.policy.Accepted(example) == nil:
		i.add(m.block, "MR304", Error, "mail for "+domain+" would be refused",
			"%s leads mail for %s to %s, which is %s, and no domain block accepts it there: every message would be answered 550. Add a domain block, or point the MX elsewhere.", m.block.Addr(), domain, strings.TrimSuffix(host, "."), relay.Addr())
	case connectors > 0 && !open[relay.Addr()]:
		i.add(m.block, "MR305", Warning, "nobody from outside may hand in mail for "+domain,
			"%s leads mail for %s to %s, and no receive connector of it takes mail from addresses outside own_networks: senders on the Internet are turned away. Add a connector with remote_ip_ranges = [\"0.0.0.0/0\", \"::/0\"] and permission_groups = [\"anonymous_users\"], unless a gateway hands in everything.", m.block.Addr(), domain, relay.Addr())
	}
}

// relayNamed is the relay that has a host name, nil if none has.
func (i *inspection) relayNamed(host string) *schema.Relay {
	for _, r := range i.relays {
		if strings.EqualFold(r.Hostname+".", host) {
			return r
		}
	}
	return nil
}

// outside is a without b.
func outside(a, b *netipx.IPSet) *netipx.IPSet {
	var left netipx.IPSetBuilder
	left.AddSet(a)
	left.RemoveSet(b)
	s, err := left.IPSet()
	if err != nil { // two sets have no invalid ranges
		return &netipx.IPSet{}
	}
	return s
}
