package plan

import (
	"slices"
	"time"

	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/revision"
	"github.com/mailrelay/mailrelay/schema/rr"
)

// refresh makes a plan that writes nothing. What others did to what is ours is
// taken as it is now, and what stands as c wants it becomes ours. The target stays
// base's but for what is adopted.
func (s Scope) refresh(c *schema.Config, base *revision.Revision, seen Seen, now time.Time) (*Plan, error) {
	whole, err := s.compare(c, base, seen, now)
	if err != nil {
		return nil, err
	}
	old := &revision.Revision{}
	if base != nil {
		if old, _, _, err = rename(base, c); err != nil {
			return nil, err
		}
	}
	before, err := revision.Config(old.Target)
	if err != nil {
		return nil, err
	}
	p, err := s.compare(mix(before, c, adoptable(whole, c, before)), base, seen, now)
	if err != nil {
		return nil, err
	}
	p.Sets, p.Relied = nil, nil
	p.Retained, p.Pending, p.Manual = old.Retained, old.Pending, old.Manual
	p.Changes = slices.DeleteFunc(p.Changes, func(ch Change) bool { return !slices.Contains([]Action{Import, NoOp, Inconclusive}, ch.Action) })
	p.Findings = slices.DeleteFunc(p.Findings, func(f Finding) bool { return f.Code == takenOver })
	return p, nil
}

// adoptable lists, sorted, the record blocks that p imports, with their zones. One
// that would bring along anything that a relay runs from stays out.
func adoptable(p *Plan, c, before *schema.Config) []schema.Addr {
	var out []schema.Addr
	for _, ch := range p.Changes {
		r := schema.At[*schema.Record](c, ch.Addr)
		if ch.Action != Import || r == nil {
			continue
		}
		out = append(out, r.Addr())
		if before.Block(r.Zone) == nil {
			out = append(out, r.Zone)
		}
	}
	slices.SortFunc(out, schema.Addr.Compare)
	return slices.Compact(out)
}

// accept takes what others did to o for what is ours, if that is the scope; found
// is what is left of it, nil for nothing.
func (p *Plan) accept(o revision.Owned, found *rr.Set) {
	switch {
	case !p.Scope.RefreshOnly:
	case found == nil:
		p.Disowned = append(p.Disowned, o)
	default:
		o.Set = *found
		p.Adopted = append(p.Adopted, o)
	}
}
