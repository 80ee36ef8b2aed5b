package plan

import (
	"crypto/sha256"
	"encoding/base32"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/revision"
	"github.com/mailrelay/mailrelay/schema/rr"
)

// States of a verification.
const (
	Unverified = "unverified"
	Verified   = "verified"
)

// Verification is what a plan says about the proof that a domain is ours.
type Verification struct {
	Addr   schema.Addr // of the record: domain.contoso.verification
	Domain string      // the name
	State  string      // Unverified or Verified
	Since  time.Time   // when it was verified
	New    bool        // it is verified by what this plan saw, and apply records that
	Gates  bool        // mail for the domain waits until it is verified
	Zone   schema.Addr // zero: it stands in no zone of the configuration
	Want   *rr.Set     // the proof; nil: its token is issued by the first apply
	Stands bool        // some server shows the proof
	// Missing are the servers that did not show the proof, sorted; empty where it is
	// verified and where Want is nil.
	Missing []Missing
	Manual  bool // a person, or somebody else, enters the proof
	Issued  bool // the token is of mailrelay; false: the configuration gives it
}

// Missing is a name server, or a resolver, that does not show a proof.
type Missing struct {
	Source string `json:"source,omitempty"`
	Says   string `json:"says"` // what it says instead, or why it could not be asked
}

// verify decides for each domain whether its ownership is proved, and gives the
// proofs that mailrelay writes.
//
//	block  proof known  seen everywhere  result
//	no     no           -                nothing
//	no     yes          -                kept: the token stays as long as the domain; gates no more
//	yes    verified     any              verified, for good
//	yes    unverified   yes              verified from now on; gates no more
//	yes    unverified   no               unverified; gates as before
//	yes    no           yes              verified from now on
//	yes    no           no               unverified; gates if the domain is new
func (p *Plan) verify(c *schema.Config, base *revision.Revision, views views, seen []Observation) ([]*schema.Record, error) {
	known := map[schema.Addr]revision.Proof{}
	for _, old := range base.Proofs {
		known[old.Domain] = old
	}
	asked := map[schema.Addr]schema.Proof{}
	for _, at := range c.Proofs() {
		asked[at.Domain.Addr()] = at
	}
	if len(known)+len(asked) == 0 {
		return nil, nil
	}
	said := map[place][]Observation{}
	for _, o := range seen {
		said[place{o.Zone, o.Key}] = append(said[place{o.Zone, o.Key}], o)
	}
	var serving *service
	var out []*schema.Record
	for _, d := range schema.All[*schema.Domain](c) {
		old, had := known[d.Addr()]
		had = had && old.Name == d.Name
		at, ok := asked[d.Addr()]
		if !ok {
			if had {
				old.Gates = false
				p.Proofs = append(p.Proofs, old)
			}
			continue
		}
		next := revision.Proof{Domain: d.Addr(), Name: d.Name, Method: d.Verification.Method, Asked: p.Made}
		next.Token = p.token(d, base, old, had)
		if had {
			next.Gates = old.Gates
			if old.Token == next.Token && old.Method == next.Method {
				next.Asked, next.Since = old.Asked, old.Since
			}
		} else {
			if serving == nil {
				s, err := p.serving(c, base, views)
				if err != nil {
					return nil, err
				}
				serving = s
			}
			next.Gates = !serving.domain(d, at)
		}
		v := Verification{Addr: at.Addr(), Domain: d.Name, State: Unverified, Issued: d.Verification.Value == ""}
		if err := p.look(&v, &next, at, said); err != nil {
			return nil, err
		}
		v.Manual = v.Zone.IsZero() || byHand(Zone(c, base, v.Zone, ""))
		p.Proofs, p.Verifications = append(p.Proofs, next), append(p.Verifications, v)
		if wanted := !next.Verified() || v.New || d.Verification.Keep; wanted && at.Zone != nil && v.Want != nil {
			out = append(out, at.Record(next.Token))
		}
	}
	return out, nil
}

