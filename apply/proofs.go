package apply

import (
	"context"
	"slices"
	"time"

	"github.com/mailrelay/mailrelay/plan"
	"github.com/mailrelay/mailrelay/plan/observe"
	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/revision"
)

// proven waits until the proofs of ownership that we have published are seen by
// every name server and by the resolvers, or until end. It reports whether there is
// nothing more to wait for, and something to record; without proofs it does neither.
// Result.Unproven are those that do not show them at the end.
func (s *settling) proven(ctx context.Context, end time.Time) (bool, error) {
	if s.looked {
		return false, nil
	}
	awaited, names, err := published(s.result.Revision)
	if err != nil || len(awaited) == 0 {
		return false, err
	}
	if !s.told {
		s.told = true
		s.event(schema.Addr{}, nil, "waiting until every name server and the resolvers show the proof for %s, at most until %s", Few(names), stamp(s.deadline))
	}
	s.result.Unproven, err = s.watch(ctx, awaited, end)
	s.looked = err == nil && (len(s.result.Unproven) == 0 || !s.Clock().Before(s.deadline))
	return s.looked, err
}

// published are the proofs of r that are ours and that have not been seen
// everywhere, and the names of their domains.
func published(r *revision.Revision) (out []Awaited, names []string, err error) {
	if r == nil || !slices.ContainsFunc(r.Proofs, func(p revision.Proof) bool { return !p.Verified() }) {
		return nil, nil, nil
	}
	c, err := revision.Config(revision.Only(r.Target, "domain", "zone"))
	if err != nil {
		return nil, nil, err
	}
	ours := map[schema.Addr]bool{}
	for _, o := range r.Owned {
		ours[o.Addr] = true
	}
	open := map[schema.Addr]string{} // tokens
	for _, p := range r.Proofs {
		if !p.Verified() {
			open[p.Domain] = p.Token
		}
	}
	for _, at := range c.Proofs() {
		token := open[at.Domain.Addr()]
		if token == "" || !ours[at.Addr()] {
			continue
		}
		data, err := at.Data(token)
		if err != nil {
			return nil, nil, err
		}
		for _, z := range plan.Looks(at) {
			out = append(out, Awaited{observe.Ask{Zone: z, Key: at.Key}, func(o plan.Observation) bool { return o.Set != nil && o.Set.Has(data) }})
		}
		names = append(names, at.Domain.Name)
	}
	return out, names, nil
}
