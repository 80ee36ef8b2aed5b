package render

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mailrelay/mailrelay/plan"
	"github.com/mailrelay/mailrelay/plan/check"
	"github.com/mailrelay/mailrelay/plan/reach"
)

// verdict says in a phrase what the model comes to.
func (m *Model) verdict() string {
	switch grave := m.grave(); {
	case m.Revision != nil:
		return fmt.Sprintf("revision %d is applied", m.Revision.Serial)
	case m.Errored:
		return fmt.Sprintf("refused for %s", count(grave, "error"))
	case m.Summary.any():
		return strings.TrimSuffix(strings.TrimPrefix(m.Summary.planLine(), "Plan: "), ".")
	case len(m.Moved) > 0:
		return "only addresses change"
	case len(m.Inconclusive) > 0:
		return fmt.Sprintf("nothing can be said about %s", count(len(m.Inconclusive), "object"))
	case m.Scope.RefreshOnly && len(m.ResourceDrift) > 0:
		return "takes note of what others changed"
	case !m.Converged:
		return "nothing to change, but not everything is as configured"
	}
	return "no changes"
}

// grave is how many findings refuse the plan.
func (m *Model) grave() int {
	n := 0
	for _, f := range m.Findings {
		if f.Severity == check.Error && f.Allowed == "" {
			n++
		}
	}
	return n
}

// counts are the closing lines: what is done, expected and found.
func (m *Model) counts() []string {
	var out []string
	if m.Revision != nil {
		out = append(out, fmt.Sprintf("Revision %d was applied %s by %s: %s in force.", m.Revision.Serial, m.Revision.Applied.UTC().Format(time.RFC3339), m.Revision.By, count(len(m.ResourceChanges), "object")))
	} else {
		out = append(out, m.Summary.planLine())
	}
	if n := m.reached(); n != "" {
		out = append(out, "What changes for the mail: "+n+".")
	}
	if len(m.Checks) > 0 {
		out = append(out, fmt.Sprintf("Expectations: %d met, %d unmet, %d inconclusive.", m.Summary.Met, m.Summary.Unmet, m.Summary.InconclusiveCheck))
	}
	if n := len(m.Findings); n > 0 {
		by := map[string]int{}
		for _, f := range m.Findings {
			if f.Allowed != "" {
				by["accepted"]++
				continue
			}
			by[f.Severity]++
		}
		line := fmt.Sprintf("Findings: %s, %s, %s", count(by[check.Error], "error"), count(by[check.Warning], "warning"), count(by[check.Note], "note"))
		if by["accepted"] > 0 {
			line += fmt.Sprintf(", %d accepted", by["accepted"])
		}
		out = append(out, line+".")
	}
	if n := len(m.Pending) + m.held(); n > 0 {
		out = append(out, fmt.Sprintf("Waiting for their time: %s.", count(n, "change")))
	}
	return out
}

// reached counts what changes for the mail, by kind; empty if nothing does.
func (m *Model) reached() string {
	by := map[reach.Kind]int{}
	for _, l := range m.Reach.Lines {
		by[l.Kind]++
	}
	var out []string
	for _, k := range []reach.Kind{reach.Widened, reach.Narrowed, reach.Rerouted, reach.Resized, reach.Answered} {
		if by[k] > 0 {
			out = append(out, fmt.Sprintf("%d %s", by[k], k))
		}
	}
	return strings.Join(out, ", ")
}

func (m *Model) held() int {
	n := 0
	for _, rc := range m.ResourceChanges {
		if rc.Held {
			n++
		}
	}
	return n
}

// cautions are sentences on how the plan was made that a reader must know.
func (m *Model) cautions() []string {
	var out []string
	if m.Stateless {
		out = append(out, "Compared with live DNS alone, without the applied state (-state=none): every block of the relay shows as new.")
	}
	if n := m.Scope.Back; n != 0 {
		out = append(out, fmt.Sprintf("This is the way back to revision %d: what that revision asked for, and not what the directory holds.", n))
	}
	if m.Scope.RefreshOnly {
		out = append(out, "This is a refresh-only plan: it takes note of what others did and writes nothing.")
	}
	if m.Scope.Targets != nil {
		out = append(out, "Only a part was planned (-target): the rest of the configuration may ask for more.")
	}
	return out
}

// sorted are the findings with the accepted ones last.
func (m *Model) sorted() []plan.Finding {
	out := slices.Clone(m.Findings)
	check.Sort(out)
	slices.SortStableFunc(out, func(a, b plan.Finding) int { return bit(a.Allowed != "") - bit(b.Allowed != "") })
	return out
}

// what says what happens to the object, as a sentence goes on after its address.
func (rc ResourceChange) what() string {
	switch {
	case rc.Change.Importing != nil:
		return "will be imported: it stands as wanted, and becomes ours without a write"
	case rc.Change.Actions[0] == "create":
		return "will be created"
	case rc.Change.Actions[0] == "update":
		return "will be updated in-place"
	case rc.Change.Actions[0] == "delete":
		return "will be destroyed"
	case rc.PreviousAddress != "":
		return "has moved from " + rc.PreviousAddress
	}
	return "stands"
}

// whatIn is what, or what others did to the object.
func (rc ResourceChange) whatIn(drift bool) string {
	switch {
	case !drift:
		return rc.what()
	case rc.Change.Actions[0] == "delete":
		return "has been deleted"
	}
	return "has changed"
}

// openTogether are objects that are open for one reason.
type openTogether struct {
	Open
	addresses []string
}

// alike are the inconclusive objects, those together for which the same reason is
// all there is to say.
func (m *Model) alike() []openTogether {
	var out []openTogether
	at := map[string]int{}
	for _, o := range m.Inconclusive {
		i, ok := at[o.Reason]
		if ok && len(o.Answers) == 0 {
			out[i].addresses = append(out[i].addresses, o.Address)
			continue
		}
		if len(o.Answers) == 0 {
			at[o.Reason] = len(out)
		}
		out = append(out, openTogether{o, []string{o.Address}})
	}
	return out
}
