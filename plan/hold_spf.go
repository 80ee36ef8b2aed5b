package plan

import (
	"fmt"
	"slices"

	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/revision"
	"github.com/mailrelay/mailrelay/schema/rr"
	"github.com/mailrelay/mailrelay/schema/rr/policy"
)

// spfRoom is how many bytes an SPF record may have that lets in the senders of
// before and after: beyond that, answers over UDP are cut (RFC 7208, 3.4).
const spfRoom = 1000

// later is an SPF record that has to wait: what is written now lets in the senders
// of before too.
type later struct {
	addr  schema.Addr
	wait  wait
	final *rr.Set          // the RRset once its time has come
	owned []revision.Owned // what is ours of it then
}

// keepSenders puts, in the place of an SPF record that lets fewer senders in, one
// that lets in those of before too, for as long as mail in the zone may take its old
// way. nil: nothing has to wait. What cannot be put together is given up, and a
// finding (MR402) says so.
func (s *rrset) keepSenders(p *Plan) (*later, error) {
	if s.at.key.Type != "TXT" || s.view.open != "" || s.view.set == nil || len(p.leading)+len(p.Switched) == 0 {
		return nil, nil
	}
	if after, _ := s.after(); rr.Equal(s.view.set, after) {
		return nil, nil
	}
	old, ok := s.replaced()
	if !ok {
		return nil, nil
	}
	for i, want := range s.want {
		for j, d := range want.data {
			next, err := policy.ReadSPF(d.Text())
			if err != nil || len(policy.Lost(old, next)) == 0 {
				continue
			}
			concerns := func(sw revision.Switched) bool { return sw.Was != nil && sw.Zone == s.at.zone }
			w, waits := p.waitFor(concerns)
			if !waits {
				p.rely(concerns)
				return nil, nil
			}
			l := &later{addr: want.block.Addr(), wait: w}
			l.final, l.owned = s.after()
			both, err := policy.Union(old, next)
			if err == nil && len(both.String()) > spfRoom {
				err = fmt.Errorf("the record that lets both in has %d bytes, which is too long", len(both.String()))
			}
			if n := lookups(both); err == nil && n > policy.MaxLookups {
				err = fmt.Errorf("the record that lets both in needs %d look-ups, and %d are allowed", n, policy.MaxLookups)
			}
			if err != nil {
				p.Findings = append(p.Findings, Finding{Code: "MR402", Severity: "warning", Addr: l.addr, Decl: schema.Place(want.block.Decl()), Allowed: want.block.Allowed()["MR402"],
					Summary: fmt.Sprintf("%s cannot let the senders of before in until it is safe", l.addr),
					Detail:  fmt.Sprintf("%s. Mail that takes its old way may fail SPF meanwhile: %s. Take fewer senders away at a time.", sentence(w.why), err)})
				return nil, nil
			}
			text, err := rr.Parse("TXT", "", both.String())
			if err != nil {
				return nil, fmt.Errorf("%s: %w", l.addr, err)
			}
			s.want = slices.Clone(s.want)
			s.want[i].data = slices.Clone(want.data)
			s.want[i].data[j] = text
			return l, nil
		}
	}
	return nil, nil
}

// replaced is the one SPF record that stands there, if it is ours to replace, and the
// only one that is wanted takes its place. Of two, receivers make nothing.
func (s *rrset) replaced() (policy.Record, bool) {
	spf := func(d rr.Data) bool { _, err := policy.ReadSPF(d.Text()); return err == nil }
	count := func(data []rr.Data) int {
		return len(slices.DeleteFunc(slices.Clone(data), func(d rr.Data) bool { return !spf(d) }))
	}
	if count(s.view.set.Data) != 1 || count(s.wanted()) != 1 {
		return nil, false
	}
	d := s.view.set.Data[slices.IndexFunc(s.view.set.Data, spf)]
	mine := slices.ContainsFunc(s.want, func(w wanted) bool { return w.block.Exclusive }) ||
		slices.ContainsFunc(s.ours, func(o revision.Owned) bool { return o.Set.Has(d) })
	r, _ := policy.ReadSPF(d.Text())
	return r, mine
}

// lookups counts the look-ups of a record itself.
func lookups(r policy.Record) int {
	n := 0
	for _, t := range r {
		if slices.Contains([]string{"include", "a", "mx", "ptr", "exists", "redirect"}, t.Name) {
			n++
		}
	}
	return n
}

// postpone adds to the plan what has to wait of an SPF record, once the RRset that
// is written now has been decided.
func (l *later) postpone(p *Plan, base *revision.Revision, s rrset) {
	now, _ := s.after()
	step := revision.Step{Addrs: []schema.Addr{l.addr}, Zone: s.at.zone, Before: now, After: l.final, Owned: l.owned, NotBefore: l.wait.until}
	p.Pending = append(p.Pending, step)
	for i := range p.Changes {
		if c := &p.Changes[i]; c.Addr == l.addr && c.Key() == s.at.key {
			c.hold(l.wait)
			return
		}
	}
	ch := Change{Addr: l.addr, Action: Update}
	for i, w := range s.want {
		if w.block.Addr() == l.addr {
			_, mine := s.after()
			ch.Before, ch.After, ch.Decl = value(s.at.zone, &mine[i].Set), value(s.at.zone, &l.owned[i].Set), w.block.Decl()
		}
	}
	ch.hold(l.wait)
	ch.Pending = slices.ContainsFunc(stepsAt(base.Pending, s.at), func(b revision.Step) bool { return rr.Equal(b.After, step.After) })
	p.Changes = append(p.Changes, ch)
}

// stepsAt are those of the RRset at a place.
func stepsAt(steps []revision.Step, at place) []revision.Step {
	var out []revision.Step
	for _, step := range steps {
		if step.Zone == at.zone && step.Key() == at.key {
			out = append(out, step)
		}
	}
	return out
}
