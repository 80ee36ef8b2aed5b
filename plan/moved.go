package plan

import (
	"fmt"
	"slices"

	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/revision"
)

// moves says under which address an object of the base stands now.
type moves struct {
	declared []schema.Moved
	one      map[schema.Addr]schema.Addr // of each address that is declared
	whole    map[schema.Addr]schema.Addr // of blocks as a whole
	taken    map[schema.Addr]bool        // what the base holds: nothing moves over it
}

// to gives the address that a has now. A move of an instance is stronger than one
// of the block as a whole, and a move may lead to another one. Parts go along.
func (m moves) to(a schema.Addr) schema.Addr {
	at := schema.Addr{Type: a.Type, Name: a.Name, Key: a.Key}
	for range m.declared {
		next, ok := m.step(at)
		if !ok {
			break
		}
		if m.taken[next] {
			return a
		}
		at = next
	}
	at.Part = a.Part
	return at
}

func (m moves) step(a schema.Addr) (schema.Addr, bool) {
	if to, ok := m.one[a]; ok {
		return to, true
	}
	to, ok := m.whole[schema.Addr{Type: a.Type, Name: a.Name}]
	if !ok {
		return a, false
	}
	return schema.Addr{Type: to.Type, Name: to.Name, Key: a.Key}, true
}

// newMoves takes of several declarations of one address the first.
func newMoves(declared []schema.Moved) moves {
	m := moves{declared: declared, one: map[schema.Addr]schema.Addr{}, whole: map[schema.Addr]schema.Addr{}}
	for _, d := range slices.Backward(declared) {
		m.one[d.From] = d.To
		if d.From.Key == "" && d.To.Key == "" {
			m.whole[schema.Addr{Type: d.From.Type, Name: d.From.Name}] = d.To
		}
	}
	return m
}

// zones are the moves of zones that nobody had to declare: what stands in DNS is
// in the zone of a name, whatever the block is called now.
func zones(base *revision.Revision, c *schema.Config) []schema.Moved {
	declared := func(a schema.Addr) bool {
		return slices.ContainsFunc(c.Moved, func(m schema.Moved) bool { return m.To == a || m.From == a })
	}
	before := map[schema.Addr]bool{}
	gone, come := map[string][]*schema.Zone{}, map[string][]*schema.Zone{} // by name
	old := Zones(c, base)
	for _, o := range base.Target {
		if o.Addr.Type != "zone" {
			continue
		}
		if before[o.Addr] = true; c.Block(o.Addr) != nil || declared(o.Addr) {
			continue
		}
		if z := old(o.Addr, ""); z != nil {
			gone[z.Name] = append(gone[z.Name], z)
		}
	}
	for _, z := range schema.All[*schema.Zone](c) {
		if gone[z.Name] != nil && !before[z.Addr()] && !declared(z.Addr()) {
			come[z.Name] = append(come[z.Name], z)
		}
	}
	var out []schema.Moved
	for name, list := range come {
		sole := len(list) == 1 && len(gone[name]) == 1
		for _, z := range list {
			for _, from := range gone[name] {
				if sole || slices.Equal(from.Servers, z.Servers) { // one that has another view is another zone
					out = append(out, schema.Moved{From: from.Addr(), To: z.Addr()})
				}
			}
		}
	}
	slices.SortFunc(out, func(a, b schema.Moved) int { return a.To.Compare(b.To) })
	return out
}

