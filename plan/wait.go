package plan

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/revision"
)

// wait is what a change waits for.
type wait struct {
	until     time.Time // zero: not known
	notBefore time.Time // the earliest that until can be, as far as it is known
	needs     []schema.Addr
	why       string
}

// waitFor is what has to wait for the switches that concern it; false: nothing. A
// switch that was not seen yet holds, and so does an RRset of which it is not known
// where it leads.
func (p *Plan) waitFor(concerns func(revision.Switched) bool) (wait, bool) {
	var w wait
	var known, unseen, unsure *revision.Switched
	for i := range p.Switched {
		s := &p.Switched[i]
		if s.Lowered || !concerns(*s) {
			continue
		}
		until := s.Until()
		switch {
		case s.Since.IsZero():
			until = p.moment().Add(time.Duration(s.TTL) * time.Second)
			w.needs = append(w.needs, s.Addrs...)
			if unseen == nil || s.TTL > unseen.TTL {
				unseen = s
			}
		case known == nil || until.After(known.Until()):
			known = s
		}
		if until.After(w.notBefore) {
			w.notBefore = until
		}
	}
	for i := range p.unsure {
		if s := &p.unsure[i]; concerns(*s) {
			unsure = s
			w.needs = append(w.needs, s.Addrs...)
		}
	}
	slices.SortFunc(w.needs, schema.Addr.Compare)
	w.needs = slices.Compact(w.needs)
	switch {
	case unsure != nil:
		w.why = fmt.Sprintf("it is not known where %s leads", named(*unsure))
	case unseen != nil:
		w.why = fmt.Sprintf("caches may give the old answer for %s for %s after all its servers give the new one", named(*unseen), schema.FormatDuration(time.Duration(unseen.TTL)*time.Second))
	case known != nil:
		w.until = w.notBefore
		w.why = fmt.Sprintf("until then caches may give the old answer for %s", named(*known))
	default:
		return w, false
	}
	return w, true
}

// named is an RRset in words.
func named(s revision.Switched) string {
	return fmt.Sprintf("%s %s", strings.TrimSuffix(s.Name, "."), s.Type)
}

// hold makes a change wait.
func (c *Change) hold(w wait) {
	c.Held, c.NotBefore, c.Needs, c.Why = true, w.notBefore, w.needs, w.why
}

// Waiting gives the changes that wait, those that this plan begins too.
func (p *Plan) Waiting() []Change {
	var out []Change
	for _, c := range p.Changes {
		if c.Held {
			out = append(out, c)
		}
	}
	return out
}
