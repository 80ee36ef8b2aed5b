// Package apply makes a plan so, in an order in which no mail is lost and so that
// it may be killed at any moment: what was about to be written is in the state
// before it is written, and the next plan finds out how far it came.
package apply

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/mailrelay/mailrelay/apply/dns"
	"github.com/mailrelay/mailrelay/apply/state"
	"github.com/mailrelay/mailrelay/plan"
	"github.com/mailrelay/mailrelay/plan/observe"
	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/revision"
)

// Options are what Run works with.
type Options struct {
	Store state.Store
	// Writer gives what writes a zone; nil where a person does.
	Writer func(*schema.Zone) dns.Writer
	// Observe asks every authoritative server for RRsets. Nil: nobody is asked
	// again before writing.
	Observe func(ctx context.Context, asks []observe.Ask) []plan.Observation
	Clock   func() time.Time
	// Sleep waits, or returns early with the error of ctx.
	Sleep func(ctx context.Context, d time.Duration) error
	Who   state.Info
	// LockTimeout is how long to wait for another apply.
	LockTimeout time.Duration
	// NodeTimeout is how long live relay nodes may take to run the new revision
	// before DNS is changed.
	NodeTimeout time.Duration
	// Wait is how long Settle stays after the write. Run does not heed it.
	Wait time.Duration
	// Replan makes the plan again: of the same configuration, over the revision that
	// is current now, with what servers and nodes say now.
	Replan func(ctx context.Context) (*plan.Plan, error)
	// Parallel is how many zones are written at a time.
	Parallel int
	// Event is told what happens, as it happens. It may be called from several
	// goroutines at a time.
	Event func(Event)
	// Checkpoint, if set, is called at each named step. Tests end the process there.
	Checkpoint func(step string)
}

// Event is something that Run did, or could not do.
type Event struct {
	Addr schema.Addr // zero: the apply as a whole
	Text string
	Err  error
}

// Result says what was done.
type Result struct {
	Revision *revision.Revision // the one that is current now; nil: there is none
	Changed  bool               // a new revision was put
	Manual   []plan.SetChange   // what a person has to enter
	Failed   map[schema.Addr]error
	Written  []plan.SetChange
	Pending  []plan.Change // what waits, and from which time on it is safe
	// Later says, by zone, what somebody has to do before servers show what was
	// written. Settle takes it away again if they do.
	Later  map[schema.Addr]string
	Behind error // live relay nodes do not run Revision yet, and why; DNS is as planned

	// What Settle adds.
	Lagging   []Lag         // servers that do not show yet what was written
	Unproven  []Lag         // servers and resolvers that do not show a proof of ownership yet
	Meanwhile []schema.Addr // changes that came up while it waited, and were not applied
	Stopped   error         // why the wait ended early; what was done until then is recorded

	zones zones // those of the run
}

// zones finds the zone in which a plan writes a full name; nil: neither the plan nor its base has
// it. It may not be called by several goroutines at the same time.
type zones func(zone schema.Addr, name string) *schema.Zone

func zonesOf(p *plan.Plan, base *revision.Revision) (zones, error) {
	c, err := revision.Config(revision.Only(p.Target, "zone"))
	if err != nil {
		return nil, err
	}
	return plan.Zones(c, base), nil
}

// StaleError says that the world is not as the plan saw it.
type StaleError struct{ Reasons []error }

func (e *StaleError) Error() string { return errors.Join(e.Reasons...).Error() }

// Unwrap gives the reasons.
func (e *StaleError) Unwrap() []error { return e.Reasons }

// Run makes p so. It returns *StaleError, and has written nothing, if another
// revision was applied since the plan was made or an RRset that it touches has
// moved. A failed zone does not stop the others: Result.Failed says which. Any
// other error means that the state tells how far it came.
func Run(ctx context.Context, p *plan.Plan, o Options) (*Result, error) {
	unlock, err := o.Store.Lock(ctx, o.Who, o.LockTimeout)
	if err != nil {
		return nil, err
	}
	defer unlock()
	base, err := o.Store.Current(ctx)
	if err != nil {
		return nil, err
	}
	zones, err := zonesOf(p, base)
	if err != nil {
		return nil, err
	}
	if err := o.fresh(ctx, p, base, zones); err != nil {
		return nil, err
	}
	r := &run{Options: o, plan: p, base: base, result: &Result{Revision: base, zones: zones, Pending: p.Waiting(), Failed: map[schema.Addr]error{}, Later: map[schema.Addr]string{}}}
	if err := r.run(ctx); err != nil {
		return r.result, err
	}
	if r.result.Changed {
		r.result.Behind = r.awaitNodes(ctx)
	}
	return r.result, nil
}

// run is one apply.
type run struct {
	Options
	plan   *plan.Plan
	base   *revision.Revision // nil: the first
	result *Result
}