// look finds out whether the proof stands everywhere.
func (p *Plan) look(v *Verification, next *revision.Proof, at schema.Proof, said map[place][]Observation) error {
	if at.Zone != nil {
		v.Zone = at.Zone.Addr()
	}
	if next.Token != "" {
		data, err := at.Data(next.Token)
		if err != nil {
			return fmt.Errorf("%s: %w", at.Addr(), err)
		}
		ttl := uint32(DefaultTTL)
		for _, o := range said[place{v.Zone, at.Key}] {
			if o.Set != nil && at.Zone != nil {
				ttl = o.Set.TTL // it stands beside others, and an RRset has one
				break
			}
		}
		set := rr.NewSet(at.Key.Name, at.Key.Type, ttl, data)
		v.Want = &set
		v.Missing, v.Stands = missing(at, data, said)
		if !next.Verified() && len(v.Missing) == 0 {
			next.Since, v.New = p.Made, true
		}
	}
	if next.Verified() {
		next.Gates = false
		v.State, v.Since, v.Missing = Verified, next.Since, nil
	}
	v.Gates = next.Gates
	return nil
}

// Looks are the places where a proof must stand: its zone, and what resolvers see
// of it unless the zone says which servers count.
func Looks(at schema.Proof) []*schema.Zone {
	switch {
	case at.Zone == nil:
		return []*schema.Zone{nil}
	case len(at.Zone.Servers) > 0:
		return []*schema.Zone{at.Zone}
	}
	return []*schema.Zone{at.Zone, nil}
}

// missing gives the servers that do not show the proof, and whether any does.
func missing(at schema.Proof, data rr.Data, said map[place][]Observation) (out []Missing, stands bool) {
	for _, z := range Looks(at) {
		look, who := place{key: at.Key}, "resolver"
		if z != nil {
			look.zone, who = z.Addr(), "name server"
		}
		if len(said[look]) == 0 {
			out = append(out, Missing{Says: "no " + who + " was asked for it"})
		}
		for _, o := range said[look] {
			switch {
			case o.Err != "":
				out = append(out, Missing{o.Source, o.Err})
			case o.Set == nil || !o.Set.Has(data):
				out = append(out, Missing{o.Source, describe(o.Set, o.CNAME)})
			default:
				stands = true
			}
		}
	}
	return out, stands
}

// token is what proves d: what is given, what was issued for it before, or else a
// new one. It follows from base, so that two plans of the same say the same; it is
// empty where there is no base yet and none will be.
func (p *Plan) token(d *schema.Domain, base *revision.Revision, old revision.Proof, had bool) string {
	v := d.Verification
	switch {
	case v.Value != "":
		return v.Value
	case had && old.Method == v.Method && old.Token != "":
		return old.Token
	}
	lineage := base.Lineage
	if p.Base == "" {
		lineage = p.Seen.Lineage
	}
	if lineage == "" {
		return ""
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %d %s", lineage, base.Serial, d.Name))
	return v.Issued(strings.ToLower(base32.StdEncoding.EncodeToString(sum[:]))[:26])
}

// proven adds what the plan says about proofs beside their records.
func (p *Plan) proven(c *schema.Config) {
	for _, at := range c.Proofs() {
		i := slices.IndexFunc(p.Verifications, func(v Verification) bool { return v.Addr == at.Addr() })
		v := p.Verifications[i]
		if at.Zone == nil && v.Want != nil {
			e := Expectation{Addr: v.Addr, Status: Met, Want: *v.Want, Decl: at.Domain.Decl()}
			if v.State == Unverified {
				e.Status, e.Why = Unmet, fmt.Sprintf("the resolvers do not show the proof yet: %s", v.Missing[0])
			}
			p.Expectations = append(p.Expectations, e)
		}
		for j := range p.Changes {
			if ch := &p.Changes[j]; ch.Addr == v.Addr && ch.Action == Delete && v.State == Verified {
				ch.Why = "the domain is verified, and keep = false removes the proof"
			}
		}
		p.proofFindings(c, at, v)
	}
}

func (m Missing) String() string {
	if m.Source == "" {
		return m.Says
	}
	return m.Source + ": " + m.Says
}
