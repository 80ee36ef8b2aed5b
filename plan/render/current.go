package render

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/mailrelay/mailrelay/plan"
	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/revision"
	"github.com/mailrelay/mailrelay/schema/rr"
)

// Applied is the revision that a model shows.
type Applied struct {
	Serial  uint64        `json:"serial"`
	Hash    revision.Hash `json:"hash"`
	Applied time.Time     `json:"applied"`
	By      string        `json:"by"`
}

// NewCurrent makes the model of what was applied, as a plan that changes nothing:
// every block in force, and the RRsets that are ours, are listed with the action
// no-op. found are the findings on it, at is now.
func NewCurrent(r *revision.Revision, found []plan.Finding, at time.Time) (*Model, error) {
	m, err := NewModel(&plan.Plan{Base: r.Hash, Serial: r.Serial, Config: revision.ConfigHash(r.Target), Made: at, Findings: found})
	if err != nil {
		return nil, err
	}
	m.Revision = &Applied{r.Serial, r.Hash, r.Applied, r.By}
	m.Target = r.InForceObjects()
	owned := map[schema.Addr]bool{}
	for _, o := range r.Owned {
		owned[o.Addr] = true
	}
	for _, o := range m.Target {
		if !owned[o.Addr] {
			m.ResourceChanges = append(m.ResourceChanges, standing(o.Addr, o.Value, o.Decl))
		}
	}
	declared := m.declared()
	for _, o := range r.Owned {
		value, err := json.Marshal(stored(o.Zone, o.Set))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", o.Addr, err)
		}
		m.ResourceChanges = append(m.ResourceChanges, standing(o.Addr, value, declared(o.Addr.String())))
	}
	for _, s := range r.Pending {
		for _, a := range s.Addrs {
			m.Pending = append(m.Pending, Pending{Address: a.String(), NotBefore: s.NotBefore, Reason: s.Key().String() + " is written then"})
		}
	}
	for _, k := range r.Retained {
		m.Pending = append(m.Pending, Pending{Address: k.Object.Addr.String(), NotBefore: k.Until, Reason: "it stays in force until then, as it was"})
	}
	for _, p := range r.Proofs {
		v := Verification{Address: p.Domain.String() + ".verification", Domain: p.Name, State: plan.Unverified, Since: p.Since, Gates: p.Gates, Missing: []plan.Missing{}}
		if p.Verified() {
			v.State, v.Gates = plan.Verified, false
		}
		m.Verifications = append(m.Verifications, v)
	}
	for _, a := range r.Awaited {
		m.Checks = append(m.Checks, Check{Address: checkAddress(a.Addr), Status: "fail", Problem: "unmet since " + a.Since.UTC().Format(time.RFC3339)})
		m.Summary.Unmet++
	}
	return m, nil
}

// standing is an object that stays as it is.
func standing(a schema.Addr, value json.RawMessage, decl string) ResourceChange {
	return ResourceChange{Address: a.String(), Type: a.Type, Name: a.Name, Index: a.Key, Decl: decl,
		Change: Change{Actions: []string{"no-op"}, Before: value, After: value}}
}

// stored is an RRset in the form that changes of records have.
func stored(zone schema.Addr, s rr.Set) map[string]any {
	return map[string]any{"zone": zone.String(), "name": s.Name, "type": s.Type, "ttl": s.TTL, "values": s.Data}
}

// declared gives where blocks are declared: file:line by address, also by the
// address of what is a part of them. It is empty where that is not known.
func (m *Model) declared() func(address string) string {
	at := make(map[string]string, len(m.Target))
	for _, o := range m.Target {
		at[o.Addr.String()] = o.Decl
	}
	return func(address string) string {
		for {
			if decl, ok := at[address]; ok {
				return decl
			}
			i := strings.LastIndexByte(address, '.')
			if i < 0 {
				return ""
			}
			address = address[:i]
		}
	}
}

// applied writes what stands, with nothing that changes.
func (m *Model) applied(b *bytes.Buffer, s Style) {
	r := m.Revision
	fmt.Fprintf(b, "%s, applied %s by %s:\n\n", s.bold(fmt.Sprintf("Revision %d (%s)", r.Serial, r.Hash.Short())), r.Applied.UTC().Format(time.RFC3339), r.By)
	for _, rc := range m.ResourceChanges {
		fmt.Fprintf(b, "  # %s\n", s.bold(rc.Address))
		rc.body(b, s, nil)
	}
}
