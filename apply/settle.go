package apply

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/mailrelay/mailrelay/plan"
	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/revision"
)

// Settle makes p so, as Run does, and then stays for up to Options.Wait, without a
// lock, for what takes time:
//
//   - until every authoritative server shows what was written. Result.Lagging are
//     those that did not.
//   - until every authoritative server and the resolvers show the proofs of
//     ownership that are ours. Result.Unproven are those that did not.
//   - until what is pending may be done, if that time comes before the end of the
//     wait, and does it.
//
// What comes after the wait was part of p already: the plan is made again by
// Options.Replan and applied if it holds nothing but records of what servers show
// now, and pending steps whose time has come. Anything else that came up meanwhile
// is Result.Meanwhile, and not applied.
//
// An error is one of Run for p, after which nothing is waited for. If the wait
// itself ended early, everything was done and recorded up to there, and
// Result.Stopped says why.
func Settle(ctx context.Context, p *plan.Plan, o Options) (*Result, error) {
	res, err := Run(ctx, p, o)
	if err != nil || o.Wait <= 0 || p.Scope.RefreshOnly {
		return res, err
	}
	s := settling{Options: o, result: res, byHand: byHand(p), deadline: o.Clock().Add(o.Wait)}
	if err := s.stay(ctx, res.Written); err != nil {
		if ctx.Err() != nil {
			err = errors.New("interrupted while waiting")
		}
		res.Stopped = err
	}
	return res, nil
}

// settling is an apply that stays.
type settling struct {
	Options
	result   *Result
	byHand   map[schema.Addr]bool // what a person has to write, and plans show again and again
	deadline time.Time
}

// stay waits for what was written, and does what its time comes for, until there
// is nothing more to wait for.
func (s *settling) stay(ctx context.Context, written []plan.SetChange) error {
	var waited time.Time // for what was pending then
	var looked bool      // for the proofs of ownership
	for {
		if err := s.shown(ctx, written); err != nil || len(s.result.Lagging) > 0 {
			return err
		}
		proofs := false
		if !looked {
			var err error
			if proofs, err = s.proven(ctx); err != nil {
				return err
			}
			looked = true
		}
		if !proofs && (len(written) == 0 || !unseen(s.result.Revision)) {
			at, ok := s.next()
			if !ok || !at.After(waited) {
				return nil
			}
			if err := s.until(ctx, at); err != nil {
				return err
			}
			waited = at
		}
		var err error
		if written, err = s.again(ctx); err != nil {
			return err
		}
	}
}

// shown waits until all servers show what was written.
func (s *settling) shown(ctx context.Context, written []plan.SetChange) error {
	if len(written) == 0 {
		return nil
	}
	var awaited []Awaited
	var names []string
	for _, part := range perZone(written, s.result.zones) {
		if part.zone == nil {
			continue // it was written as base had it, and is gone now
		}
		names = append(names, part.zone.Name)
		awaited = append(awaited, writtenTo(part.zone, part.sets)...)
	}
	slices.Sort(names)
	if n := len(names) - 3; n > 0 {
		names = append(names[:3], fmt.Sprintf("%d more zones", n))
	}
	s.event(schema.Addr{}, nil, "waiting until every name server of %s shows what was written, at most until %s", strings.Join(names, ", "), stamp(s.deadline))
	lags, err := s.watch(ctx, awaited, s.deadline)
	if len(lags) > 0 && err == nil {
		err = s.overtaken(ctx) // who has written something else since is no laggard
	}
	if err == nil {
		s.result.Lagging = lags
	}
	if err == nil && len(lags) == 0 {
		clear(s.result.Later)
	}
	return err
}

// overtaken is an error if somebody else has applied since.
func (s *settling) overtaken(ctx context.Context) error {
	now, err := s.Store.Current(ctx)
	if err != nil {
		return err
	}
	if now == nil || now.Hash != s.result.Revision.Hash {
		return overtakenBy(now)
	}
	return nil
}

func overtakenBy(r *revision.Revision) error {
	if r == nil {
		return errors.New("the state has become empty meanwhile")
	}
	return fmt.Errorf("somebody else has applied %s meanwhile", named(r.Serial, r.Hash))
}

