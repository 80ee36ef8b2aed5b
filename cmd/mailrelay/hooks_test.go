package main

import (
	"io"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/mailrelay/mailrelay/cmd/mailrelay/internal/ui"
	"github.com/mailrelay/mailrelay/schema/lang"
)

// The hooks of .pre-commit-hooks.yaml run commands that there are, on files that
// there may be.
func TestPreCommitHooks(t *testing.T) {
	text, err := os.ReadFile("../../.pre-commit-hooks.yaml")
	if err != nil {
		t.Fatal(err)
	}
	a := &app{ui: ui.New(strings.NewReader(""), io.Discard, io.Discard, os.LookupEnv)}
	known := map[string]bool{}
	for _, c := range a.command().Commands {
		known[c.Name] = true
	}
	entries := regexp.MustCompile(`(?m)^  entry: mailrelay (\S+)$`).FindAllStringSubmatch(string(text), -1)
	if len(entries) != 2 {
		t.Errorf("%d hooks, want 2", len(entries))
	}
	for _, e := range entries {
		if !known[e[1]] {
			t.Errorf("there is no command %q", e[1])
		}
	}
	files := regexp.MustCompile(`(?m)^  files: (.+)$`).FindAllStringSubmatch(string(text), -1)
	if len(files) != len(entries) {
		t.Fatalf("%d patterns for %d hooks", len(files), len(entries))
	}
	for _, suffix := range lang.Suffixes() {
		if !regexp.MustCompile(files[0][1]).MatchString("mail/contoso" + suffix) {
			t.Errorf("mailrelay-fmt would not see contoso%s", suffix)
		}
	}
	for _, f := range files {
		if regexp.MustCompile(f[1]).MatchString("main.hcl") {
			t.Errorf("%s matches files that are none of ours", f[1])
		}
	}
}
