package mailtest

import (
	"fmt"
	"io"
	"strings"
)

// Style says how a report is written for people.
type Style struct{ Color bool }

const (
	green = "\x1b[32m"
	red   = "\x1b[31m"
	bold  = "\x1b[1m"
	plain = "\x1b[0m"
)

func (s Style) paint(code, text string) string {
	if !s.Color {
		return text
	}
	return code + text + plain
}

// Text writes r for people, as terraform test does: a line a test under the name of
// its file, what is wrong with those that fail and why, and a summary.
func Text(w io.Writer, r Report, s Style) error {
	var b strings.Builder
	file := ""
	open := false // an empty line is due
	for _, c := range r.Tests {
		if open {
			b.WriteString("\n")
		}
		if c.File != file {
			file = c.File
			fmt.Fprintf(&b, "%s\n", s.paint(bold, file))
		}
		if c.Status == Pass {
			fmt.Fprintf(&b, "  %s... %s\n", c.Address, s.paint(green, Pass))
		} else {
			fmt.Fprintf(&b, "  %s... %s\n\n", c.Address, s.paint(red, Fail))
			b.WriteString(indented(c.details(), "    "))
		}
		open = c.Status == Fail
	}
	if len(r.Tests) > 0 {
		b.WriteString("\n")
	}
	verdict := s.paint(green, "Success!")
	if r.Status == Fail {
		verdict = s.paint(red, "Failure!")
	}
	fmt.Fprintf(&b, "%s %d passed, %d failed.\n", verdict, r.Passed, r.Failed)
	_, err := io.WriteString(w, b.String())
	return err
}

// details say what a test that failed was about, what is wrong, and the chain of
// reasons.
func (c Case) details() string {
	var b strings.Builder
	fmt.Fprintf(&b, "On %s line %d: %s\n", c.File, c.Line, c.Message)
	for _, f := range c.Failures {
		fmt.Fprintf(&b, "  %s: wanted %s, got %s\n", f.Assertion, f.Want, f.Got)
	}
	fmt.Fprintf(&b, "The answer is %d %s %s, because\n", c.Outcome.Code, c.Outcome.Enhanced, c.Outcome.Text)
	for _, r := range c.Because {
		fmt.Fprintf(&b, "  %s\n", r)
	}
	return b.String()
}

func (m Message) String() string {
	client := m.Client
	if client == "" {
		client = "this machine"
	}
	if m.User != "" {
		client += ", logged on as " + m.User + ","
	}
	s := fmt.Sprintf("%s sends from <%s> to <%s> at %s", client, m.From, m.To, m.Binding)
	if m.TLS {
		s += " under TLS"
	}
	if m.Size > 0 {
		s += fmt.Sprintf(", %d bytes", m.Size)
	}
	return s
}

func (r Reason) String() string {
	var parts []string
	for _, p := range []string{r.Place, r.Address, r.Text} {
		if p != "" {
			parts = append(parts, p)
		}
	}
	return strings.Join(parts, ": ")
}

func indented(text, by string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		b.WriteString(by + line)
	}
	return b.String()
}
