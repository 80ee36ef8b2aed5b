package mailtest

import (
	"bytes"
	"encoding/json"

	"github.com/mailrelay/mailrelay/schema/decide"
)

// The states of a report and of its cases.
const (
	Pass = "pass"
	Fail = "fail"
)

// Report is the results of a run. Text, JSON and JUnit XML are written from it
// alone, so they cannot disagree.
type Report struct {
	FormatVersion string `json:"format_version"` // "1.0"; a minor step only adds
	Status        string `json:"status"`         // Fail if any test failed
	Passed        int    `json:"passed"`
	Failed        int    `json:"failed"`
	Tests         []Case `json:"tests"` // in the order in which they were run
}

// Case is one test in a report.
type Case struct {
	Address  string    `json:"address"` // test.NAME["key"]
	File     string    `json:"file"`
	Line     int       `json:"line"`
	Status   string    `json:"status"`
	Message  Message   `json:"message"`
	Outcome  Outcome   `json:"outcome"`
	Failures []Failure `json:"failures"` // empty, never null
	Because  []Reason  `json:"because"`
}

// Message is what was sent, and how.
type Message struct {
	Relay   string `json:"relay,omitempty"`
	Binding string `json:"binding"`
	Client  string `json:"client,omitempty"` // empty: over a Unix socket
	TLS     bool   `json:"tls"`
	User    string `json:"user,omitempty"` // logged on as
	From    string `json:"from"`           // empty: the null sender
	To      string `json:"to"`
	Size    int64  `json:"size,omitempty"` // bytes
}

// Reason is one step of the way to an outcome.
type Reason struct {
	Address string `json:"address,omitempty"` // the block that decided; empty for a rule of mailrelay itself
	Place   string `json:"place,omitempty"`   // file:line of it
	Text    string `json:"text"`
}

// NewReport makes a Report of results.
func NewReport(results []Result) Report {
	r := Report{FormatVersion: "1.0", Status: Pass, Tests: []Case{}}
	for _, res := range results {
		c := newCase(res)
		if c.Status == Pass {
			r.Passed++
		} else {
			r.Failed++
			r.Status = Fail
		}
		r.Tests = append(r.Tests, c)
	}
	return r
}

func newCase(r Result) Case {
	t := r.Test
	c := Case{
		Address: t.Addr.String(), File: t.Decl.Filename, Line: t.Decl.Start.Line, Status: Pass,
		Message: Message{Relay: t.Relay.String(), Binding: t.Binding, TLS: t.secure(), User: t.User, From: t.From.String(), To: t.To.String(), Size: t.Size},
		Outcome: r.outcome(), Failures: append([]Failure{}, r.Failures...), Because: []Reason{},
	}
	if t.Client.IsValid() {
		c.Message.Client = t.Client.String()
	}
	if len(r.Failures) > 0 {
		c.Status = Fail
	}
	for _, b := range r.Because {
		c.Because = append(c.Because, newReason(b))
	}
	return c
}

func newReason(b decide.Because) Reason {
	return Reason{Address: b.Addr.String(), Place: b.Decl, Text: b.Text}
}

// JSON is the report as one document, with a final newline.
func (r Report) JSON() ([]byte, error) {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err := e.Encode(r)
	return out.Bytes(), err
}
