package lang_test

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"testing"
	"testing/fstest"

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
