package revision

import (
	"time"

	"github.com/mailrelay/mailrelay/schema"
)

// Proof is what is known of the ownership of one domain. It is kept as long as
// the domain is in the configuration, whether a proof is asked for or not.
type Proof struct {
	Domain schema.Addr `json:"domain"`
	Name   string      `json:"name"`            // the domain's: another name has another proof
	Method string      `json:"method"`          // by which Token is shown
	Token  string      `json:"token,omitempty"` // empty: none was issued yet
	Asked  time.Time   `json:"asked"`           // since when the proof with this token is waited for
	Since  time.Time   `json:"since,omitzero"`  // verified since; zero: unverified
	// Gates says that mail for the domain waits until it is verified: it was new
	// when the proof was asked for.
	Gates bool `json:"gates,omitempty"`
}

// Verified reports whether the proof was seen once. What DNS says later does not
// count.
func (p Proof) Verified() bool { return !p.Since.IsZero() }

// Gated are the domains of c for which mail waits.
func (r *Revision) Gated(c *schema.Config) map[schema.Addr]bool {
	var out map[schema.Addr]bool
	for _, p := range r.Proofs {
		d := schema.At[*schema.Domain](c, p.Domain)
		if d == nil || d.Name != p.Name || !p.Gates || p.Verified() {
			continue
		}
		if out == nil {
			out = map[schema.Addr]bool{}
		}
		out[p.Domain] = true
	}
	return out
}
