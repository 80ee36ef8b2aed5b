package check

import (
	"fmt"
	"slices"
	"strings"

	"go4.org/netipx"

	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/decide"
)

// shown is how many address ranges a finding lists.
const shown = 5

// connectors finds open relays, connectors for nobody, and relays that trust
// themselves.
func (i *inspection) connectors() {
	for _, s := range i.standings {
		switch {
		case s.Opens != nil: // MR102 says it of the domain
		case s.Relaying == decide.OpenRelay:
			i.open(s)
		case s.Relaying == decide.NoRelay:
			i.nobody(s)
		}
		i.itself(s)
	}
}

// open reports MR101.
func (i *inspection) open(s decide.Standing) {
	var rules []string
	for _, b := range s.Because {
		if b.Addr == s.Connector.Addr() || b.Addr.Type == "allowlist" {
			rules = append(rules, b.String())
		}
	}
	i.add(s.Connector, "MR101", Error, s.Connector.Addr().String()+" is an open relay",
		"Clients from %s need no credentials (they are %s) and may send to any domain, and these addresses are not in own_networks: %s. Narrow remote_ip_ranges or the allowlists, take accept_any_recipient away, or, if the addresses are yours, add them to own_networks in the mailrelay block.",
		list(s.Foreign), s.Principal, strings.Join(rules, "; "))
}

// nobody reports MR103.
func (i *inspection) nobody(s decide.Standing) {
	b := s.Connector
	why := "no permission group or permission gives a client smtp_submit that can connect here"
	switch {
	case len(b.RemoteIPRanges) == 0 && len(b.Allowlists) == 0:
		why = "it has neither remote_ip_ranges nor allowlists, and nobody is meant by default"
	case len(s.Clients.Ranges()) == 0:
		why = "no address is left to it: its ranges are empty, have expired, or belong to more specific connectors"
	}
	i.add(b, "MR103", Warning, fmt.Sprintf("nobody can send mail through %s", b.Addr()), "All mail is refused there, because %s. Add what is missing, or remove the connector.", why)
}

// itself reports MR104.
func (i *inspection) itself(s decide.Standing) {
	if s.Relaying < decide.ScopedRelay || s.Principal != "anonymous" && s.Principal != "externally_secured" {
		return
	}
	relay := schema.At[*schema.Relay](i.config, s.Connector.Relay)
	if relay == nil {
		return
	}
	for _, a := range relay.EgressAddresses {
		if s.Clients.Contains(a) {
			i.add(s.Connector, "MR104", Warning, fmt.Sprintf("%s lets %s relay from its own address", s.Connector.Addr(), relay.Addr()),
				"%s is an egress address of %s and may relay to any domain here: whatever can send through that address, a web form or everybody behind the same NAT, can do so too. Take it out of the ranges.", a, relay.Addr())
		}
	}
}

// list writes the ranges of a set, the first few of them.
func list(s *netipx.IPSet) string {
	var words []string
	for _, r := range s.Ranges() {
		words = append(words, schema.FormatRange(r))
	}
	if len(words) > shown {
		more := "one more range"
		if n := len(words) - shown; n > 1 {
			more = fmt.Sprintf("%d more ranges", n)
		}
		words = append(slices.Clone(words[:shown]), more)
	}
	if len(words) > 1 {
		return strings.Join(words[:len(words)-1], ", ") + " and " + words[len(words)-1]
	}
	return strings.Join(words, "")
}
