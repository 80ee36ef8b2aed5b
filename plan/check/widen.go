package check

import (
	"fmt"
	"strings"

	"go4.org/netipx"

	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/decide"
)

// private are the ranges that nobody reaches from outside, whatever own_networks says.
func private() *netipx.IPSet {
	return (&schema.Config{}).Settings().Own()
}

// widening finds connectors that let public addresses do more than what is in force
// does (MR108).
func (i *inspection) widening() {
	if i.facts.Before == nil {
		return
	}
	p, err := decide.Compile(i.facts.Before)
	if err != nil {
		return // what is in force has a meaning, or nothing runs
	}
	inside := private()
	handed, relayed := &netipx.IPSetBuilder{}, &netipx.IPSetBuilder{}
	for _, s := range p.Standings(inside, i.now) {
		if s.Relaying > decide.NoRelay {
			handed.AddSet(s.Clients)
		}
		relayed.AddSet(s.Free)
		relayed.AddSet(s.Proved)
	}
	before := map[bool]*netipx.IPSet{false: built(handed), true: built(relayed)}
	for _, s := range i.standings {
		if s.Relaying == decide.NoRelay {
			continue
		}
		var relays netipx.IPSetBuilder
		relays.AddSet(s.Free)
		relays.AddSet(s.Proved)
		relays.RemoveSet(s.Foreign) // MR101 says more
		relays.RemoveSet(inside)
		relays.RemoveSet(before[true])
		if more := built(&relays); len(more.Ranges()) > 0 {
			with := ""
			if len(outside(more, s.Free).Ranges()) > 0 {
				with = ", with credentials"
			}
			i.add(s.Connector, "MR108", Warning, s.Connector.Addr().String()+" lets more public addresses send to any domain",
				"These may do so now%s, and might not before: %s. If that is meant, accept it here for this change; if not, narrow remote_ip_ranges or the allowlists.", with, list(more))
			continue
		}
		var hands netipx.IPSetBuilder
		hands.AddSet(s.Clients)
		hands.RemoveSet(inside)
		hands.RemoveSet(before[false])
		if more := built(&hands); len(more.Ranges()) > 0 && s.Relaying == decide.InternalOnly {
			i.add(s.Connector, "MR108", Note, s.Connector.Addr().String()+" takes mail from more public addresses",
				"These may hand in mail for accepted domains now, and might not before: %s. So it should be if mail from the Internet comes in here; if not, narrow remote_ip_ranges or the allowlists.", list(more))
		}
	}
}

// own finds own_networks that nobody owns (MR109): what they hold is never an open
// relay, so they switch MR101 off.
func (i *inspection) own() {
	settings := i.config.Settings()
	var huge []string
	for _, p := range outside(settings.Own(), private()).Prefixes() {
		if p.Addr().Is4() && p.Bits() < 8 || p.Addr().Is6() && p.Bits() < 16 {
			huge = append(huge, p.String())
		}
	}
	if huge == nil {
		return
	}
	if len(huge) > shown {
		huge = append(huge[:shown], fmt.Sprintf("%d more", len(huge)-shown))
	}
	i.add(settings, "MR109", Warning, "own_networks holds more than anybody owns",
		"%s are public addresses of very many people, and whoever is in own_networks may be let relay without being an open relay. List your own networks there.", strings.Join(huge, ", "))
}

func built(b *netipx.IPSetBuilder) *netipx.IPSet {
	s, err := b.IPSet()
	if err != nil { // two sets have no invalid ranges
		return &netipx.IPSet{}
	}
	return s
}