func (r *run) run(ctx context.Context) error {
	var written []plan.SetChange
	for _, s := range r.plan.Sets {
		if s.Manual {
			r.result.Manual = append(r.result.Manual, s)
		} else {
			written = append(written, s)
		}
	}
	if len(written) == 0 && r.recorded() && len(r.plan.Adopted)+len(r.plan.Disowned) == 0 && !r.unfinished() && !r.bookkeeping() {
		return nil
	}
	owned := r.owned(nil)
	if err := r.rollOut(ctx, owned, intent(written)); err != nil {
		return err
	}
	if len(written) == 0 {
		return r.put(ctx, owned, nil)
	}
	r.checkpoint("before the intent")
	if err := r.put(ctx, owned, intent(written)); err != nil {
		return err
	}
	r.checkpoint("after the intent")
	if err := r.awaitNodes(ctx); err != nil {
		return errors.Join(fmt.Errorf("DNS was not changed: %w", err), r.put(context.WithoutCancel(ctx), owned, nil))
	}
	done := r.write(ctx, written)
	r.checkpoint("after the update")
	var open []plan.SetChange
	for _, s := range written {
		var stale *dns.StaleError
		err := r.result.Failed[s.Zone]
		if err != nil && !errors.As(err, &stale) || err == nil && r.result.Later[s.Zone] != "" {
			open = append(open, s) // it may have been written, or is and cannot be seen yet: the next plan looks
		}
	}
	done = slices.DeleteFunc(slices.Clone(done), func(s plan.SetChange) bool { return r.result.Later[s.Zone] != "" })
	if err := r.put(context.WithoutCancel(ctx), r.owned(done), intent(open)); err != nil {
		return err
	}
	return r.failure()
}

// recorded reports whether the base has the configuration already: what is left
// then is for others to do. A configuration in which nothing is to do counts too,
// since it says how what is ours will be taken away one day.
func (r *run) recorded() bool {
	if r.base == nil {
		return len(r.plan.Target) == 0
	}
	return revision.ConfigHash(r.base.Target) == r.plan.Config
}

// unfinished reports whether the base holds the intent of an earlier apply that can
// be settled now, or went to some nodes alone.
func (r *run) unfinished() bool {
	return r.base != nil && (len(r.base.Rollout) > 0 || len(r.base.Intent) > len(r.plan.Unsettled) || !slices.Equal(r.base.Proofs, r.plan.Proofs))
}

// failure is the error of a run in which a zone was not written.
func (r *run) failure() error {
	var stale, failed []error
	for _, err := range r.result.Failed {
		var s *dns.StaleError
		if errors.As(err, &s) {
			stale = append(stale, err)
		} else {
			failed = append(failed, err)
		}
	}
	switch {
	case len(failed) > 0:
		return errors.Join(append(failed, stale...)...)
	case len(stale) > 0:
		return &StaleError{stale}
	}
	return nil
}

func intent(sets []plan.SetChange) []revision.Step {
	var out []revision.Step
	for _, s := range sets {
		out = append(out, revision.Step{Addrs: s.Addrs, Zone: s.Zone, Before: s.Before, After: s.After, Owned: s.Owned})
	}
	return out
}

// put makes a new revision current. Its intent is steps, and what is not settled of
// the base's.
func (r *run) put(ctx context.Context, owned []revision.Owned, steps []revision.Step) error {
	return r.record(ctx, r.next(owned, steps))
}

// next is the revision that follows the current one, not sealed yet.
func (r *run) next(owned []revision.Owned, steps []revision.Step) *revision.Revision {
	open := slices.Concat(r.unsettled(steps), steps)
	next := &revision.Revision{
		Lineage: cmp.Or(r.plan.Seen.Lineage, rand.Text()), Serial: 1, Applied: r.Clock().UTC(), By: r.Who.Who,
		Target: r.plan.Target, Owned: owned, Intent: open, Stages: r.stages(open),
		Switched: r.plan.Switched, Retained: r.plan.Retained, Pending: r.plan.Pending, Manual: r.plan.Manual, Proofs: r.plan.Proofs, Awaited: r.plan.Awaited,
	}
	if cur := r.result.Revision; cur != nil {
		next.Lineage, next.Serial, next.Parent = cur.Lineage, cur.Serial+1, cur.Hash
	}
	next.Former = r.plan.FormerFor(next)
	return next
}

// record seals next and makes it current, unless the current one says the same.
func (r *run) record(ctx context.Context, next *revision.Revision) error {
	if says(r.result.Revision, next) {
		return nil // an apply that failed again, or that could write nothing
	}
	next.Seal()
	if err := r.Store.Put(ctx, next); err != nil {
		return fmt.Errorf("recording revision %d: %w", next.Serial, err)
	}
	r.result.Revision, r.result.Changed = next, true
	return nil
}

// unsettled are the steps of which the plan does not know whether they were made,
// but for those that are made again.
func (r *run) unsettled(again []revision.Step) []revision.Step {
	return slices.DeleteFunc(slices.Clone(r.plan.Unsettled), func(s revision.Step) bool {
		return slices.ContainsFunc(again, func(t revision.Step) bool { return s.Zone == t.Zone && s.Key() == t.Key() })
	})
}

// stages are those of the plan. One that is entered begins when everything is done
// that belongs to it, by us and by others: its time is zero until then, and no hold
// runs.
func (r *run) stages(open []revision.Step) []revision.Entered {
	out := slices.Clone(r.plan.Stages)
	for i, e := range out {
		if r.begins(e) && len(open) == 0 && len(r.result.Failed) == 0 {
			out[i].Since = r.Clock().UTC()
		}
	}
	return out
}

// begins reports whether a stage has not begun, and waits for nobody else.
func (r *run) begins(e revision.Entered) bool {
	return e.Since.IsZero() && !slices.Contains(r.plan.Entering, e.Domain)
}

func (o Options) event(a schema.Addr, err error, format string, args ...any) {
	if o.Event != nil {
		o.Event(Event{a, fmt.Sprintf(format, args...), err})
	}
}

func (r *run) checkpoint(step string) {
	if r.Checkpoint != nil {
		r.Checkpoint(step)
	}
}
