package dns

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/miekg/dns"

	"github.com/mailrelay/mailrelay/plan"
	"github.com/mailrelay/mailrelay/schema/rr"
)

// write makes one message so, and looks whether it is so.
func (j *job) write(ctx context.Context, m message) error {
	for try := 0; ; try++ {
		answer, addr, err := j.send(ctx, m.update)
		if again(answer, err) && try+1 < tries {
			done, free := j.free(ctx, addr, answer, m.changes)
			if done {
				return nil
			}
			if free && j.Sleep(ctx, pause(try)) == nil {
				continue
			}
		}
		err = j.outcome(ctx, m, answer, addr, err, try)
		var same *sameError // somebody may have changed it and changed it back
		if errors.As(err, &same) && try+1 < tries && j.Sleep(ctx, pause(try)) == nil {
			continue
		}
		return err
	}
}

// sameError is an RRset that a server says is not as planned, though it looks so.
type sameError struct{ server, zone, code string }

func (e *sameError) Error() string {
	return fmt.Sprintf("nothing was written: %s says that an RRset of %s is not as planned (%s), though every one looks the same from here: another view of the zone may be meant; look at its log, and plan again", e.server, e.zone, e.code)
}

// free finds out what an update did that a server says it could not take. done is
// true if it is as planned all the same, and free if nothing at all was done.
func (j *job) free(ctx context.Context, addr string, answer *dns.Msg, changes []plan.SetChange) (done, free bool) {
	if answer == nil {
		return false, true // it was never sent
	}
	seen, err := j.readBack(ctx, addr, changes)
	if err != nil {
		return false, false
	}
	done, free = true, true
	for i, c := range changes {
		done = done && Made(c, seen[i].Set)
		free = free && rr.Equal(seen[i].Set, c.Before)
	}
	return done, free
}

// outcome says what became of an update, after so many that were sent before it.
func (j *job) outcome(ctx context.Context, m message, answer *dns.Msg, addr string, err error, before int) error {
	if err != nil && !errors.Is(err, errLost) {
		return err
	}
	lost := err
	switch {
	case lost != nil, aboutEvidence(answer.Rcode), answer.Rcode == dns.RcodeSuccess:
	case answer.Rcode == dns.RcodeServerFailure:
		if _, free := j.free(ctx, addr, answer, m.changes); free {
			return j.refusal(answer)
		}
		lost = errFailed // it may have done it and failed then
	default:
		return j.refusal(answer)
	}
	seen, err := j.readBack(ctx, addr, m.changes)
	switch {
	case lost != nil && err != nil:
		return fmt.Errorf("it is not known whether %s made the update of %s: %w, and then it could not be asked: %w; plan again once it answers", j.server, j.zone.Name, lost, err)
	case lost != nil:
		return j.afterLoss(lost, m.changes, seen)
	case answer.Rcode == dns.RcodeSuccess && err != nil:
		return fmt.Errorf("%s took the update of %s, and then could not be asked whether it was done: %w; plan again once it answers", j.server, j.zone.Name, err)
	case answer.Rcode == dns.RcodeSuccess:
		return j.confirm(m.changes, seen)
	case err != nil:
		return fmt.Errorf("nothing was written: an RRset of %s has changed since the plan was made, and %s could not be asked which: %w; plan again", j.zone.Name, j.server, err)
	case before > 0 && j.confirm(m.changes, seen) == nil:
		return nil // one that was sent before did it after all
	}
	return j.evidence(ctx, addr, m, answer, seen)
}

// aboutEvidence reports whether a code says that a prerequisite does not hold.
func aboutEvidence(code int) bool {
	return code == dns.RcodeNXRrset || code == dns.RcodeYXRrset || code == dns.RcodeNameError || code == dns.RcodeYXDomain
}

// readBack asks the server that took an update for its RRsets, in the order of
// changes. What only a wildcard answers is absent.
func (j *job) readBack(ctx context.Context, addr string, changes []plan.SetChange) ([]plan.Observation, error) {
	keys := make([]rr.Key, len(changes))
	for i, c := range changes {
		keys[i] = c.Key
	}
	seen := j.look.At(ctx, j.zone, addr, keys)
	for _, o := range seen {
		if o.Err != "" {
			return nil, fmt.Errorf("%s at %s: %s", o.Key, o.Source, o.Err)
		}
	}
	for i, c := range changes {
		hidden := (c.Before == nil || c.After == nil) && !rr.Equal(seen[i].Set, c.After)
		if hidden && j.wildcard(ctx, addr, seen[i].Set) {
			seen[i].Set = nil
		}
	}
	return seen, nil
}

