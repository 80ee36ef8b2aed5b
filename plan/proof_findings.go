package plan

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/revision"
)

// proofFindings says what a person should know about a proof:
//
//	MR201  note     the domain is verified, and the proof may go
//	MR204  warning  the domain has been unverified for longer than within
//	MR205  note     the domain is verified, and the proof has vanished, which changes nothing
//	MR403  warning  the plan leads mail to a relay that defers it, because the domain is unverified
func (p *Plan) proofFindings(c *schema.Config, at schema.Proof, v Verification) {
	d := at.Domain
	find := func(code, severity, summary, detail string, args ...any) {
		p.Findings = append(p.Findings, Finding{Code: code, Severity: severity, Addr: d.Addr(), Summary: summary,
			Detail: fmt.Sprintf(detail, args...), Decl: schema.Place(d.Decl()), Allowed: d.Allowed()[code]})
	}
	i := slices.IndexFunc(p.Proofs, func(q revision.Proof) bool { return q.Domain == d.Addr() })
	proof := p.Proofs[i]
	switch {
	case v.State == Unverified:
		if due := proof.Asked.Add(d.Verification.Within); p.Made.After(due) {
			find("MR204", "warning", "its ownership is still not verified", "The proof has been waited for since %s, and should have been seen within %s. %s",
				proof.Asked.Format(time.RFC3339), schema.FormatDuration(d.Verification.Within), overdue(v))
		}
	case !d.Verification.Keep || v.New:
	case v.Stands:
		find("MR201", "note", "the proof of ownership may go", "%s has been verified since %s, and stays so. Write keep = false into verification to remove the proof, or accept this note with an allow block.", d.Name, v.Since.Format(time.RFC3339))
	case at.Zone == nil:
		find("MR205", "note", "the proof of ownership has vanished", "%s has been verified since %s, and stays so: its mail is accepted as before. Write keep = false into verification if the proof need not be there.", d.Name, v.Since.Format(time.RFC3339))
	}
	if !v.Gates {
		return
	}
	var hosts []string
	for _, r := range schema.All[*schema.Relay](c) {
		hosts = append(hosts, strings.ToLower(r.Hostname))
	}
	for _, s := range p.Sets {
		if s.Key.Type == "MX" && slices.Contains(MXNames(d), s.Key.Name) && leads(s.After, hosts) && !leads(s.Before, hosts) {
			find("MR403", "warning", "mail would be deferred", "The plan makes %s lead mail to a relay that answers 451 for %s until its ownership is verified, so senders would wait. Apply without the new MX first, and change the MX once mailrelay status says that the domain is verified.", s.Key, d.Name)
		}
	}
}

// overdue says what to do about a proof that is not seen.
func overdue(v Verification) string {
	if len(v.Missing) == 0 {
		return "Run mailrelay apply, which issues the token."
	}
	var says []string
	for _, m := range v.Missing {
		says = append(says, m.String())
	}
	return fmt.Sprintf("Correct the name servers that do not show it: %s.", strings.Join(says, "; "))
}
