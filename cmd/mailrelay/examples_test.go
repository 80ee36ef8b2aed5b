package main

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mailrelay/mailrelay/cmd/mailrelay/internal/sandbox"
	"github.com/mailrelay/mailrelay/cmd/mailrelay/internal/ui"
	"github.com/mailrelay/mailrelay/plan/check"
	"github.com/mailrelay/mailrelay/plan/render"
)

var update = flag.Bool("update", false, "rewrite the expected plans of the examples")

// TestExamplePlans plans every example against the zone files of its sandbox, on a
// day on which none of its dates has passed, and compares the plan as it is shown
// with expected.plan.txt, and in the other forms with testdata/shown.
func TestExamplePlans(t *testing.T) {
	dirs, err := filepath.Glob("../../examples/*/mailrelay.mail.hcl")
	if err != nil || len(dirs) < 4 {
		t.Fatalf("%d examples: %v", len(dirs), err)
	}
	for _, file := range dirs {
		dir := filepath.Dir(file)
		t.Run(filepath.Base(dir), func(t *testing.T) {
			m := examplePlan(t, dir)
			var text bytes.Buffer
			if err := render.Text(&text, m, render.Style{}); err != nil {
				t.Fatal(err)
			}
			sameAs(t, filepath.Join(dir, "expected.plan.txt"), shortened(portless(text.Bytes())))
			for _, format := range []string{"markdown", "html", "github", "gitlab", "sarif", "junit"} {
				sameAs(t, filepath.Join("testdata", "shown", filepath.Base(dir)+"."+format), shownAs(t, m, format, filepath.Base(dir)))
			}
		})
	}
}

// TestREADMEPlan holds that the plan which README.md shows is a part of the one that
// the test above compares with what is printed.
func TestREADMEPlan(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, about, _ := bytes.Cut(readme, []byte("## What a plan looks like\n"))
	_, about, _ = bytes.Cut(about, []byte("```\n"))
	extract, _, _ := bytes.Cut(about, []byte("```\n"))
	rest, err := os.ReadFile("../../examples/coexistence/expected.plan.txt")
	if err != nil {
		t.Fatal(err)
	}
	parts := bytes.Split(extract, []byte("\n\n"))
	if len(parts) < 3 {
		t.Fatalf("README.md shows %d parts of a plan", len(parts))
	}
	for _, part := range parts {
		found := false
		if _, rest, found = bytes.Cut(rest, part); !found {
			t.Errorf("no plan says, there or at all:\n%s", part)
		}
	}
}

// sameAs compares with a golden file.
func sameAs(t *testing.T, golden string, got []byte) {
	t.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Dir(golden), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(golden, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatalf("%v: run the test with -update, and read what it writes", err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

// shownAs is the plan as show writes it. What is long is cut by -max-bytes.
func shownAs(t *testing.T, m *render.Model, format, example string) []byte {
	t.Helper()
	var out bytes.Buffer
	none := func(string) (string, bool) { return "", false }
	a := &app{ui: ui.New(nil, &out, io.Discard, none), env: none}
	if err := a.show(m, format, render.Options{Folder: "examples/" + example, Version: "0.1.0", MaxBytes: 32 << 10}); err != nil {
		t.Fatal(err)
	}
	text := portless(out.Bytes())
	for _, page := range check.Pages() { // they are golden elsewhere
		var quoted bytes.Buffer
		if err := writeJSON(&quoted, page.Text); err != nil {
			t.Fatal(err)
		}
		text = bytes.ReplaceAll(text, bytes.TrimSpace(quoted.Bytes()), []byte(`"THE PAGE OF `+page.Code+`"`))
	}
	return text
}

// portless is text in which no port is random.
func portless(text []byte) []byte {
	return regexp.MustCompile(`(127\.0\.0\.1|\[::1\]):\d+`).ReplaceAll(text, []byte("$1:PORT"))
}

// examplePlan is the plan of the example in dir, with nothing applied yet.
func examplePlan(t *testing.T, dir string) *render.Model {
	t.Helper()
	none := func(string) (string, bool) { return "", false }
	a := &app{ui: ui.New(nil, io.Discard, os.Stderr, none), env: none, world: realWorld(), dir: dir, state: t.TempDir()}
	config, err := a.load()
	if err != nil {
		t.Fatal(err)
	}
	w, err := sandbox.New(filepath.Join(dir, "sandbox"), config)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	a.enter(w)
	a.world.clock = func() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) }
	p, _, err := a.makePlan(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	m, err := render.NewModel(p)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// shortened leaves out what is shown of a block after its second instance, and of a
// list after its tenth element, and says how much that is.
func shortened(text []byte) []byte {
	var out bytes.Buffer
	instance := regexp.MustCompile(`^  # (\S+)\[".*"\] `)
	shown, left := map[string]int{}, map[string]int{}
	var names []string
	for _, part := range bytes.SplitAfter(text, []byte("\n\n")) {
		m := instance.FindSubmatch(part)
		if m == nil {
			for _, name := range names {
				fmt.Fprintf(&out, "  [and %d more of %s]\n\n", left[name], name)
			}
			names = nil
			out.Write(part)
			continue
		}
		name := string(m[1])
		if shown[name]++; shown[name] > 2 {
			if left[name]++; left[name] == 1 {
				names = append(names, name)
			}
			continue
		}
		out.Write(cut(part))
	}
	return out.Bytes()
}

// cut shortens the lists in part.
func cut(part []byte) []byte {
	var out bytes.Buffer
	run := 0
	flush := func() {
		if run > 10 {
			fmt.Fprintf(&out, "          [and %d more]\n", run-10)
		}
		run = 0
	}
	for line := range bytes.Lines(part) {
		if !bytes.HasPrefix(line, []byte(`          + "`)) {
			flush()
			out.Write(line)
			continue
		}
		if run++; run <= 10 {
			out.Write(line)
		}
	}
	flush()
	return out.Bytes()
}
