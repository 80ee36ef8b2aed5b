package lang_test

import (
	"bytes"
	"encoding/json"
	"io"
	"io/fs"
	"testing"
	"testing/fstest"
	"time"

	"github.com/mailrelay/mailrelay/schema/decide"
	"github.com/mailrelay/mailrelay/schema/lang"
)

// The archives in testdata/mailtest are configurations with tests, in the form of
// those in testdata.

func TestMailtestsBad(t *testing.T) { archives(t, "mailtest/bad", "diagnostics", testMistakes) }

func TestMailtestsGood(t *testing.T) { archives(t, "mailtest/good", "tests", settledTests) }

func testMistakes(t *testing.T, fsys fs.FS, o lang.Options) string {
	c, tests, diags := lang.LoadTestsFS(fsys, o)
	if !diags.HasErrors() {
		t.Fatal("no error was reported")
	}
	if len(c.Blocks) > 0 || len(tests) > 0 {
		t.Errorf("what has errors has %d blocks and %d tests", len(c.Blocks), len(tests))
	}
	var out bytes.Buffer
	if err := lang.WriteDiagnostics(&out, c.Sources, 78, false, diags); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func settledTests(t *testing.T, fsys fs.FS, o lang.Options) string {
	_, tests, diags := lang.LoadTestsFS(fsys, o)
	if len(diags) > 0 {
		t.Fatal(diags)
	}
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetIndent("", "  ")
	for _, test := range tests {
		if err := e.Encode(test); err != nil {
			t.Fatal(err)
		}
	}
	if len(tests) == 0 {
		return "no tests\n"
	}
	return out.String()
}

// TestMailtestsAreNotConfiguration holds that who reads a configuration is not
// stopped by its tests.
func TestMailtestsAreNotConfiguration(t *testing.T) {
	fsys := fstest.MapFS{
		"a.mail.hcl":     {Data: []byte("domain \"a\" {\n  name = \"contoso.com\"\n}\n")},
		"a.mailtest.hcl": {Data: []byte("nonsense")},
	}
	if c, diags := lang.LoadFS(fsys, lang.Options{}); len(diags) > 0 || len(c.Blocks) != 1 {
		t.Errorf("%d blocks, %v", len(c.Blocks), diags)
	}
}

// FuzzMailtests holds that no file of tests makes anything panic, and that what is
// read without a mistake can be run.
func FuzzMailtests(f *testing.F) {
	for _, dir := range []string{"mailtest/bad", "mailtest/good"} {
		for _, fsys := range configurations(f, dir) {
			if text, err := fs.ReadFile(fsys, "a.mailtest.hcl"); err == nil {
				f.Add(string(text))
			}
			if text, err := fs.ReadFile(fsys, "t.mailtest.hcl"); err == nil {
				f.Add(string(text))
			}
		}
	}
	config, err := fs.ReadFile(configurations(f, "mailtest/good")["every_attribute"], "a.mail.hcl")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		fsys := fstest.MapFS{"a.mail.hcl": {Data: config}, "a.mailtest.hcl": {Data: []byte(text)}}
		c, tests, diags := lang.LoadTestsFS(fsys, lang.Options{Given: []lang.Given{{Name: "site", Text: "berlin"}}})
		if err := lang.WriteDiagnostics(io.Discard, c.Sources, 78, false, diags); err != nil {
			t.Fatal(err)
		}
		if diags.HasErrors() {
			return
		}
		p, err := decide.Compile(c)
		if err != nil {
			t.Fatal(err)
		}
		for _, test := range tests {
			if test.Relay.IsZero() || test.Binding == "" {
				t.Errorf("%s is not settled: %+v", test.Addr, test)
			}
			if r := test.Run(p, time.Time{}); r.Verdict.Code == 0 {
				t.Errorf("%s has no verdict", test.Addr)
			}
		}
	})
}