// next is the earliest time within the wait at which something that is pending may
// be done.
func (s *settling) next() (at time.Time, ok bool) {
	for _, t := range times(s.result.Revision) {
		if !t.After(s.deadline) && (!ok || t.Before(at)) {
			at, ok = t, true
		}
	}
	return at, ok
}

// times are those from which something of r is safe to do.
func times(r *revision.Revision) []time.Time {
	if r == nil {
		return nil
	}
	var out []time.Time
	for _, p := range r.Pending {
		out = append(out, p.NotBefore)
	}
	for _, k := range r.Retained {
		out = append(out, k.Until)
	}
	return slices.DeleteFunc(out, time.Time.IsZero)
}

// until waits for a time.
func (s *settling) until(ctx context.Context, at time.Time) error {
	for line := s.Clock(); ; {
		now := s.Clock()
		if !now.Before(at) {
			return nil
		}
		if !now.Before(line) {
			line = now.Add(lineEvery)
			s.event(schema.Addr{}, nil, "waiting until %s for what is pending: %s", stamp(at), strings.Join(s.due(at), ", "))
		}
		if err := s.Sleep(ctx, min(at.Sub(now), line.Sub(now))); err != nil {
			return err
		}
	}
}

// due names what may be done at a time.
func (s *settling) due(at time.Time) []string {
	var out []string
	for _, p := range s.result.Revision.Pending {
		if !p.NotBefore.IsZero() && !p.NotBefore.After(at) {
			for _, a := range p.Addrs {
				out = append(out, a.String())
			}
		}
	}
	for _, k := range s.result.Revision.Retained {
		if !k.Until.IsZero() && !k.Until.After(at) {
			out = append(out, k.Object.Addr.String())
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// again plans again and does what belongs to this apply.
func (s *settling) again(ctx context.Context) (written []plan.SetChange, err error) {
	p, err := s.Replan(ctx)
	if err != nil {
		return nil, fmt.Errorf("what follows could not be planned: %w", err)
	}
	cur := s.result.Revision
	if p.Base != cur.Hash {
		return nil, s.overtaken(ctx)
	}
	if p.Refused() {
		return nil, errors.New("a finding of severity error came up meanwhile")
	}
	if s.result.Meanwhile = s.meanwhile(p, cur); len(s.result.Meanwhile) > 0 {
		return nil, nil
	}
	res, err := Run(ctx, p, s.Options)
	if res != nil {
		s.result.join(res)
	}
	if err != nil {
		return nil, fmt.Errorf("what was pending could not be done: %w", err)
	}
	return res.Written, nil
}

// meanwhile names the changes of a plan that are no part of this apply: others
// than those that were pending in cur, and than what a person has to write.
func (s *settling) meanwhile(p *plan.Plan, cur *revision.Revision) []schema.Addr {
	waited := map[schema.Addr]bool{}
	for _, step := range cur.Pending {
		for _, a := range step.Addrs {
			waited[a] = true
		}
	}
	for _, k := range cur.Retained {
		waited[k.Object.Addr] = true
	}
	var out []schema.Addr
	for _, c := range p.Changes {
		idle := c.Action == plan.Inconclusive || c.Action == plan.NoOp
		if !idle && !c.Pending && !waited[c.Addr] && !s.byHand[c.Addr] {
			out = append(out, c.Addr)
		}
	}
	return out
}

// byHand are the addresses of what a person writes.
func byHand(p *plan.Plan) map[schema.Addr]bool {
	out := map[schema.Addr]bool{}
	for _, s := range p.Sets {
		if s.Manual {
			for _, a := range s.Addrs {
				out[a] = true
			}
		}
	}
	return out
}

// join adds what a later run did.
func (r *Result) join(next *Result) {
	r.Revision, r.zones = next.Revision, next.zones
	r.Changed = r.Changed || next.Changed
	r.Pending, r.Behind, r.Manual = next.Pending, next.Behind, next.Manual
	r.Written = append(r.Written, next.Written...)
	maps.Copy(r.Later, next.Later)
}

// unseen reports whether r still has to learn that its switches were seen, or what
// it wrote to a file.
func unseen(r *revision.Revision) bool {
	return len(r.Intent) > 0 || slices.ContainsFunc(r.Switched, func(s revision.Switched) bool { return s.Since.IsZero() })
}
