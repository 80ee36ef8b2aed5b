package schema

import (
	"slices"
	"strings"
)

// finalDots finds names that are full and are meant to be, but stand where a name
// without a final dot is relative to the zone: nobody wants
// relay.contoso.com.contoso.com.
func (v *validation) finalDots() {
	for _, r := range v.config.Records() {
		v.finalDot(r, r.Zone, r.Name, r.Type, r.Values)
	}
	for _, e := range v.config.Expects() {
		v.finalDot(e, e.Zone, e.Name, e.Type, e.Values)
	}
}

func (v *validation) finalDot(b Block, zone Addr, owner, typ string, values []string) {
	z := At[*Zone](v.config, zone)
	if z == nil {
		return
	}
	full := func(name string) bool {
		name = strings.ToLower(name)
		return name == z.Name || strings.HasSuffix(name, "."+z.Name)
	}
	if full(owner) {
		short := strings.TrimSuffix(strings.TrimSuffix(strings.ToLower(owner), z.Name), ".")
		if short == "" {
			short = "@"
		}
		v.report(b, "name", "Full name where a relative one is wanted", "%q means %s.%s., because names are relative to the zone. Write %q.", owner, owner, z.Name, short)
	}
	if !slices.Contains([]string{"MX", "CNAME", "NS", "PTR", "SRV"}, typ) {
		return
	}
	for _, text := range values {
		fields := strings.Fields(text)
		if len(fields) > 0 && full(fields[len(fields)-1]) {
			host := fields[len(fields)-1]
			v.report(b, "values", "Missing final dot", "%q has no final dot, so it means %s.%s., as in a zone file. Write %q.", host, host, z.Name, text+".")
		}
	}
}