// rename applies the moves that c declares to base, and gives those that had an
// effect, an instance each. Without any it gives base itself.
func rename(base *revision.Revision, c *schema.Config) (*revision.Revision, moves, []schema.Moved, error) {
	m := newMoves(append(zones(base, c), c.Moved...))
	if len(m.declared) == 0 {
		return base, m, nil, nil
	}
	m.taken = make(map[schema.Addr]bool, len(base.Target))
	for _, o := range base.Target {
		m.taken[o.Addr] = true
	}
	var done []schema.Moved
	for _, o := range base.Target {
		if to := m.to(o.Addr); to != o.Addr {
			done = append(done, schema.Moved{From: o.Addr, To: to})
		}
	}
	if len(done) == 0 {
		return base, m, nil, nil
	}
	out := *base
	var err error
	if out.Target, err = m.objects(base.Target); err != nil {
		return nil, m, nil, fmt.Errorf("reading revision %d: %w", base.Serial, err)
	}
	out.Owned = m.owned(base.Owned)
	out.Intent, out.Pending, out.Manual = m.steps(base.Intent), m.steps(base.Pending), m.steps(base.Manual)
	out.Retained = slices.Clone(base.Retained)
	for i, r := range out.Retained {
		o, err := m.objects([]revision.Object{r.Object})
		if err != nil {
			return nil, m, nil, fmt.Errorf("reading revision %d: %w", base.Serial, err)
		}
		out.Retained[i].Object = o[0]
	}
	if out.Former, err = m.objects(base.Former); err != nil {
		return nil, m, nil, fmt.Errorf("reading revision %d: %w", base.Serial, err)
	}
	out.Switched = m.switched(base.Switched)
	out.Proofs = slices.Clone(base.Proofs)
	for i, p := range out.Proofs {
		out.Proofs[i].Domain = m.to(p.Domain)
	}
	slices.SortFunc(out.Proofs, func(a, b revision.Proof) int { return a.Domain.Compare(b.Domain) })
	out.Awaited = slices.Clone(base.Awaited)
	for i, a := range out.Awaited {
		out.Awaited[i].Addr = m.to(a.Addr)
	}
	slices.SortFunc(out.Awaited, func(a, b revision.Awaited) int { return a.Addr.Compare(b.Addr) })
	out.Stages = slices.Clone(base.Stages)
	for i, s := range out.Stages {
		out.Stages[i].Domain, out.Stages[i].Stage = m.to(s.Domain), m.to(s.Stage)
	}
	return &out, m, done, nil
}

// objects gives blocks under their new addresses, by which they refer to each
// other too.
func (m moves) objects(in []revision.Object) ([]revision.Object, error) {
	types := schema.Types()
	out := slices.Clone(in)
	for i, o := range out {
		t := schema.TypeNamed(types, o.Addr.Type)
		if t == nil {
			continue
		}
		v, err := o.Cty(t)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", o.Addr, err)
		}
		if out[i], err = revision.NewObject(m.to(o.Addr), t, t.Body.Readdress(v, m.to), o.Range()); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(out, func(a, b revision.Object) int { return a.Addr.Compare(b.Addr) })
	return out, nil
}

func (m moves) owned(in []revision.Owned) []revision.Owned {
	out := slices.Clone(in)
	for i, o := range out {
		out[i].Addr, out[i].Zone = m.to(o.Addr), m.to(o.Zone)
	}
	return out
}

func (m moves) steps(in []revision.Step) []revision.Step {
	out := slices.Clone(in)
	for i, s := range out {
		out[i].Zone, out[i].Owned = m.to(s.Zone), m.owned(s.Owned)
		out[i].Addrs = nil
		for _, a := range s.Addrs {
			out[i].Addrs = append(out[i].Addrs, m.to(a))
		}
	}
	return out
}

func (m moves) switched(in []revision.Switched) []revision.Switched {
	out := slices.Clone(in)
	for i, s := range out {
		out[i].Zone, out[i].Addrs = m.to(s.Zone), nil
		for _, a := range s.Addrs {
			out[i].Addrs = append(out[i].Addrs, m.to(a))
		}
	}
	return out
}

// seen gives observations under the new addresses of zones. Where a place was
// looked at under both, what was seen under the old one does not count.
func (m moves) seen(in []Observation) []Observation {
	if len(m.declared) == 0 {
		return in
	}
	now := map[place]bool{}
	for _, o := range in {
		now[place{o.Zone, o.Key}] = true
	}
	var out []Observation
	for _, o := range in {
		if to := m.to(o.Zone); to != o.Zone {
			if now[place{to, o.Key}] {
				continue
			}
			o.Zone = to
		}
		out = append(out, o)
	}
	return out
}

// moved notes the previous address at what changes, and adds what only moved.
func (p *Plan) moved(c *schema.Config, done []schema.Moved) {
	p.Moved = done
	if len(done) == 0 {
		return
	}
	changes := map[schema.Addr][]int{} // of p.Changes
	for i, ch := range p.Changes {
		changes[ch.Addr] = append(changes[ch.Addr], i)
	}
	settled := map[schema.Addr]revision.Owned{}
	for _, o := range p.Settled {
		settled[o.Addr] = o
	}
	for _, m := range done {
		for _, i := range changes[m.To] {
			p.Changes[i].PrevAddr = m.From
		}
		b := c.Block(m.To)
		if len(changes[m.To]) > 0 || b == nil {
			continue
		}
		ch := Change{Addr: m.To, PrevAddr: m.From, Action: NoOp, Before: b.Value(), After: b.Value(), Decl: b.Decl()}
		if o, ok := settled[m.To]; ok {
			ch.Before = value(o.Zone, &o.Set)
			ch.After = ch.Before
		}
		changes[m.To] = []int{len(p.Changes)}
		p.Changes = append(p.Changes, ch)
	}
}
