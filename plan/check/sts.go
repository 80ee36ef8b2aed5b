package check

import (
	"strings"

	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/rr/policy"
)

// sts reports MR221: an MX that leads to a host which an MTA-STS policy may not name.
func (i *inspection) sts(w Write, d *schema.Domain) {
	hosts := fresh(w.Before, w.After)
	name := "_mta-sts." + w.Key.Name
	is, will := i.policies(policy.MTASTS, i.is(w.Zone, name, "TXT")), i.policies(policy.MTASTS, i.will(w.Zone, name, "TXT"))
	if len(hosts) == 0 || len(is) != 1 || len(will) != 1 {
		return
	}
	id := field(policy.MTASTS, is[0], "id")
	if id == "" || id != field(policy.MTASTS, will[0], "id") {
		return
	}
	domain := strings.TrimSuffix(w.Key.Name, ".")
	i.add(i.block(w.Addrs, d), "MR221", Warning, "the MX of "+domain+" changes, and its MTA-STS policy does not",
		"It will lead to %s. Senders keep the policy with the id %s, and where that is mode: enforce they deliver to hosts that it names and to no others. See that https://mta-sts.%s/.well-known/mta-sts.txt names the new host, and raise the id, before the MX changes; mailrelay doctor compares the two.", words(hosts), id, domain)
}
