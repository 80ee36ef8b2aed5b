package observe

import (
	"github.com/mailrelay/mailrelay/plan"
	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/revision"
	"github.com/mailrelay/mailrelay/schema/rr"
)

// proofs lists where the proofs of ownership of cfg must stand. Resolvers are not
// asked for one that base has seen already. Where there is no base, the MX of each
// domain may tell whether a relay serves it.
func proofs(cfg *schema.Config, base *revision.Revision) []Ask {
	seen := map[string]revision.Proof{} // by the domain's name, which moves with no address
	if base != nil {
		for _, p := range base.Proofs {
			seen[p.Name] = p
		}
	}
	var out []Ask
	for _, p := range cfg.Proofs() {
		old, v := seen[p.Domain.Name], p.Domain.Verification
		settled := old.Verified() && old.Method == v.Method && (v.Value == "" || v.Value == old.Token)
		for _, z := range plan.Looks(p) {
			if z == nil && p.Zone != nil && settled {
				continue
			}
			out = append(out, Ask{Zone: z, Key: p.Key, Itself: z != nil && !settled})
			if z != nil && p.Key.Type == "CNAME" { // nothing may stand beside it
				for _, typ := range plan.BesideAlias() {
					out = append(out, Ask{Zone: z, Key: rr.Key{Name: p.Key.Name, Type: typ}, Itself: true})
				}
			}
		}
		if base == nil {
			for _, name := range plan.MXNames(p.Domain) {
				out = append(out, Ask{Zone: p.Zone, Key: rr.Key{Name: name, Type: "MX"}})
			}
		}
	}
	return out
}
