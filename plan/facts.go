package plan

import (
	"slices"
	"strings"
	"time"

	"github.com/mailrelay/mailrelay/plan/check"
	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/revision"
	"github.com/mailrelay/mailrelay/schema/rr"
)

// judged finds what is dangerous or odd in c, by what was seen and by what the plan
// writes.
func (p *Plan) judged(c *schema.Config, base *revision.Revision, views views) ([]Finding, error) {
	now := follow(c, views)
	then := now
	if w := p.written(c, views); w != nil {
		then = w.follower
	}
	f := check.Facts{Now: now.lookup(nil), Then: then.lookup(nil), Files: p.Seen.Files, Records: map[schema.Addr]check.Tally{}, Unmet: map[schema.Addr]string{}}
	for _, s := range p.Sets {
		f.Writes = append(f.Writes, check.Write{Addrs: s.Addrs, Zone: s.Zone, Key: s.Key, Before: s.Before, After: s.After})
	}
	for _, e := range p.Expectations {
		if e.Status != Met && len(e.MetBy) == 0 {
			f.Unmet[e.Addr] = e.Why
		}
	}
	for _, o := range base.Owned {
		t := f.Records[o.Zone]
		t.Had++
		f.Records[o.Zone] = t
	}
	for _, ch := range p.Changes {
		if ch.Action == Delete && ch.Key() != (rr.Key{}) {
			t := f.Records[zoneOf(ch)]
			t.Gone++
			f.Records[zoneOf(ch)] = t
		}
	}
	if base.Serial > 0 && p.asksBefore() {
		var err error
		if f.Before, err = base.InForce(); err != nil {
			return nil, err
		}
	}
	found, err := check.World(c, f, p.Made)
	return slices.DeleteFunc(found, func(f Finding) bool { return f.Severity != check.Error && !p.Scope.takes(f.Addr) }), err
}

// asksBefore reports whether something changes of which it matters what was before.
func (p *Plan) asksBefore() bool {
	return slices.ContainsFunc(p.Changes, func(ch Change) bool {
		return slices.Contains([]string{"receive_connector", "allowlist", "relay"}, ch.Addr.Type) || strings.Contains(ch.Key().Name, "._domainkey.")
	})
}

// lookup answers by what a follower sees. missing, if not nil, is told what it would
// have to see.
func (f follower) lookup(missing func(Question)) check.Lookup {
	return func(from schema.Addr, key rr.Key) check.Answer {
		there := f.from(place{f.zone(from, key.Name), key})
		if _, asked := f.views[there.at]; !asked && missing != nil {
			missing(Question{there.at.zone, there.at.key})
		}
		return check.Answer{Set: there.set, Through: there.through, Open: there.open != "" || there.endless != ""}
	}
}

// Inquiry finds out what findings have to know of DNS, a round at a time: answers lead
// to further questions.
type Inquiry struct {
	questions *check.Questions
	follower  follower
}

// NewInquiry begins one about c, which is looked at with files at the time now. The
// error names the block that has no meaning.
func NewInquiry(c *schema.Config, files check.Files, now time.Time) (*Inquiry, error) {
	q, err := check.NewQuestions(c, files, now)
	if err != nil {
		return nil, err
	}
	return &Inquiry{q, follow(c, views{})}, nil
}

// Missing takes in what was seen since the last call, and lists, sorted, what is not
// known yet. What was asked once is not asked again, whatever the answer was.
func (i *Inquiry) Missing(seen []Observation) []Question {
	for at, v := range newViews(seen) {
		i.follower.views[at] = v
	}
	found := map[Question]bool{}
	i.questions.Ask(i.follower.lookup(func(q Question) { found[q] = true }))
	out := make([]Question, 0, len(found))
	for q := range found {
		out = append(out, q)
	}
	slices.SortFunc(out, Question.compare)
	return out
}
