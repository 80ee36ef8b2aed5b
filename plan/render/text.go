package render

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"github.com/mailrelay/mailrelay/plan"
)

// Style says how text is dressed.
type Style struct{ Color bool }

func (s Style) paint(code, text string) string {
	if !s.Color {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

func (s Style) bold(text string) string { return s.paint("1", text) }

// symbol is the sign of an action, coloured as Terraform does.
func (s Style) symbol(action string) string {
	switch action {
	case "create":
		return s.paint("32", "+")
	case "update":
		return s.paint("33", "~")
	case "delete":
		return s.paint("31", "-")
	}
	return " "
}

// NoChanges is the closing line of a plan with nothing to do and nothing to wait for,
// Terraform's to the letter.
const NoChanges = "No changes. Your infrastructure matches the configuration."

// Text writes a plan for a terminal: what was changed by others, what would
// change, what is not known, what others must do, and the counts.
func Text(w io.Writer, m *Model, s Style) error {
	var b bytes.Buffer
	if m.Stateless {
		b.WriteString("Compared with live DNS alone, without the applied state (-state=none): what is applied is not known, so every block of the relay shows as new.\n\n")
	}
	if m.Revision != nil {
		m.applied(&b, s)
	}
	m.way(&b, s)
	known := newDefaults()
	m.drift(&b, s, known)
	if m.Summary.any() || len(m.Moved) > 0 {
		m.legend(&b, s)
		b.WriteString("mailrelay will perform the following actions:\n\n")
		for _, rc := range m.ResourceChanges {
			rc.text(&b, s, known)
		}
	}
	m.reach(&b, s)
	m.byHand(&b, s)
	m.waits(&b, s)
	m.open(&b, s)
	m.unverified(&b, s)
	m.nodes(&b, s)
	m.gone(&b, s)
	m.unmet(&b, s)
	m.findings(&b, s)
	if m.Revision != nil {
		fmt.Fprintf(&b, "%s in force.\n", s.bold(count(len(m.ResourceChanges), "object")))
	} else if m.Scope.RefreshOnly {
		m.refreshed(&b, s)
	} else if m.Summary.any() || len(m.Moved) > 0 {
		b.WriteString(s.bold("Plan:") + strings.TrimPrefix(m.Summary.planLine(), "Plan:") + "\n")
	} else if len(m.Inconclusive) == 0 && len(m.NodesBehind) > 0 {
		fmt.Fprintf(&b, "Nothing to change, but not everything is as configured: %s does not run the current revision.\n", count(len(m.NodesBehind), "relay node"))
	} else if open := m.awaited(); open != "" && len(m.Inconclusive) == 0 {
		b.WriteString(s.bold("No changes.") + " What mailrelay writes is as configured, but " + open + ".\n")
	} else if !m.unknown(&b) {
		b.WriteString(s.paint("1;32", "No changes.") + s.bold(strings.TrimPrefix(NoChanges, "No changes.")) + "\n")
	}
	if len(m.Checks) > 0 {
		fmt.Fprintf(&b, "Expectations: %d met, %d unmet, %d inconclusive.\n", m.Summary.Met, m.Summary.Unmet, m.Summary.InconclusiveCheck)
	}
	m.targeted(&b, s)
	_, err := w.Write(b.Bytes())
	return err
}

// awaited says what others have yet to do; empty if nothing.
func (m *Model) awaited() string {
	var words []string
	switch n := m.Summary.Unmet + m.Summary.InconclusiveCheck; n {
	case 0:
	case 1:
		words = append(words, "1 expectation is not met")
	default:
		words = append(words, fmt.Sprintf("%d expectations are not met", n))
	}
	n := 0
	for _, v := range m.Verifications {
		if v.State == plan.Unverified {
			n++
		}
	}
	switch n {
	case 0:
	case 1:
		words = append(words, "1 domain is not verified")
	default:
		words = append(words, fmt.Sprintf("%d domains are not verified", n))
	}
	return strings.Join(words, " and ")
}

func (n Summary) any() bool { return n.Import+n.Add+n.Change+n.Remove > 0 }

func (n Summary) planLine() string {
	var imports string
	if n.Import > 0 {
		imports = fmt.Sprintf("%d to import, ", n.Import)
	}
	return fmt.Sprintf("Plan: %s%d to add, %d to change, %d to destroy.", imports, n.Add, n.Change, n.Remove)
}

func (m *Model) legend(b *bytes.Buffer, s Style) {
	if m.Summary.Add+m.Summary.Change+m.Summary.Remove == 0 {
		return // what is imported has no symbol
	}
	b.WriteString("Actions are indicated with the following symbols:\n")
	for _, l := range []struct {
		n            int
		action, text string
	}{{m.Summary.Add, "create", "create"}, {m.Summary.Change, "update", "update in-place"}, {m.Summary.Remove, "delete", "destroy"}} {
		if l.n > 0 {
			fmt.Fprintf(b, "  %s %s\n", s.symbol(l.action), l.text)
		}
	}
	b.WriteString("\n")
}

func (m *Model) drift(b *bytes.Buffer, s Style, known defaults) {
	if len(m.ResourceDrift) == 0 {
		return
	}
	b.WriteString(s.bold("Note:") + " Objects have changed outside of mailrelay\n\n")
	for _, rc := range m.ResourceDrift {
		fmt.Fprintf(b, "  # %s %s\n", s.bold(rc.Address), rc.whatIn(true))
		rc.meaning(b, s)
		rc.body(b, s, known)
	}
}

// text writes one change as Terraform does.
func (rc ResourceChange) text(b *bytes.Buffer, s Style, known defaults) {
	if rc.Change.Actions[0] == "no-op" && rc.Change.Importing == nil { // only the address is another
		fmt.Fprintf(b, "  # %s has moved to %s\n\n", s.bold(rc.PreviousAddress), s.bold(rc.Address))
		return
	}
	fmt.Fprintf(b, "  # %s %s\n", s.bold(rc.Address), rc.what())
	rc.remarks(b, s)
	rc.body(b, s, known)
}

// remarks writes what is to be known of a change beside what differs.
func (rc ResourceChange) remarks(b *bytes.Buffer, s Style) {
	if rc.PreviousAddress != "" {
		fmt.Fprintf(b, "  # (moved from %s)\n", rc.PreviousAddress)
	}
	if rc.Change.Actions[0] == "delete" && rc.Note == "" {
		b.WriteString("  # (because it is not in the configuration any more)\n")
	}
	if rc.Foreign > 0 {
		stay := "stay as they are"
		if rc.Foreign == 1 {
			stay = "stays as it is"
		}
		fmt.Fprintf(b, "  # (%s of others in the same RRset %s)\n", count(rc.Foreign, "value"), stay)
	}
	if rc.Held {
		fmt.Fprintf(b, "  # (%s)\n", rc.held())
	} else if rc.Note != "" {
		fmt.Fprintf(b, "  # (%s)\n", rc.Note)
	}
	rc.meaning(b, s)
}

func (m *Model) open(b *bytes.Buffer, s Style) {
	for _, o := range m.Inconclusive {
		fmt.Fprintf(b, "  # %s is inconclusive, and nothing will be done to it\n  %s %s\n", s.bold(o.Address), s.paint("33", "?"), o.Reason)
		lines(b, o.Answers)
		b.WriteString("\n")
	}
}

// unknown is the closing line where all that is left is inconclusive, and reports
// whether anything is.
func (m *Model) unknown(b *bytes.Buffer) bool {
	if n := len(m.Inconclusive); n > 0 {
		fmt.Fprintf(b, "Nothing can be said about %s, so there is no plan for %s. Make the plan again when every name server answers.\n", count(n, "object"), them(n))
		return true
	}
	return false
}

// lines says what each server answered, those left out that the reason names.
func lines(b *bytes.Buffer, answers []Answer) {
	for _, a := range answers {
		if a.Error == "" {
			fmt.Fprintf(b, "      %s\n", a.Text)
		}
	}
}

func (m *Model) nodes(b *bytes.Buffer, s Style) {
	for _, n := range m.NodesBehind {
		fmt.Fprintf(b, "%s node %s runs revision %d and not revision %d", s.paint("33", "Warning:"), n.Name, n.Serial, m.BaseSerial)
		if n.Error != "" {
			fmt.Fprintf(b, ", which it refused: %s", n.Error)
		}
		b.WriteString("\n\n")
	}
}

func (m *Model) gone(b *bytes.Buffer, s Style) {
	for _, n := range m.NodesGone {
		fmt.Fprintf(b, "%s relay node %s has ended without a word, and what it has in its queue waits there. Start mailrelay serve on it again.\n\n", s.paint("33", "Warning:"), n.Name)
	}
}

func (m *Model) unmet(b *bytes.Buffer, s Style) {
	var any bool
	for _, c := range m.Checks {
		if c.Status == "pass" {
			continue
		}
		any = true
		word := map[string]string{"fail": "is unmet", "unknown": "is inconclusive"}[c.Status]
		fmt.Fprintf(b, "  %s %s %s: %s\n", s.paint("33", "!"), s.bold(c.Address.ToDisplay), word, c.Problem)
		if len(c.MetBy) > 0 {
			fmt.Fprintf(b, "      %s, which this plan writes, will meet it.\n", strings.Join(c.MetBy, " and "))
		}
		lines(b, c.Answers)
	}
	if any {
		b.WriteString("\n")
	}
}

func (m *Model) findings(b *bytes.Buffer, s Style) {
	var quiet []string // domains whose proofs may go
	for _, f := range m.Findings {
		if f.Code == mayGo {
			if f.Allowed == "" {
				quiet = append(quiet, f.Addr.String())
			}
			continue
		}
		color := map[string]string{"error": "31", "warning": "33", "note": "36"}[f.Severity]
		title := strings.ToUpper(f.Severity[:1]) + f.Severity[1:] + ":"
		fmt.Fprintf(b, "%s %s %s", s.paint(color, title), f.Code, f.Summary)
		if !f.Addr.IsZero() {
			fmt.Fprintf(b, " (%s)", f.Addr)
		}
		b.WriteString("\n")
		if f.Allowed != "" {
			fmt.Fprintf(b, "  accepted: %s\n", f.Allowed)
		}
		fmt.Fprintf(b, "  %s\n\n", f.Detail)
	}
	proofsMayGo(b, s, quiet)
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

func them(n int) string {
	if n == 1 {
		return "it"
	}
	return "them"
}
