package apply

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/revision"
)

// next is the earliest time within the wait, and not looked at yet, at which something
// that is pending may be done.
func (s *settling) next() (at time.Time, ok bool) {
	for _, t := range times(s.result.Revision) {
		if t.After(s.waited) && !t.After(s.deadline) && (!ok || t.Before(at)) {
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
