package plan

import (
	"slices"

	"go4.org/netipx"

	"github.com/mailrelay/mailrelay/schema"
)

// receive: a connector that is for fewer clients, or lets them do less. It stays as
// it was, since a mixture of both could allow what neither does. Another connector
// of the configuration may stand for one that goes.
//
// A right to relay never stays: who loses it, loses it at once, and so does who logs
// on. Clients that may relay are led here by the name of the relay, and not by an
// MX: all that stays for them is where they find it.
func (n *narrowing) receive(old, next *schema.ReceiveConnector) []kept {
	if everybodyRelays(old) {
		if next == nil || !receivesLess(old, next) {
			return nil
		}
		there := *old
		there.Relay, there.Bindings = next.Relay, next.Bindings
		if receivesLess(&there, next) {
			return nil
		}
		return []kept{{old.Addr(), old.Value()}}
	}
	if next == nil {
		for _, c := range schema.All[*schema.ReceiveConnector](n.c) {
			if !receivesLess(forMX(old), forMX(c)) {
				return nil
			}
		}
	} else if !receivesLess(forMX(old), forMX(next)) {
		return nil
	}
	return []kept{{old.Addr(), withoutRights(old, next)}}
}

func receivesLess(old, next *schema.ReceiveConnector) bool {
	lower := func(old, next int64) bool { return next != 0 && (old == 0 || next < old) }
	switch {
	case old.Relay != next.Relay,
		rangesLost(old.RemoteIPRanges, next.RemoteIPRanges),
		len(lacks(old.Bindings, next.Bindings)) > 0,
		len(lacks(old.Allowlists, next.Allowlists)) > 0,
		len(lacks(old.AuthMechanisms, next.AuthMechanisms)) > 0,
		len(lacks(next.AuthMechanisms, old.AuthMechanisms)) > 0, // each changes who a client is
		len(lacks(old.PermissionGroups, next.PermissionGroups)) > 0,
		len(lacks(old.TLSClientNames, next.TLSClientNames)) > 0,
		rightsLost(old.Permissions, next.Permissions),
		spacesLost(old.AllowedSenderDomains, next.AllowedSenderDomains),
		spacesLost(old.AllowedRecipientDomains, next.AllowedRecipientDomains),
		!old.RequireTLS && next.RequireTLS,
		old.UsersFile != "" && old.UsersFile != next.UsersFile,
		old.BareNewline != "reject" && next.BareNewline == "reject",
		rangesLost(old.ProxyProtocol, next.ProxyProtocol):
		return true
	}
	for _, limit := range [][2]int64{
		{old.MaxMessageSize, next.MaxMessageSize}, {old.MaxHeaderSize, next.MaxHeaderSize}, {old.MaxSessionSize, next.MaxSessionSize},
		{int64(old.MaxRecipients), int64(next.MaxRecipients)}, {int64(old.MaxMessages), int64(next.MaxMessages)},
		{int64(old.MaxLogonFailures), int64(next.MaxLogonFailures)}, {int64(old.MaxConnections), int64(next.MaxConnections)},
		{int64(old.MaxPerSource), int64(next.MaxPerSource)}, {int64(old.MessageRateLimit), int64(next.MessageRateLimit)},
		{int64(old.ConnectionTimeout), int64(next.ConnectionTimeout)}, {int64(old.InactivityTimeout), int64(next.InactivityTimeout)},
	} {
		if lower(limit[0], limit[1]) {
			return true
		}
	}
	return false
}

// spacesLost reports whether a limit came, or became stricter; nil is no limit.
func spacesLost(old, next []string) bool {
	return next != nil && (old == nil || len(lacks(old, next)) > 0)
}

// rightsLost reports whether a principal lost an allowance or is denied more.
func rightsLost(old, next []schema.Permission) bool {
	of := func(list []schema.Permission, principal string) schema.Permission {
		i := slices.IndexFunc(list, func(p schema.Permission) bool { return p.Principal == principal })
		if i < 0 {
			return schema.Permission{}
		}
		return list[i]
	}
	for _, p := range old {
		if len(lacks(p.Allow, of(next, p.Principal).Allow)) > 0 {
			return true
		}
	}
	return slices.ContainsFunc(next, func(p schema.Permission) bool {
		return len(lacks(p.Deny, of(old, p.Principal).Deny)) > 0
	})
}

// rangesLost reports whether an address is in old and not in next.
func rangesLost(old, next []netipx.IPRange) bool {
	var b netipx.IPSetBuilder
	for _, r := range old {
		b.AddRange(r)
	}
	for _, r := range next {
		b.RemoveRange(r)
	}
	s, err := b.IPSet()
	return err != nil || len(s.Ranges()) > 0
}
