package apply

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/mailrelay/mailrelay/plan"
	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/revision"
)

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
	s.event(schema.Addr{}, nil, "waiting until every name server of %s shows what was written, at most until %s", Few(names), stamp(s.deadline))
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

// unseen reports whether r still has to learn that its switches were seen, or what
// it wrote to a file.
func unseen(r *revision.Revision) bool {
	return len(r.Intent) > 0 || slices.ContainsFunc(r.Switched, func(s revision.Switched) bool { return s.Since.IsZero() })
}
