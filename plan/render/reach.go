package render

import (
	"bytes"
	"fmt"
	"io"

	"github.com/mailrelay/mailrelay/plan/reach"
)

// reachShown is how many lines of what changes for the mail a plan shows in text;
// JSON has all.
const reachShown = 20

// reach says what changes for the mail.
func (m *Model) reach(b *bytes.Buffer, s Style) {
	if len(m.Reach.Lines) == 0 {
		return
	}
	b.WriteString(s.bold("What changes for the mail:") + "\n\n")
	reachLines(b, m.Reach.Lines, reachShown, s)
	b.WriteString("\n")
}

// ReachModel is what changes for the mail, and nothing else, as JSON.
type ReachModel struct {
	FormatVersion string `json:"format_version"`
	Base          uint64 `json:"base_serial"` // 0: nothing was applied yet
	reach.Diff
}

// OfReach is the part of the model that says what changes for the mail.
func (m *Model) OfReach() ReachModel { return ReachModel{m.FormatVersion, m.BaseSerial, m.Reach} }

// Reach writes what changes for the mail, and nothing else.
func Reach(w io.Writer, m *Model, s Style) error {
	var b bytes.Buffer
	if len(m.Reach.Lines) == 0 {
		b.WriteString("Nothing changes for the mail.\n")
	} else {
		reachLines(&b, m.Reach.Lines, len(m.Reach.Lines), s)
	}
	_, err := w.Write(b.Bytes())
	return err
}

func reachLines(b *bytes.Buffer, lines []reach.Line, most int, s Style) {
	for i, l := range lines {
		if i == most {
			fmt.Fprintf(b, "  and %s more: mailrelay plan -reach shows them, and -json has every address and domain.\n", count(len(lines)-most, "line"))
			return
		}
		fmt.Fprintf(b, "  %s %s\n", reachSymbol(l, s), l.Text())
	}
}

// reachSymbol is the sign of a line. What is let through now is what a reviewer
// must not miss, so it is the red one.
func reachSymbol(l reach.Line, s Style) string {
	switch l.Symbol() {
	case "+":
		return s.paint("31", "+")
	case "-":
		return s.paint("32", "-")
	}
	return s.paint("33", "~")
}
