package render

import (
	"fmt"
	"io"
	"strings"

	"github.com/mailrelay/mailrelay/plan/check"
)

// GitHub writes annotations, as GitHub Actions reads them from the log of a job: a
// line for each finding that is not accepted, the gravest first, for each
// expectation that is not met and for what is not known, and one for the verdict.
func GitHub(w io.Writer, m *Model, o Options) error {
	declared := m.declared()
	var lines []string
	say := func(level, decl, title, text string) {
		file, line := o.place(decl)
		at := ""
		if file != "" {
			at = fmt.Sprintf("file=%s,line=%d,", property(file), line)
		}
		lines = append(lines, fmt.Sprintf("::%s %stitle=%s::%s\n", level, at, property(title), message(text)))
	}
	for _, f := range m.sorted() {
		if f.Allowed != "" {
			continue
		}
		decl, about := f.Decl, ""
		if !f.Addr.IsZero() {
			about = " (" + f.Addr.String() + ")"
			if decl == "" {
				decl = declared(f.Addr.String())
			}
		}
		level := map[string]string{check.Error: "error", check.Warning: "warning"}[f.Severity]
		if level == "" {
			level = "notice"
		}
		say(level, decl, f.Code+" "+f.Summary, f.Detail+about)
	}
	for _, c := range m.Checks {
		if c.Status != "pass" {
			word := map[string]string{"fail": "unmet", "unknown": "inconclusive"}[c.Status]
			say("warning", declared(c.Address.ToDisplay), "Expectation "+word, c.Address.ToDisplay+": "+c.Problem)
		}
	}
	for _, open := range m.Inconclusive {
		say("warning", declared(open.Address), "Inconclusive", open.Address+": "+open.Reason)
	}
	verdict := fmt.Sprintf("::notice title=mailrelay::%s\n", message(m.verdict()+". "+strings.Join(m.counts(), " ")))
	text, left := o.whole(lines, len(verdict)+100)
	if left > 0 {
		text += fmt.Sprintf("::notice title=mailrelay::%s left out for want of room; the plan has all of them\n", count(left, "annotation"))
	}
	if text += verdict; o.MaxBytes > 0 && len(text) > o.MaxBytes {
		return o.tooSmall()
	}
	_, err := io.WriteString(w, text)
	return err
}

// whole joins as many of the pieces as there is room for, when reserved bytes are
// needed for others, and says how many there is no room for.
func (o Options) whole(pieces []string, reserved int) (string, int) {
	var b strings.Builder
	for i, p := range pieces {
		if o.MaxBytes > 0 && b.Len()+len(p)+reserved > o.MaxBytes {
			return b.String(), len(pieces) - i
		}
		b.WriteString(p)
	}
	return b.String(), 0
}

// message is the text of a workflow command, in which a line break ends the command.
func message(s string) string {
	return strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A").Replace(s)
}

// property is the value of a property of a workflow command.
func property(s string) string {
	return strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C").Replace(s)
}
