package render

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mailrelay/mailrelay/plan/check"
)

func sarifOf(t *testing.T, found []check.Finding, o Options) string {
	t.Helper()
	var b bytes.Buffer
	if err := SARIF(&b, found, o); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestSARIF(t *testing.T) {
	found := []check.Finding{
		{Code: "MR107", Severity: check.Note, Addr: addr(t, "allowlist.apps"), Summary: "no owner", Detail: "Nobody can be asked."},
		{Code: "MR101", Severity: check.Error, Addr: addr(t, `receive_connector.device["a b"]`), Summary: "open relay", Detail: "Anybody may {0} relay: allow \"MR101\" { reason = \"…\" }.", Decl: "dir with space/relay.mail.hcl:12"},
		{Code: "MR101", Severity: check.Error, Addr: addr(t, "receive_connector.known"), Summary: "open relay", Detail: "Known.", Decl: "relay.mail.hcl:30", Allowed: "they cannot log on <&>"},
		{Code: "MR999", Severity: check.Warning, Summary: "of another version", Detail: "No page."},
	}
	got := sarifOf(t, found, Options{Folder: "mail/edge", Version: "0.1.0"})
	for _, p := range check.Pages() { // they are golden elsewhere
		got = strings.ReplaceAll(got, strings.Trim(quote(p.Text), `"`), "THE PAGE OF "+p.Code)
	}
	golden(t, "findings.sarif", []byte(got))
	if found[0].Code != "MR107" {
		t.Error("the findings were sorted in place")
	}
}

func TestSARIFEmpty(t *testing.T) {
	if got := sarifOf(t, nil, Options{}); !strings.Contains(got, `"results": []`) || !strings.Contains(got, `"rules": []`) {
		t.Error(got)
	}
}

// TestSARIFFits holds that the least grave go first, and that it is said.
func TestSARIFFits(t *testing.T) {
	var found []check.Finding
	for range 1000 {
		found = append(found, check.Finding{Code: "MR107", Severity: check.Note, Summary: "x", Detail: strings.Repeat("y", 100)})
	}
	found = append(found, check.Finding{Code: "MR101", Severity: check.Error, Summary: "open", Detail: "z"})
	got := sarifOf(t, found, Options{MaxBytes: 20000})
	var log sarifLog
	if err := json.Unmarshal([]byte(got), &log); err != nil {
		t.Fatal(err)
	}
	run := log.Runs[0]
	if len(got) > 20000 || len(run.Results) < 10 || run.Results[0].Rule != "MR101" {
		t.Errorf("%d bytes, %d results", len(got), len(run.Results))
	}
	if said := run.Invocations[0].Notifications; len(said) != 1 || !strings.HasSuffix(strings.Fields(said[0].Message.Text)[1], "findings") {
		t.Errorf("%+v", said)
	}
	var b bytes.Buffer
	if err := SARIF(&b, found, Options{MaxBytes: 100}); err == nil || b.Len() > 0 {
		t.Errorf("100 bytes: %v, %d written", err, b.Len())
	}
}

func TestPlace(t *testing.T) {
	for _, tt := range []struct {
		folder, decl, file string
		line               int
	}{
		{"", "a.mail.hcl:3", "a.mail.hcl", 3},
		{"x/y", "a.mail.hcl:3", "x/y/a.mail.hcl", 3},
		{"", `sub\a.mail.hcl:3`, "sub/a.mail.hcl", 3},
		{"", "a:b.mail.hcl:7", "a:b.mail.hcl", 7},
		{"", "", "", 1},
		{"", "a.mail.hcl:0", "a.mail.hcl", 1},
	} {
		file, line := Options{Folder: tt.folder}.place(tt.decl)
		if file != tt.file || line != tt.line {
			t.Errorf("%q: %q line %d", tt.decl, file, line)
		}
	}
	for in, want := range map[string]string{"a b/ü%.hcl": "a%20b/%C3%BC%25.hcl", "a:b": "./a:b", ".": "."} {
		if diff := cmp.Diff(want, uri(in)); diff != "" {
			t.Error(diff)
		}
	}
}
