package render

import (
	"bytes"
	"fmt"
	"strings"
	"time"

	"github.com/mailrelay/mailrelay/plan"
)

// Verification is the proof that a domain is ours.
type Verification struct {
	Address string    `json:"address"` // domain.contoso.verification
	Domain  string    `json:"domain"`
	State   string    `json:"state"` // unverified or verified
	Since   time.Time `json:"since,omitzero"`
	// New says that this plan saw the proof for the first time, and that apply
	// records it.
	New bool `json:"new,omitempty"`
	// Gates says that mail for the domain is answered 451 until it is verified.
	Gates bool `json:"gates"`
	// Record is the proof in zone-file form; empty: the token is in the state, or is issued by an apply.
	Record  string         `json:"record,omitempty"`
	Missing []plan.Missing `json:"missing"`           // who does not show it
	ByHand  bool           `json:"by_hand,omitempty"` // mailrelay does not write it
	Issued  bool           `json:"issued,omitempty"`  // its token is of mailrelay, and not given
}

func verification(v plan.Verification) Verification {
	out := Verification{Address: v.Addr.String(), Domain: v.Domain, State: v.State, Since: v.Since, New: v.New, Gates: v.Gates,
		Missing: append([]plan.Missing{}, v.Missing...), ByHand: v.Manual, Issued: v.Issued}
	if v.Want != nil && len(v.Want.Data) > 0 {
		out.Record = zoneLine(v.Want, v.Want.Data[0])
	}
	return out
}

// unverified writes which domains are not verified and what is missing, and which
// are now. What was verified before is not worth a word.
func (m *Model) unverified(b *bytes.Buffer, s Style) {
	for _, v := range m.Verifications {
		m.proof(b, s, v)
	}
}

func (m *Model) proof(b *bytes.Buffer, s Style, v Verification) {
	switch {
	case v.New:
		fmt.Fprintf(b, "  %s %s is verified: the proof for %s is seen everywhere. Apply records it, and mail for the domain is accepted.\n\n", s.paint("32", "*"), s.bold(v.Address), v.Domain)
	case v.State == plan.Unverified:
		m.waiting(b, s, v)
	}
}

func (m *Model) waiting(b *bytes.Buffer, s Style, v Verification) {
	if v.Record == "" {
		fmt.Fprintf(b, "  %s %s may be verified or not: that and its token are in the state, which was left out\n\n", s.paint("33", "?"), s.bold(v.Address))
		return
	}
	fmt.Fprintf(b, "  %s %s is unverified", s.paint("33", "!"), s.bold(v.Address))
	if v.Gates {
		fmt.Fprintf(b, ", and mail for %s is answered 451 until it is verified", v.Domain)
	} else {
		fmt.Fprintf(b, "; mail for %s is accepted as before", v.Domain)
	}
	switch {
	case v.ByHand && m.Base == "" && v.Issued:
		fmt.Fprintf(b, "\n      apply this first, and enter the record then, as mailrelay status shows it: until something is applied, every plan has a token of its own\n      this plan's: %s", v.Record)
	case v.ByHand:
		fmt.Fprintf(b, "\n      enter this record, then apply: %s", v.Record)
	default:
		fmt.Fprintf(b, "\n      the proof: %s", v.Record)
	}
	for _, w := range v.Missing {
		if w.Source == "" {
			fmt.Fprintf(b, "\n      missing: %s", w.Says)
			continue
		}
		fmt.Fprintf(b, "\n      missing at %s, instead: %s", w.Source, w.Says)
	}
	b.WriteString("\n\n")
}

// mayGo is the finding that a proof of ownership is not needed any more. All of
// them are worth one line, which stays until somebody decides.
const mayGo = "MR201"

func proofsMayGo(b *bytes.Buffer, s Style, domains []string) {
	if len(domains) == 0 {
		return
	}
	names, what := domains, "its domain is"
	if len(domains) > 1 {
		what = "their domains are"
	}
	if n := len(domains) - 3; n > 0 {
		names = append(domains[:3:3], fmt.Sprintf("%d more", n))
	}
	fmt.Fprintf(b, "%s %s %s of ownership may go: %s verified, and keep = false removes what stands in DNS (%s).\n\n",
		s.paint("36", "Note:"), mayGo, count(len(domains), "proof"), what, strings.Join(names, ", "))
}
