package schema

import (
	"slices"
	"strings"
)

// owner is a name in one view of a zone.
type owner struct {
	zone *Zone
	name string // full, with the final dot
}

// target is where a record leads to.
type target struct {
	record *Record
	name   string // full, with the final dot
}

// targets finds mail that is led to aliases of this configuration, and aliases
// that lead to themselves. Every view of a zone is a world of its own.
func (v *validation) targets() {
	aliases := map[owner]target{}
	named := map[string][]target{}
	var hosts []target
	for _, r := range v.written {
		v.owner(r.Record)
		v.nullMX(r.Record)
		for i := range r.Values {
			d, err := r.of(i)
			if err != nil {
				continue
			}
			t := target{r.Record, string(d[strings.LastIndexByte(string(d), ' ')+1:])}
			switch r.Type {
			case "CNAME":
				aliases[owner{r.zone, r.full}] = t
				named[r.full] = append(named[r.full], t)
			case "MX", "NS", "SRV":
				hosts = append(hosts, t)
			}
		}
	}
	for _, h := range hosts {
		if len(aliases) == 0 {
			break
		}
		z := At[*Zone](v.config, h.record.Zone)
		alias, ok := aliases[owner{z, h.name}]
		if !ok && !z.holds(strings.TrimSuffix(h.name, ".")) && len(named[h.name]) > 0 {
			alias, ok = named[h.name][0], true
		}
		if ok {
			v.report(h.record, "values", "Host that is an alias", "%s makes %s an alias (CNAME), and %s must name a host that has addresses itself (RFC 2181, 10.3; RFC 2782). Write %s instead.", alias.record.Addr(), h.name, article(h.record.Type), alias.name)
		}
	}
	v.rings(aliases)
}

// nullMX finds an MX that says that there is no mail, beside others.
func (v *validation) nullMX(r *Record) {
	if r.Type != "MX" || len(r.Values) < 2 {
		return
	}
	for _, text := range r.Values {
		if strings.HasSuffix(strings.TrimRight(text, " \t"), " .") {
			v.report(r, "values", "Null MX beside others", "%q says that this domain takes no mail, and the other values say where it does (RFC 7505, 3). Take one of both away.", text)
			return
		}
	}
}

// rings finds aliases that lead back to where they began.
func (v *validation) rings(aliases map[owner]target) {
	done := map[*Record]bool{}
	for _, r := range v.written {
		if r.Type != "CNAME" || done[r.Record] {
			continue
		}
		var path []string
		at := r.full
		for !slices.Contains(path, at) {
			next, ok := aliases[owner{r.zone, at}]
			if !ok || done[next.record] {
				path = nil
				break
			}
			done[next.record] = true
			path = append(path, at)
			at = next.name
		}
		if i := slices.Index(path, at); i >= 0 {
			v.report(r, "values", "Aliases in a ring", "These names are aliases of each other, so none of them has an address: %s. Let one of them lead to a host.", chain(append(path[i:], at)))
		}
	}
}

// chain writes names that lead to each other, without final dots.
func chain(names []string) string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = strings.TrimSuffix(n, ".")
	}
	return strings.Join(out, " -> ")
}
