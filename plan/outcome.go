package plan

// Counts are the numbers of the summary line. What is inconclusive, and what is
// pending, is in none of them.
type Counts struct{ Import, Add, Change, Destroy int }

// Counts counts the changes.
func (p *Plan) Counts() Counts {
	var n Counts
	for _, c := range p.Changes {
		if c.Pending {
			continue
		}
		switch c.Action {
		case Import:
			n.Import++
		case Create:
			n.Add++
		case Update:
			n.Change++
		case Delete:
			n.Destroy++
		}
	}
	return n
}

// Empty reports whether there is nothing to do. A new address is something to
// record, though it counts as no change, and so is drift where that is all that is
// asked for.
func (p *Plan) Empty() bool {
	return p.Counts() == Counts{} && len(p.Moved) == 0 && !(p.Scope.RefreshOnly && len(p.Drift) > 0)
}

// Refused reports whether a finding of severity error, which no allow block
// accepts, stands against the plan.
func (p *Plan) Refused() bool {
	for _, f := range p.Findings {
		if f.Severity == "error" && f.Allowed == "" {
			return true
		}
	}
	return false
}

// Converged reports whether the world is as the configuration says: nothing to
// do, to adopt or unknown, nothing of ours changed by others, every expectation
// met, every proof of ownership seen and recorded, and every live node on the
// current revision.
func (p *Plan) Converged() bool {
	if !p.Empty() || len(p.Drift) > 0 || len(p.Behind) > 0 {
		return false
	}
	for _, c := range p.Changes {
		if c.Action == Inconclusive {
			return false
		}
	}
	for _, e := range p.Expectations {
		if e.Status != Met {
			return false
		}
	}
	for _, v := range p.Verifications {
		if v.State == Unverified || v.New {
			return false
		}
	}
	return true
}
