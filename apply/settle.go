package apply

import (
	"context"
	"errors"
	"fmt"
	"maps"
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
	s := settling{Options: o, result: res, byHand: plan.ByHand(p.Sets), deadline: o.Clock().Add(o.Wait)}
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
	waited   time.Time // what was pending until then has been looked at
	told     bool      // that proofs of ownership are waited for
	looked   bool      // they are no more waited for
}

// stay waits for what was written, and does what its time comes for, until there
// is nothing more to wait for.
func (s *settling) stay(ctx context.Context, written []plan.SetChange) error {
	for {
		if err := s.shown(ctx, written); err != nil || len(s.result.Lagging) > 0 {
			return err
		}
		if len(written) == 0 || !unseen(s.result.Revision) {
			if more, err := s.wait(ctx); err != nil || !more {
				return err
			}
		}
		var err error
		if written, err = s.again(ctx); err != nil || len(s.result.Meanwhile) > 0 {
			return err
		}
	}
}

// wait stays until the proofs of ownership are seen, or something that is pending may
// be done, or the wait is over, whichever is first. more says that there may be
// something to do.
func (s *settling) wait(ctx context.Context) (more bool, err error) {
	at, due := s.next()
	end := s.deadline
	if due {
		end = at
	}
	if more, err = s.proven(ctx, end); more || err != nil {
		return more, err
	}
	if due {
		s.waited = at
		err = s.until(ctx, at)
	}
	return due, err
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

// join adds what a later run did.
func (r *Result) join(next *Result) {
	r.Revision, r.zones = next.Revision, next.zones
	r.Changed = r.Changed || next.Changed
	r.Pending, r.Behind, r.Manual = next.Pending, next.Behind, next.Manual
	r.Written = append(r.Written, next.Written...)
	maps.Copy(r.Later, next.Later)
}
