package plan

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/decide"
	"github.com/mailrelay/mailrelay/schema/revision"
)

// shownDomains is how many domains a finding lists.
const shownDomains = 5

// stranded finds mail in the queues of relays that has a way out by the revision in
// force, and none by the configuration:
//
//	MR501  warning  mail that is queued would have no way out
//
// It asks the relays' own reports, which name the domains with the most messages.
func (p *Plan) stranded(c *schema.Config, base *revision.Revision, nodes []Node) error {
	queued := map[schema.Addr]map[string]int{} // by relay and domain
	for _, n := range nodes {
		relay, err := schema.ParseAddr(n.Relay)
		if err != nil || len(n.Queued) == 0 { // a node that has run nothing yet
			continue
		}
		if queued[relay] == nil {
			queued[relay] = map[string]int{}
		}
		for _, q := range n.Queued {
			queued[relay][q.Domain] += q.Messages
		}
	}
	if len(queued) == 0 || p.Base == "" {
		return nil
	}
	before, err := base.InForce()
	if err != nil {
		return err
	}
	old, err := decide.Compile(before)
	if err != nil {
		return err
	}
	next, err := decide.Compile(c)
	if err != nil {
		return err
	}
	for relay, domains := range queued {
		var lost []Queued
		total := 0
		for d, n := range domains {
			if old.Carries(relay, d) && !next.Carries(relay, d) {
				lost = append(lost, Queued{d, n})
				total += n
			}
		}
		if len(lost) == 0 {
			continue
		}
		slices.SortFunc(lost, func(a, b Queued) int {
			return cmp.Or(cmp.Compare(b.Messages, a.Messages), cmp.Compare(a.Domain, b.Domain))
		})
		p.Findings = append(p.Findings, strand(c, relay, lost, total))
	}
	return nil
}

// strand is the finding about one relay.
func strand(c *schema.Config, relay schema.Addr, lost []Queued, total int) Finding {
	var words []string
	for _, q := range lost[:min(len(lost), shownDomains)] {
		words = append(words, fmt.Sprintf("%s (%d)", q.Domain, q.Messages))
	}
	if n := len(lost) - shownDomains; n > 0 {
		words = append(words, fmt.Sprintf("%d more", n))
	}
	f := Finding{Code: "MR501", Severity: "warning", Addr: relay, Summary: "mail that is queued would have no way out",
		Detail: fmt.Sprintf("%s holds messages for %s, and no send connector would carry them: they would wait until they expire, and go back to their senders. Let the queue empty first (mailrelay queue list), keep a send connector for them, or decide on them with mailrelay queue bounce or drop.", relay, strings.Join(words, ", "))}
	if total == 1 {
		f.Detail = fmt.Sprintf("%s holds a message for %s, and no send connector would carry it: it would wait until it expires, and go back to its sender. Let the queue empty first (mailrelay queue list), keep a send connector for it, or decide on it with mailrelay queue bounce or drop.", relay, lost[0].Domain)
	}
	if b := schema.At[*schema.Relay](c, relay); b != nil {
		f.Decl, f.Allowed = schema.Place(b.Decl()), b.Allowed()[f.Code]
	} else {
		f.Detail = fmt.Sprintf("%s would be gone, and it holds messages for %s: nobody would deliver them. Let the queue empty first (mailrelay queue list), or decide on them with mailrelay queue bounce or drop.", relay, strings.Join(words, ", "))
	}
	return f
}
