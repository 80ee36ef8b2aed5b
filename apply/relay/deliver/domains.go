package deliver

import (
	"cmp"
	"slices"

	"github.com/mailrelay/mailrelay/apply/relay/spool"
)

// Queued is how many messages wait for recipients of a domain.
type Queued struct {
	Domain   string // of the recipients, as clients gave it
	Messages int
}

// Domains counts the messages of the queue by the domains of their recipients, no
// more than most of them, those with the most messages first. It looks at the whole
// queue.
func (r *Runner) Domains(most int) []Queued {
	counts := map[string]int{}
	r.mu.Lock()
	for m := r.all.oldest; m != nil; m = m.newer {
		for i := range m.env.Rcpts {
			domain := m.env.Rcpts[i].To.Domain
			seen := slices.ContainsFunc(m.env.Rcpts[:min(i, 20)], func(o spool.Rcpt) bool { return o.To.Domain == domain })
			if domain != "" && !seen {
				counts[domain]++
			}
		}
	}
	r.mu.Unlock()
	out := make([]Queued, 0, len(counts))
	for d, n := range counts {
		out = append(out, Queued{d, n})
	}
	slices.SortFunc(out, func(a, b Queued) int {
		return cmp.Or(cmp.Compare(b.Messages, a.Messages), cmp.Compare(a.Domain, b.Domain))
	})
	return slices.Clip(out[:min(len(out), most)])
}