// confirm looks for what was to be written: NOERROR is no proof, since servers
// ignore some updates in silence. Others may have written there since.
func (j *job) confirm(changes []plan.SetChange, seen []plan.Observation) error {
	var wrong []string
	for i, c := range changes {
		if Made(c, seen[i].Set) {
			continue
		}
		found := Describe(seen[i].Set)
		if seen[i].CNAME != "" {
			found = fmt.Sprintf("an alias of %s", seen[i].CNAME)
		}
		wrong = append(wrong, fmt.Sprintf("%s is %s and should be %s", c.Key, found, Describe(c.After)))
	}
	if wrong == nil {
		return nil
	}
	return fmt.Errorf("%s answered that the update of %s was made, but %s: look for a rule of the server that keeps it from doing so, or for somebody else who writes there, and plan again", j.server, j.zone.Name, strings.Join(wrong, "; "))
}

// afterLoss says what became of an update whose answer did not come.
func (j *job) afterLoss(lost error, changes []plan.SetChange, seen []plan.Observation) error {
	done, before, some := true, true, false
	var moved *StaleError
	for i, c := range changes {
		isAfter, isBefore := rr.Equal(seen[i].Set, c.After), rr.Equal(seen[i].Set, c.Before)
		done, before = done && Made(c, seen[i].Set), before && isBefore
		some = some || isAfter && !isBefore || traces(c, seen[i].Set)
		if !isAfter && !isBefore && moved == nil {
			moved = &StaleError{c.Key, c.Before, seen[i].Set}
		}
	}
	switch {
	case done:
		return nil
	case before:
		return fmt.Errorf("%s did not make the update of %s (%w), and everything is as it was: try again", j.server, j.zone.Name, lost)
	case moved != nil && !some:
		return moved
	}
	return fmt.Errorf("%s made the update of %s (%w), and some of it has been changed since by somebody else: plan again", j.server, j.zone.Name, lost)
}

// traces reports whether something stands in set that c adds: c was made then, though
// others may have taken away the rest.
func traces(c plan.SetChange, set *rr.Set) bool {
	return set != nil && c.After != nil && slices.ContainsFunc(c.After.Data, func(d rr.Data) bool {
		return set.Has(d) && (c.Before == nil || !c.Before.Has(d))
	})
}

// evidence finds out which prerequisite did not hold.
func (j *job) evidence(ctx context.Context, addr string, m message, answer *dns.Msg, seen []plan.Observation) error {
	for i, c := range m.changes {
		if !sameData(seen[i].Set, c.Before) {
			return &StaleError{c.Key, c.Before, seen[i].Set}
		}
	}
	for i, c := range m.changes {
		if seen[i].CNAME == "" || c.Before != nil {
			continue
		}
		alias := rr.Key{Name: c.Key.Name, Type: "CNAME"}
		if o := j.look.At(ctx, j.zone, addr, []rr.Key{alias})[0]; o.Set != nil && !j.wildcard(ctx, addr, o.Set) {
			return &StaleError{Key: alias, Found: o.Set}
		}
	}
	if changes, ok := j.withoutWildcards(ctx, addr, m.changes); ok {
		again, err := cut(j.zone, changes)
		if err == nil && len(again) == 1 {
			return j.write(ctx, again[0])
		}
	}
	return &sameError{j.server, j.zone.Name, dns.RcodeToString[answer.Rcode]}
}

// withoutWildcards gives changes in which an RRset that only a wildcard makes
// counts as absent, which it is for prerequisites (RFC 2136, 2.4). ok is false if
// there is none.
func (j *job) withoutWildcards(ctx context.Context, addr string, changes []plan.SetChange) (out []plan.SetChange, ok bool) {
	for _, c := range changes {
		if c.Before != nil && j.wildcard(ctx, addr, c.Before) {
			c.Before, c.Wire, ok = nil, nil, true
		}
		out = append(out, c)
	}
	return out, ok
}

// wildcard reports whether a wildcard with the data of set stands over its name.
func (j *job) wildcard(ctx context.Context, addr string, set *rr.Set) bool {
	if set == nil || strings.HasPrefix(set.Name, "*.") {
		return false
	}
	var keys []rr.Key
	for name := set.Name; name != dns.Fqdn(j.zone.Name); {
		next, end := dns.NextLabel(name, 0)
		if end {
			break
		}
		name = name[next:]
		keys = append(keys, rr.Key{Name: "*." + name, Type: set.Type})
	}
	for _, o := range j.look.At(ctx, j.zone, addr, keys) {
		if o.Set != nil && len(o.Set.Data) > 0 {
			of := *o.Set
			of.Name = set.Name
			return of.Same(*set)
		}
	}
	return false
}

// sameData is equality as prerequisites have it, where TTLs do not count.
func sameData(a, b *rr.Set) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Same(*b)
}
