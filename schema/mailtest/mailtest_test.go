package mailtest_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"flag"
	"os"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/mailrelay/mailrelay/schema/decide"
	"github.com/mailrelay/mailrelay/schema/lang"
	"github.com/mailrelay/mailrelay/schema/mailtest"
)

var update = flag.Bool("update", false, "rewrite the golden parts of testdata")

// now is when the tests in testdata are run: before the entry in them expires.
func now() time.Time { return time.Date(2027, 3, 1, 12, 0, 0, 0, time.UTC) }

// report runs the tests in an archive.
func report(t *testing.T, a *txtar.Archive) mailtest.Report {
	t.Helper()
	fsys := fstest.MapFS{}
	for _, f := range a.Files {
		fsys[f.Name] = &fstest.MapFile{Data: f.Data}
	}
	c, tests, diags := lang.LoadTestsFS(fsys, lang.Options{})
	if diags.HasErrors() {
		var out bytes.Buffer
		if err := lang.WriteDiagnostics(&out, c.Sources, 0, false, diags); err != nil {
			t.Fatal(err)
		}
		t.Fatal(out.String())
	}
	p, err := decide.Compile(c)
	if err != nil {
		t.Fatal(err)
	}
	var results []mailtest.Result
	for _, test := range tests {
		results = append(results, test.Run(p, now()))
	}
	return mailtest.NewReport(results)
}

// TestOutcomes holds the three forms of a report against golden ones, which are to
// be read after every -update.
func TestOutcomes(t *testing.T) {
	const path = "testdata/outcomes.txtar"
	a, err := txtar.ParseFile(path)
	if err != nil {
		t.Fatal(err)
	}
	r := report(t, a)
	var text bytes.Buffer
	if err := mailtest.Text(&text, r, mailtest.Style{}); err != nil {
		t.Fatal(err)
	}
	raw, err := r.JSON()
	if err != nil {
		t.Fatal(err)
	}
	junit, err := r.JUnit(now())
	if err != nil {
		t.Fatal(err)
	}
	for name, got := range map[string][]byte{"outcomes.txt": text.Bytes(), "outcomes.json": raw, "outcomes.xml": junit} {
		name = "testdata/" + name
		if *update {
			if err := os.WriteFile(name, got, 0o666); err != nil {
				t.Fatal(err)
			}
			continue
		}
		want, err := os.ReadFile(name)
		if err != nil {
			t.Fatalf("%v: run the test with -update, and read what it writes", err)
		}
		if diff := cmp.Diff(string(want), string(got)); diff != "" {
			t.Errorf("%s: -want +got\n%s", name, diff)
		}
	}
	var back mailtest.Report
	if err := json.Unmarshal(raw, &back); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(r, back); diff != "" {
		t.Errorf("JSON loses something: -want +got\n%s", diff)
	}
}

// TestColor holds that colour changes nothing else.
func TestColor(t *testing.T) {
	a, err := txtar.ParseFile("testdata/outcomes.txtar")
	if err != nil {
		t.Fatal(err)
	}
	r := report(t, a)
	var with, without strings.Builder
	if err := mailtest.Text(&with, r, mailtest.Style{Color: true}); err != nil {
		t.Fatal(err)
	}
	if err := mailtest.Text(&without, r, mailtest.Style{}); err != nil {
		t.Fatal(err)
	}
	stripped := strings.NewReplacer("\x1b[32m", "", "\x1b[31m", "", "\x1b[1m", "", "\x1b[0m", "").Replace(with.String())
	if with.String() == without.String() || stripped != without.String() {
		t.Error("with and without colour the text differs, or there is no colour")
	}
}

// TestJUnit holds what the schemas of Ant and Jenkins want besides names that
// encoding/xml gets right: counts that agree, and text that XML can carry.
func TestJUnit(t *testing.T) {
	r := mailtest.Report{FormatVersion: "1.0", Status: mailtest.Fail, Passed: 1, Failed: 1, Tests: []mailtest.Case{
		{Address: "test.a", File: "a.mailtest.hcl", Status: mailtest.Pass},
		{Address: `test.b["<&\"\x01>"]`, File: "b.mailtest.hcl", Status: mailtest.Fail, Failures: []mailtest.Failure{{Assertion: "code", Want: "250", Got: "]]>\x00"}}},
	}}
	raw, err := r.JUnit(now())
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		XMLName xml.Name `xml:"testsuites"`
		Suites  []struct {
			Name      string `xml:"name,attr"`
			Timestamp string `xml:"timestamp,attr"`
			Tests     int    `xml:"tests,attr"`
			Failures  int    `xml:"failures,attr"`
			Cases     []struct {
				Name    string `xml:"name,attr"`
				Failure *struct {
					Message string `xml:"message,attr"`
				} `xml:"failure"`
			} `xml:"testcase"`
		} `xml:"testsuite"`
	}
	if err := xml.Unmarshal(raw, &doc); err != nil {
		t.Fatal(err)
	}
	if len(doc.Suites) != 2 {
		t.Fatalf("%d suites, want one a file", len(doc.Suites))
	}
	for i, s := range doc.Suites {
		failed := 0
		for _, c := range s.Cases {
			if c.Failure != nil {
				failed++
			}
		}
		if s.Name != r.Tests[i].File || s.Tests != len(s.Cases) || s.Failures != failed || s.Timestamp != "2027-03-01T12:00:00" {
			t.Errorf("suite %+v", s)
		}
	}
	if got := doc.Suites[1].Cases[0].Failure.Message; got != "code: wanted 250, got ]]>\uFFFD" {
		t.Errorf("message %q", got)
	}
}

// TestNothing holds that no tests are no failure, and are still a document.
func TestNothing(t *testing.T) {
	r := mailtest.NewReport(nil)
	raw, err := r.JSON()
	if err != nil {
		t.Fatal(err)
	}
	want := "{\n  \"format_version\": \"1.0\",\n  \"status\": \"pass\",\n  \"passed\": 0,\n  \"failed\": 0,\n  \"tests\": []\n}\n"
	if diff := cmp.Diff(want, string(raw)); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	var text strings.Builder
	if err := mailtest.Text(&text, r, mailtest.Style{}); err != nil || text.String() != "Success! 0 passed, 0 failed.\n" {
		t.Errorf("%q, %v", text.String(), err)
	}
}
