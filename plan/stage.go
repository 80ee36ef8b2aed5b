package plan

import (
	"fmt"
	"slices"
	"time"

	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/revision"
)

// stages decides whether each domain may be in the stage that it names. A gate
// that is not met refuses the plan of a domain that is about to enter the stage;
// once it is in, a gate that fails later is a warning. So it is for a domain that
// goes back, which must be possible at any time.
func (p *Plan) stages(c *schema.Config, base *revision.Revision) {
	open := p.unseen()
	for _, d := range schema.All[*schema.Domain](c) {
		stage := schema.At[*schema.Stage](c, d.Stage)
		if stage == nil {
			continue
		}
		next := revision.Entered{Domain: d.Addr(), Stage: stage.Addr()}
		now, in := entered(base, d.Addr())
		severity, summary := "error", fmt.Sprintf("%s may not enter %s yet", d.Addr(), stage.Addr())
		var unmet []string
		if in && now.Stage == stage.Addr() {
			next.Since = now.Since
			severity, summary = "warning", fmt.Sprintf("a gate of %s fails, and %s is in it", stage.Addr(), d.Addr())
		} else if in && before(c, base, stage.Addr(), now.Stage) {
			severity, summary = "warning", fmt.Sprintf("a gate of %s fails, and %s goes back to it", stage.Addr(), d.Addr())
		} else if why := p.held(stage, now, in); why != "" {
			unmet = append(unmet, why)
		}
		p.Stages = append(p.Stages, next)
		if next.Since.IsZero() && slices.ContainsFunc(open, func(name string) bool { return holds(d.Base(), name) }) {
			p.Entering = append(p.Entering, d.Addr())
		}
		for _, a := range stage.Requires {
			if why := p.requirement(c, a); why != "" {
				unmet = append(unmet, why)
			}
		}
		for _, why := range unmet {
			p.Findings = append(p.Findings, Finding{Code: "MR401", Severity: severity, Addr: d.Addr(), Summary: summary, Detail: why, Decl: schema.Place(d.Decl()), Allowed: d.Allowed()["MR401"]})
		}
	}
}

// unseen are the full names of records that will not be as wanted after an apply: a
// person has to enter them, or nothing certain is known of them.
func (p *Plan) unseen() []string {
	var out []string
	for _, s := range p.Sets {
		if s.Manual {
			out = append(out, s.Key.Name)
		}
	}
	for _, c := range p.Changes {
		if k := c.Key(); c.Action == Inconclusive && k.Name != "" {
			out = append(out, k.Name)
		}
	}
	return out
}

// entered is the stage in which a domain is.
func entered(base *revision.Revision, domain schema.Addr) (revision.Entered, bool) {
	i := slices.IndexFunc(base.Stages, func(e revision.Entered) bool { return e.Domain == domain })
	if i < 0 {
		return revision.Entered{}, false
	}
	return base.Stages[i], true
}

// before reports whether one stage comes before another by way of after, as the
// configuration says or, for a stage that left it, base.
func before(c *schema.Config, base *revision.Revision, a, b schema.Addr) bool {
	for range len(c.Blocks) + len(base.Target) {
		stage := schema.At[*schema.Stage](c, b)
		if stage == nil {
			i := slices.IndexFunc(base.Target, func(o revision.Object) bool { return o.Addr == b })
			if i < 0 {
				return false
			}
			old, err := revision.Config(base.Target[i : i+1])
			if err != nil {
				return false
			}
			stage = schema.At[*schema.Stage](old, b)
		}
		if stage.After.IsZero() {
			return false
		}
		if b = stage.After; a == b {
			return true
		}
	}
	return false
}

// held says why a stage may not follow the one that the domain is in; empty if
// it may.
func (p *Plan) held(stage *schema.Stage, now revision.Entered, in bool) string {
	switch {
	case stage.After.IsZero():
		return ""
	case !in || now.Stage != stage.After:
		return fmt.Sprintf("%s comes after %s, which has not been applied. Apply that first.", stage.Addr(), stage.After)
	}
	if now.Since.IsZero() {
		return fmt.Sprintf("the apply that enters %s has not been finished, or a person has yet to enter its records, so its hold has not begun. Run mailrelay apply in that stage first, once they are entered.", now.Stage)
	}
	if until := now.Since.Add(stage.Hold); p.Made.Before(until) {
		return fmt.Sprintf("%s was entered at %s and holds for %s. Try again after %s.", now.Stage,
			now.Since.Format(time.RFC3339), schema.FormatDuration(stage.Hold), until.Format(time.RFC3339))
	}
	return ""
}

// requirement says why what the address names is not met: an expectation is met,
// a record stands as wanted, and any other block is applied. What a service
// implies counts for the service, and every instance for a block with for_each.
func (p *Plan) requirement(c *schema.Config, a schema.Addr) string {
	means := func(b schema.Addr) bool {
		return b.Type == a.Type && b.Name == a.Name && (a.Key == "" || b.Key == a.Key) && (a.Part == "" || b.Part == a.Part)
	}
	for _, e := range p.Expectations {
		if means(e.Addr) && e.Status != Met {
			return fmt.Sprintf("%s is %s: %s.", e.Addr, e.Status, e.Why)
		}
	}
	for _, ch := range p.Changes {
		if !means(ch.Addr) || ch.Pending { // what is pending stands, with more than is wanted
			continue
		}
		if ch.Action == Inconclusive {
			return fmt.Sprintf("%s is inconclusive: %s.", ch.Addr, ch.Why)
		}
		return fmt.Sprintf("%s is not applied as it is configured. Apply it first, while the domain stays in its stage.", ch.Addr)
	}
	known := slices.ContainsFunc(c.Blocks, func(b schema.Block) bool { return means(b.Addr()) })
	if !known {
		return fmt.Sprintf("%s is required, and there is no such block.", a)
	}
	return ""
}
