package render

import (
	"fmt"
	"slices"

	"github.com/mailrelay/mailrelay/schema"
)

// routes are the ways from relays to next hops.
func (s *scene) routes() []way {
	known := map[schema.Addr][]string{}
	for _, r := range schema.All[*schema.Recipients](s.config) {
		if !r.DeliverTo.IsZero() {
			known[r.DeliverTo] = append(known[r.DeliverTo], fmt.Sprintf("%s of %s", count(len(r.Addresses)+len(r.Targets), "recipient"), s.domain(r.Domain)))
		}
	}
	relays := schema.All[*schema.Relay](s.config)
	var out []way
	for _, c := range schema.All[*schema.SendConnector](s.config) {
		if !c.Enabled {
			continue
		}
		w := way{To: box{Title: "any mail host", About: []string{"found by MX"}}, What: slices.Clone(few(append(spaces(c.AddressSpaces), known[c.Addr()]...)))}
		if len(c.SmartHosts) > 0 {
			w.To = box{c.SmartHosts[0], few(c.SmartHosts)[1:]}
		}
		for i := range w.What {
			w.What[i] = "for " + w.What[i]
		}
		w.What = append(w.What, protection(c.TLS))
		for _, r := range relays {
			if c.Relays == nil || slices.Contains(c.Relays, r.Addr()) {
				w.key, w.From = r.Addr().String()+" "+c.Addr().String(), s.relay(r.Addr())
				out = append(out, w)
			}
		}
	}
	return out
}

func (s *scene) domain(a schema.Addr) string {
	if d := schema.At[*schema.Domain](s.config, a); d != nil {
		return d.Name
	}
	return a.String()
}

// spaces are address spaces in words.
func spaces(all []string) []string {
	out := make([]string, 0, len(all))
	for _, a := range all {
		if a == "*" {
			a = "any domain"
		}
		out = append(out, a)
	}
	return out
}

// protection says how the way to a next hop is protected.
func protection(t schema.SendTLS) string {
	switch {
	case t.Mode == "none":
		return "no TLS"
	case t.Verify == "domain":
		return "TLS, verified as " + t.Domain
	case t.Verify != "none":
		return "TLS, verified (" + t.Verify + ")"
	case t.Mode == "required":
		return "TLS required"
	}
	return "TLS if offered"
}
