package plan

import (
	"fmt"
	"slices"
	"time"

	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/revision"
)

// tooLong is the finding that an expectation is unmet for longer than its within.
const tooLong = "MR212"

// await keeps since when an expectation is unmet, as far as applies have recorded
// it, and says when that is too long. One of which nothing certain is known waits
// on if it did.
func (p *Plan) await(e *schema.Expect, x Expectation, base *revision.Revision) {
	i, known := slices.BinarySearchFunc(base.Awaited, e.Addr(), func(a revision.Awaited, at schema.Addr) int { return a.Addr.Compare(at) })
	if x.Status == Met || x.Status == Open && !known {
		return
	}
	waits := revision.Awaited{Addr: e.Addr(), Since: p.Made}
	if known {
		waits = base.Awaited[i]
	}
	p.Awaited = append(p.Awaited, waits)
	if d := p.Made.Sub(waits.Since); e.Within > 0 && d > e.Within {
		p.Findings = append(p.Findings, Finding{
			Code: tooLong, Severity: "warning", Addr: e.Addr(), Decl: schema.Place(e.Decl()), Allowed: e.Allowed()[tooLong],
			Summary: fmt.Sprintf("%s is overdue", e.Addr()),
			Detail: fmt.Sprintf("It is unmet since %s, which is longer than within = %q. Ask whoever writes it, or allow more time.",
				waits.Since.UTC().Format(time.RFC3339), e.Within),
		})
	}
}
