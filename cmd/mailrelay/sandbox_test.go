package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
)

// TestSandboxExamples runs every example in the sandbox: a message arrives, and
// stdout says at which host, by which connector and how protected.
func TestSandboxExamples(t *testing.T) {
	examples, err := filepath.Glob("../../examples/*/*.mail.hcl")
	if err != nil || len(examples) == 0 {
		t.Fatalf("no examples: %v", err)
	}
	arrival := regexp.MustCompile(`(?m)^The message arrived at \S+ \([0-9a-f.:]+\) for <\S+@\S+>, by send_connector\.\S+, (TLS 1\.[23]|without TLS)\.$`)
	done := map[string]bool{}
	for _, file := range examples {
		dir := filepath.Dir(file)
		if done[dir] {
			continue
		}
		done[dir] = true
		t.Run(filepath.Base(dir), func(t *testing.T) {
			cmd := exec.Command("mailrelay", "sandbox", "-auto-approve", "-once", dir)
			cmd.Env = append(os.Environ(), "GORACE="+raceExit)
			var out, errs bytes.Buffer
			cmd.Stdout, cmd.Stderr = &out, &errs
			if err := cmd.Run(); err != nil {
				t.Fatalf("%v\n%s%s", err, &out, &errs)
			}
			if n := len(arrival.FindAll(out.Bytes(), -1)); n != 1 {
				t.Errorf("stdout tells of %d arrivals:\n%s", n, &out)
			}
			if _, err := os.Stat(filepath.Join(dir, ".mailrelay")); !os.IsNotExist(err) {
				t.Errorf("the sandbox left a state in %s (%v)", dir, err)
			}
		})
	}
}
