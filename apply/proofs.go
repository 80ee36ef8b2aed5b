package apply

import (
	"context"
	"slices"
	"strings"

	"github.com/mailrelay/mailrelay/plan"
	"github.com/mailrelay/mailrelay/plan/observe"
	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/revision"
)

// proven waits until the proofs of ownership that we have published are seen by
// every name server and by the resolvers; Result.Unproven are those that do not
// show them when the wait is over. waited says that there was one to wait for.
func (s *settling) proven(ctx context.Context) (waited bool, err error) {
	awaited, names, err := published(s.result.Revision)
	if err != nil || len(awaited) == 0 {
		return false, err
	}
	s.event(schema.Addr{}, nil, "waiting until every name server and the resolvers show the proof for %s, at most until %s", strings.Join(names, ", "), stamp(s.deadline))
	s.result.Unproven, err = s.watch(ctx, awaited, s.deadline)
	return true, err
}

// published are the proofs of r that are ours and that have not been seen
// everywhere, and the names of their domains, of which three are enough.
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
	if n := len(names) - 3; n > 0 {
		names = append(names[:3], "others")
	}
	return out, names, nil
}
