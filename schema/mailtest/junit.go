package mailtest

import (
	"encoding/xml"
	"fmt"
	"strings"
	"time"
)

// The elements of a JUnit report, in the form that the schemas of Ant and of
// Jenkins have in common.
type (
	junitSuites struct {
		XMLName xml.Name     `xml:"testsuites"`
		Suites  []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name       string          `xml:"name,attr"`
		Package    string          `xml:"package,attr"`
		ID         int             `xml:"id,attr"`
		Timestamp  string          `xml:"timestamp,attr"`
		Hostname   string          `xml:"hostname,attr"`
		Tests      int             `xml:"tests,attr"`
		Failures   int             `xml:"failures,attr"`
		Errors     int             `xml:"errors,attr"`
		Time       string          `xml:"time,attr"`
		Properties []junitProperty `xml:"properties>property"`
		Cases      []junitCase     `xml:"testcase"`
		Out        string          `xml:"system-out"`
		Err        string          `xml:"system-err"`
	}
	junitProperty struct {
		Name  string `xml:"name,attr"`
		Value string `xml:"value,attr"`
	}
	junitCase struct {
		Name    string        `xml:"name,attr"`
		Class   string        `xml:"classname,attr"`
		Time    string        `xml:"time,attr"`
		Failure *junitFailure `xml:"failure"`
	}
	junitFailure struct {
		Message string `xml:"message,attr"`
		Type    string `xml:"type,attr"`
		Text    string `xml:",chardata"`
	}
)

// JUnit is the report as JUnit XML, a test suite for each file of tests. at is when
// the tests were run. Deciding takes no time worth telling, so every time is 0.
func (r Report) JUnit(at time.Time) ([]byte, error) {
	var doc junitSuites
	for _, c := range r.Tests {
		if n := len(doc.Suites); n == 0 || doc.Suites[n-1].Name != c.File {
			doc.Suites = append(doc.Suites, junitSuite{
				Name: c.File, Package: "mailrelay", ID: n, Timestamp: at.UTC().Format("2006-01-02T15:04:05"), Hostname: "localhost", Time: "0",
				Properties: []junitProperty{{"format_version", r.FormatVersion}},
			})
		}
		suite := &doc.Suites[len(doc.Suites)-1]
		suite.Tests++
		jc := junitCase{Name: c.Address, Class: strings.TrimSuffix(c.File, ".hcl"), Time: "0"}
		if c.Status == Fail {
			suite.Failures++
			jc.Failure = &junitFailure{Message: c.summary(), Type: "assertion", Text: "\n" + c.details()}
		}
		suite.Cases = append(suite.Cases, jc)
	}
	text, err := xml.MarshalIndent(doc, "", "  ")
	return []byte(xml.Header + string(text) + "\n"), err
}

// summary is what is wrong with a case in one line.
func (c Case) summary() string {
	var out []string
	for _, f := range c.Failures {
		out = append(out, fmt.Sprintf("%s: wanted %s, got %s", f.Assertion, f.Want, f.Got))
	}
	return strings.Join(out, "; ")
}
