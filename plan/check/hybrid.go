package check

import (
	"slices"
	"strings"

	"github.com/mailrelay/mailrelay/schema"
)

// autodiscover finds domains whose clients are sent to Exchange Online while mailboxes
// live elsewhere too (MR224).
func (i *inspection) autodiscover() {
	for _, s := range schema.All[*schema.Service](i.config) {
		d := schema.At[*schema.Domain](i.config, s.Domain)
		if d == nil || !slices.Contains(s.Purpose, "email") || slices.Contains(s.Except, "autodiscover") {
			continue
		}
		if by := i.elsewhere(d); by != nil {
			i.add(s, "MR224", Warning, "clients of "+d.Name+" look for every mailbox in Exchange Online",
				"%s stands for the autodiscover record, which sends them there, and %s delivers mail of %s to hosts of your own: in a hybrid, Exchange on premises must answer autodiscover, because only it knows where a mailbox is. Add except = [\"autodiscover\"] until the last mailbox has moved.", s.Addr(), by.Addr(), d.Name)
		}
	}
}

// elsewhere is a send connector that delivers mail of a domain to hosts that are not
// Microsoft's; nil if none does.
func (i *inspection) elsewhere(d *schema.Domain) *schema.SendConnector {
	own := func(s *schema.SendConnector) bool {
		return s != nil && s.Enabled && len(s.SmartHosts) > 0 && !slices.ContainsFunc(s.SmartHosts, Microsoft)
	}
	for _, r := range i.recipients[d.Addr()] {
		if s := schema.At[*schema.SendConnector](i.config, r.DeliverTo); len(r.Addresses) > 0 && own(s) {
			return s
		}
	}
	if d.Kind == schema.Authoritative {
		return nil
	}
	for _, r := range i.relays {
		route, _ := i.policy.Route(r.Addr(), schema.Mailbox{Local: "someone", Domain: strings.TrimPrefix(d.Name, "*.")}, 0)
		if route != nil && own(route.Connector) {
			return route.Connector
		}
	}
	return nil
}

// Microsoft reports whether a host, with or without a port, is one of Exchange Online.
func Microsoft(host string) bool {
	host, _, _ = strings.Cut(strings.ToLower(strings.TrimSuffix(host, ".")), ":")
	return slices.ContainsFunc([]string{"mail.protection.outlook.com", "mail.protection.office365.us", "mail.protection.partner.outlook.cn", "mx.microsoft"}, func(d string) bool {
		return strings.HasSuffix(host, "."+d)
	})
}
