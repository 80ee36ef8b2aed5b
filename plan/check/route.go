package check

import (
	"cmp"
	"slices"

	"github.com/mailrelay/mailrelay/schema"
)

// routes finds send connectors that nothing can use.
func (i *inspection) routes() {
	named := map[schema.Addr]bool{}
	for _, r := range schema.All[*schema.Recipients](i.config) {
		named[r.DeliverTo] = true
	}
	all := i.sends
	for _, s := range all {
		if s.Enabled && !named[s.Addr()] && s.Relays != nil && len(s.Relays) == 0 {
			i.add(s, "MR303", Warning, "nothing can use "+s.Addr().String(), "relays names no relay, and an empty list is nobody. Name the relays that may use it, or leave the attribute out for all.")
			continue
		}
		if !s.Enabled || named[s.Addr()] {
			continue
		}
		if by := shadow(s, all); by != nil {
			i.add(s, "MR303", Warning, "nothing can use "+s.Addr().String(), "%s has the same address spaces, takes messages as large, and is chosen first, by its cost or its name; no recipients block names this one. Give the connectors different address spaces, or remove one: a dearer connector is no fallback for a cheaper one.", by.Addr())
		}
	}
}

// shadow is a connector that takes everything that s could.
func shadow(s *schema.SendConnector, all []*schema.SendConnector) *schema.SendConnector {
	i := slices.IndexFunc(all, func(o *schema.SendConnector) bool {
		first := cmp.Or(cmp.Compare(o.Cost, s.Cost), o.Addr().Compare(s.Addr())) < 0
		return o != s && o.Enabled && first && o.MaxMessageSize >= s.MaxMessageSize && o.Relays == nil && covers(o.AddressSpaces, s.AddressSpaces)
	})
	if i < 0 {
		return nil
	}
	return all[i]
}

func covers(wide, narrow []string) bool {
	for _, space := range narrow {
		if !slices.Contains(wide, space) {
			return false
		}
	}
	return true
}
