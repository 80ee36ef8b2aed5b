package check

import (
	"slices"
	"strings"

	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/rr"
	"github.com/mailrelay/mailrelay/schema/rr/policy"
)

// dmarc finds DMARC records that jump from nothing to reject (MR218).
func (i *inspection) dmarc() {
	for _, r := range schema.All[*schema.Record](i.config) {
		zone := schema.At[*schema.Zone](i.config, r.Zone)
		if r.Type != "TXT" || zone == nil || !strings.HasPrefix(r.Name, "_dmarc") {
			continue
		}
		name := rr.Full(r.Name, zone.Name)
		is, will := i.is(r.Zone, name, "TXT"), i.will(r.Zone, name, "TXT")
		if is.Open || rr.Equal(is.Set, will.Set) {
			continue
		}
		next := i.policies(policy.DMARC, will)
		if len(next) != 1 || field(policy.DMARC, next[0], "p") != "reject" || field(policy.DMARC, next[0], "pct") != "100" {
			continue
		}
		domain := strings.TrimSuffix(strings.TrimPrefix(name, "_dmarc."), ".")
		before := i.policies(policy.DMARC, is)
		what := "none"
		switch {
		case len(before) == 0 && i.policy.Accepted(domain) == nil:
			continue // a domain that sends nothing says so at once
		case len(before) == 0:
			what = "no DMARC record at all"
		case len(before) > 1 || field(policy.DMARC, before[0], "p") != "none":
			continue
		}
		i.add(r, "MR218", Warning, "the DMARC policy of "+domain+" jumps from "+what+" to reject",
			"Receivers will refuse mail that neither SPF nor DKIM shows to be from %s, and which senders you forgot only the reports of some weeks tell. Go to quarantine first, or to reject with percent below 100, and read the reports (rua).", domain)
	}
}

// field is the value of one field of a policy; empty if it has none.
func field(kind policy.Kind, text, name string) string {
	fields, _ := policy.Read(kind, text) // what receivers cannot read has its default
	n := slices.IndexFunc(fields, func(f policy.Field) bool { return f.Name == name })
	if n < 0 {
		return ""
	}
	return fields[n].Value
}
