package main

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"testing"
)

// TestHelp holds that the help of every command fits a terminal and ends with an
// example that begins with the program's name.
func TestHelp(t *testing.T) {
	none := func(string) (string, bool) { return "", false }
	for _, args := range append([][]string{{"mailrelay", "-help"}}, slices.Concat(helps(t, "mailrelay"), helps(t, "mailrelay", "queue"), helps(t, "mailrelay", "state"))...) {
		var out, errw bytes.Buffer
		if code := run(context.Background(), args, nil, &out, &errw, none); code != 0 || errw.Len() > 0 {
			t.Errorf("%v: exit %d, %s", args, code, errw.String())
		}
		for line := range strings.Lines(out.String()) {
			if n := len([]rune(strings.TrimSuffix(line, "\n"))); n > helpWidth {
				t.Errorf("%v: %d columns: %s", args, n, line)
			}
		}
		_, example, ok := strings.Cut(out.String(), "\nExample:\n\n")
		if !ok || !strings.Contains(example, "mailrelay ") || strings.Contains(example, "Flags:") {
			t.Errorf("%v does not end with an example:\n%s", args, out.String())
		}
	}
}

// helps are the command lines that show the help of each command below one.
func helps(t *testing.T, of ...string) [][]string {
	t.Helper()
	none := func(string) (string, bool) { return "", false }
	var out bytes.Buffer
	run(context.Background(), of, nil, &out, &out, none)
	_, list, _ := strings.Cut(out.String(), "Commands:\n")
	list, _, _ = strings.Cut(list, "\n\n")
	var lines [][]string
	for line := range strings.Lines(list) {
		if f := strings.Fields(line); strings.HasPrefix(line, "  ") && !strings.HasPrefix(line, "   ") && len(f) > 0 {
			lines = append(lines, append(slices.Clone(of), f[0], "-help"))
		}
	}
	if len(lines) < 5 {
		t.Fatalf("only %d commands were found in %s", len(lines), out.String())
	}
	return lines
}
