package plan

import (
	"slices"
	"strings"

	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/revision"
)

// leadsTo is what concerns an accepted domain: the mail of its name, or of one
// below it, also where a wildcard answers for them (RFC 4592).
func leadsTo(domain string) func(revision.Switched) bool {
	if domain == "*" {
		return func(revision.Switched) bool { return true }
	}
	base := "." + strings.TrimPrefix(domain, "*.") + "."
	return func(s revision.Switched) bool {
		below := func(name string) bool {
			above, wild := strings.CutPrefix(name, "*")
			return strings.HasSuffix("."+name, base) || wild && strings.HasSuffix(base, above)
		}
		return below(s.Name) || slices.ContainsFunc(s.Leads, below)
	}
}

// leadsToAny is what concerns one of many accepted domains, but not what is merely
// unsure.
func leadsToAny(domains []*schema.Domain) func(revision.Switched) bool {
	bases := make(map[string]bool, len(domains)) // full names, with a dot before
	for _, d := range domains {
		bases["."+d.Base()+"."] = true
	}
	below := func(name string) bool {
		for rest := "." + name; rest != ""; {
			if bases[rest] {
				return true
			}
			next := strings.IndexByte(rest[1:], '.')
			if next < 0 {
				break
			}
			rest = rest[1+next:]
		}
		if above, wild := strings.CutPrefix(name, "*"); wild {
			for base := range bases {
				if strings.HasSuffix(base, above) {
					return true
				}
			}
		}
		return false
	}
	return func(s revision.Switched) bool {
		return s.Was != nil && (bases[".."] || below(s.Name) || slices.ContainsFunc(s.Leads, below))
	}
}

// ofAddress is what concerns clients that find the relay by its name. What is merely
// unsure does not.
func ofAddress(s revision.Switched) bool {
	return s.Was != nil && slices.Contains([]string{"A", "AAAA", "CNAME"}, s.Type)
}
