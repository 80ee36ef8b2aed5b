package render

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/mailrelay/mailrelay/plan"
	"github.com/mailrelay/mailrelay/plan/check"
)

// The elements of a JUnit report that most readers know.
type (
	junitSuites struct {
		XMLName xml.Name     `xml:"testsuites"`
		Suites  []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name      string      `xml:"name,attr"`
		Timestamp string      `xml:"timestamp,attr"`
		Tests     int         `xml:"tests,attr"`
		Failures  int         `xml:"failures,attr"`
		Errors    int         `xml:"errors,attr"`
		Time      string      `xml:"time,attr"`
		Cases     []junitCase `xml:"testcase"`
	}
	junitCase struct {
		Name    string       `xml:"name,attr"`
		Class   string       `xml:"classname,attr"`
		File    string       `xml:"file,attr,omitempty"`
		Time    string       `xml:"time,attr"`
		Failure *junitReason `xml:"failure"`
		Error   *junitReason `xml:"error"`
		Out     string       `xml:"system-out,omitempty"`
		suite   string
	}
	junitReason struct {
		Message string `xml:"message,attr"`
		Type    string `xml:"type,attr"`
		Text    string `xml:",chardata"`
	}
)

// JUnit writes the model as a test report: what refuses the plan, what is unmet and
// what others have changed are failures, what could not be asked is an error. With
// too little room what passed is left out first.
func JUnit(w io.Writer, m *Model, o Options) error {
	cases := m.cases(o)
	slices.SortStableFunc(cases, func(a, b junitCase) int { return bit(a.passed()) - bit(b.passed()) })
	return o.fit(w, len(cases), func(b *bytes.Buffer, n int) error {
		if left := len(cases) - n; left > 0 && n > 0 {
			cases := slices.Clone(cases[:n])
			cases[0].Out += fmt.Sprintf("%s left out for want of room.", count(left, "other case"))
			return m.junit(b, cases)
		}
		return m.junit(b, cases[:n])
	})
}

func (c junitCase) passed() bool { return c.Failure == nil && c.Error == nil }

func (m *Model) junit(b *bytes.Buffer, cases []junitCase) error {
	var doc junitSuites
	for _, name := range []string{"plan", "findings", "expectations", "ownership", "inconclusive", "drift", "relays"} {
		s := junitSuite{Name: "mailrelay." + name, Timestamp: m.Timestamp.UTC().Format("2006-01-02T15:04:05"), Time: "0"}
		for _, c := range cases {
			if c.suite != name {
				continue
			}
			s.Tests++
			s.Failures += bit(c.Failure != nil)
			s.Errors += bit(c.Error != nil)
			s.Cases = append(s.Cases, c)
		}
		if s.Tests > 0 {
			doc.Suites = append(doc.Suites, s)
		}
	}
	b.WriteString(xml.Header)
	e := xml.NewEncoder(b)
	e.Indent("", "  ")
	if err := e.Encode(doc); err != nil {
		return err
	}
	b.WriteByte('\n')
	return nil
}

// cases are everything that can pass or fail.
func (m *Model) cases(o Options) []junitCase {
	declared := m.declared()
	var out []junitCase
	add := func(suite, name, decl string) *junitCase {
		file, _ := o.place(decl)
		out = append(out, junitCase{suite: suite, Name: name, Class: "mailrelay." + suite, File: file, Time: "0"})
		return &out[len(out)-1]
	}
	c := add("plan", "may be applied", "")
	c.Out = m.verdict() + ". " + strings.Join(m.counts(), " ")
	if m.Errored {
		c.Failure = &junitReason{Message: m.verdict(), Type: "refused"}
	}
	for _, f := range m.sorted() {
		decl := f.Decl
		if decl == "" && !f.Addr.IsZero() {
			decl = declared(f.Addr.String())
		}
		c := add("findings", strings.TrimSpace(fmt.Sprintf("%s %s %s", f.Code, f.Summary, f.Addr)), decl)
		switch {
		case f.Allowed != "":
			c.Out = "Accepted: " + f.Allowed + "\n" + f.Detail
		case f.Severity == check.Error:
			c.Failure = &junitReason{Message: f.Summary, Type: f.Code, Text: f.Detail}
		default:
			c.Out = f.Severity + ": " + f.Detail
		}
	}
	for _, e := range m.Checks {
		c := add("expectations", e.Address.ToDisplay, declared(e.Address.ToDisplay))
		switch e.Status {
		case "fail":
			c.Failure = &junitReason{Message: e.Problem, Type: "unmet", Text: e.Problem}
		case "unknown":
			c.Error = &junitReason{Message: e.Problem, Type: "inconclusive", Text: e.Problem}
		}
	}
	for _, v := range m.Verifications {
		c := add("ownership", v.Address, declared(v.Address))
		if v.State == plan.Unverified {
			var b bytes.Buffer
			m.proof(&b, Style{}, v)
			c.Failure = &junitReason{Message: "the ownership of " + v.Domain + " is not verified", Type: "unverified", Text: b.String()}
		}
	}
	for _, open := range m.Inconclusive {
		add("inconclusive", open.Address, declared(open.Address)).Error = &junitReason{Message: open.Reason, Type: "inconclusive", Text: open.Reason}
	}
	for _, rc := range m.ResourceDrift {
		add("drift", rc.Address, declared(rc.Address)).Failure = &junitReason{Message: "it was changed by others", Type: "drift"}
	}
	for _, n := range m.NodesBehind {
		add("relays", n.Name, "").Failure = &junitReason{Message: fmt.Sprintf("it runs revision %d and not revision %d", n.Serial, m.BaseSerial), Type: "behind", Text: n.Error}
	}
	for _, n := range m.NodesGone {
		add("relays", n.Name, "").Failure = &junitReason{Message: "it has ended without a word", Type: "gone"}
	}
	return out
}
