package apply

import (
	"slices"
	"strings"

	"github.com/mailrelay/mailrelay/plan"
	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/revision"
)

// retained are the accepted domains that leave the configuration, or have left it
// in an apply that did not get to the end: relays go on accepting them until DNS
// has been changed.
func (r *run) retained() []revision.Retained {
	if r.base == nil {
		return nil
	}
	stays := map[schema.Addr]bool{}
	for _, o := range r.plan.Target {
		stays[o.Addr] = true
	}
	for _, m := range r.plan.Moved { // in force under its new address
		stays[m.From] = true
	}
	var out []revision.Retained
	for _, o := range r.base.Target {
		if o.Addr.Type == "domain" && !stays[o.Addr] {
			out = append(out, revision.Retained{Object: o})
		}
	}
	for _, k := range r.base.Retained {
		if !stays[k.Object.Addr] {
			out = append(out, k)
		}
	}
	return out
}

// still are those of the retained domains to which DNS may lead mail as before:
// an RRset at one of their names was not written, is a person's to write, or
// could not be looked at.
func (r *run) still() []revision.Retained {
	open := r.open()
	return slices.DeleteFunc(r.retained(), func(k revision.Retained) bool {
		return !slices.ContainsFunc(open, func(name string) bool { return under(k.Object, name) })
	})
}

// open are the names of the RRsets that may be as they were, of those that lead
// mail.
func (r *run) open() []string {
	var out []string
	leads := []string{"MX", "A", "AAAA", "CNAME"}
	for _, s := range r.plan.Sets {
		if (s.Manual || r.result.Failed[s.Zone] != nil) && slices.Contains(leads, s.Key.Type) {
			out = append(out, s.Key.Name)
		}
	}
	for _, c := range r.plan.Changes {
		if c.Action != plan.Inconclusive {
			continue
		}
		if k := c.Key(); slices.Contains(leads, k.Type) {
			out = append(out, k.Name)
		}
	}
	return out
}

// under reports whether a full name is that of a domain, or below it. A domain
// that cannot be read is every domain.
func under(domain revision.Object, name string) bool {
	c, err := revision.Config([]revision.Object{domain})
	if err != nil {
		return true
	}
	d := schema.At[*schema.Domain](c, domain.Addr)
	if d == nil || d.Name == "*" {
		return true
	}
	return strings.HasSuffix("."+name, "."+strings.TrimPrefix(d.Name, "*.")+".")
}
