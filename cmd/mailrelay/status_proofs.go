package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/mailrelay/mailrelay/apply"
	"github.com/mailrelay/mailrelay/plan"
	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/revision"
	"github.com/mailrelay/mailrelay/schema/rr"
)

// verificationStatus is how far the proof of ownership of a domain is, as of the
// last apply.
type verificationStatus struct {
	Address string    `json:"address"` // domain.contoso.verification
	Domain  string    `json:"domain"`
	State   string    `json:"state"`          // unverified or verified
	Since   time.Time `json:"since,omitzero"` // verified since
	Asked   time.Time `json:"asked"`          // the proof is waited for since then
	Gates   bool      `json:"gates"`          // mail for the domain is answered 451
	Record  string    `json:"record"`         // the proof in zone-file form
}

// verifications are those of the domains of r that ask for a proof.
func verifications(r *revision.Revision) ([]verificationStatus, error) {
	out := []verificationStatus{}
	if r == nil || len(r.Proofs) == 0 {
		return out, nil
	}
	c, err := revision.Config(r.Target)
	if err != nil {
		return nil, fmt.Errorf("reading revision %d: %w", r.Serial, err)
	}
	known := map[schema.Addr]revision.Proof{}
	for _, p := range r.Proofs {
		known[p.Domain] = p
	}
	for _, at := range c.Proofs() {
		p, ok := known[at.Domain.Addr()]
		if !ok {
			continue
		}
		v := verificationStatus{Address: at.Addr().String(), Domain: p.Name, State: plan.Unverified, Since: p.Since, Asked: p.Asked, Gates: p.Gates}
		if p.Verified() {
			v.State = plan.Verified
		}
		if data, err := at.Data(p.Token); err == nil && p.Token != "" {
			if record, err := rr.Record(at.Key.Name, at.Key.Type, plan.DefaultTTL, data); err == nil {
				v.Record = record.String()
			}
		}
		out = append(out, v)
	}
	return out, nil
}

// manyVerified are so many verified domains that they are only counted.
const manyVerified = 20

// proofs writes how far the proofs of ownership are.
func (s *status) proofs(b *strings.Builder) {
	verified := 0
	for _, v := range s.Verifications {
		if v.State == plan.Verified {
			verified++
		}
	}
	if len(s.Verifications) > 0 {
		b.WriteString("\n")
	}
	if verified > manyVerified {
		fmt.Fprintf(b, "%d domains are verified.\n", verified)
	}
	for _, v := range s.Verifications {
		if v.State == plan.Verified {
			if verified <= manyVerified {
				fmt.Fprintf(b, "%s: verified since %s\n", v.Address, v.Since.UTC().Format(time.RFC3339))
			}
			continue
		}
		fmt.Fprintf(b, "%s: unverified, waited for since %s\n", v.Address, v.Asked.UTC().Format(time.RFC3339))
		if v.Record != "" {
			fmt.Fprintf(b, "  proof      %s\n", v.Record)
		}
		if v.Gates {
			fmt.Fprintf(b, "  mail       for %s is answered 451 until it is verified; mailrelay plan says who does not show the proof\n", v.Domain)
		}
	}
}

// unverified says which domains are not verified after an apply that did not say
// so while it waited, and reports whether there are any.
func (a *app) unverified(res *apply.Result) bool {
	all, err := verifications(res.Revision)
	if err != nil {
		return false
	}
	var names []string
	for _, v := range all {
		if v.State == plan.Unverified {
			names = append(names, v.Domain)
		}
	}
	if len(names) == 0 {
		return false
	}
	if len(res.Unproven) == 0 {
		a.ui.Progress("Not verified yet: %s. Run apply again once the proof of ownership is seen everywhere; mailrelay plan says where it is missing.", apply.Few(names))
	}
	return true
}
