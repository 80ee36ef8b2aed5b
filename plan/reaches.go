package plan

import (
	"fmt"
	"slices"

	"github.com/mailrelay/mailrelay/plan/reach"
	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/decide"
	"github.com/mailrelay/mailrelay/schema/revision"
)

// reaches finds what changes for the mail once all changes are made, those that wait
// too. Nobody looks where no block that lets mail in or out becomes another: at the
// same time, what both let through is the same.
func (p *Plan) reaches(c *schema.Config, base *revision.Revision) error {
	if !slices.ContainsFunc(p.Changes, mail) && sameGates(base.Proofs, p.Proofs) {
		return nil
	}
	force, err := base.InForce()
	if err != nil {
		return fmt.Errorf("reading revision %d: %w", base.Serial, err)
	}
	before, err := decide.Compile(force)
	if err != nil {
		return fmt.Errorf("reading revision %d: %w", base.Serial, err)
	}
	next := *c
	next.Gated = (&revision.Revision{Proofs: p.Proofs}).Gated(c)
	after, err := decide.Compile(&next)
	if err != nil {
		return err
	}
	p.Reach = reach.Compare(before, after, p.Made)
	return nil
}

// mail reports whether a change may concern what is let in or where it goes.
func mail(c Change) bool {
	switch c.Addr.Type {
	case "domain", "recipients", "relay", "allowlist", "receive_connector", "send_connector":
		return true
	}
	return false
}

// sameGates reports whether mail for the same domains waits for a proof.
func sameGates(a, b []revision.Proof) bool {
	gates := func(list []revision.Proof) map[schema.Addr]string {
		out := map[schema.Addr]string{}
		for _, p := range list {
			if p.Gates && !p.Verified() {
				out[p.Domain] = p.Name
			}
		}
		return out
	}
	x, y := gates(a), gates(b)
	for d, name := range x {
		if y[d] != name {
			return false
		}
	}
	return len(x) == len(y)
}
