package main

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestReferenceIsCurrent(t *testing.T) {
	have, err := os.ReadFile("../../REFERENCE.md")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(have), string(manual())); diff != "" {
		t.Errorf("schema/REFERENCE.md is out of date: run go generate ./schema\n-have +want\n%s", diff)
	}
}

// Every link of the page leads to one of its headings.
func TestLinksLeadSomewhere(t *testing.T) {
	text := string(manual())
	anchors := map[string]bool{}
	for _, h := range regexp.MustCompile(`(?m)^## (.+)$`).FindAllStringSubmatch(text, -1) {
		anchors[strings.ToLower(strings.NewReplacer(" ", "-", ",", "").Replace(h[1]))] = true
	}
	links := regexp.MustCompile(`\]\(#([^)]*)\)`).FindAllStringSubmatch(text, -1)
	if len(links) < 20 {
		t.Errorf("only %d links", len(links))
	}
	for _, l := range links {
		if !anchors[l[1]] {
			t.Errorf("#%s leads nowhere", l[1])
		}
	}
}

// Tables have as many cells in every row.
func TestTablesAreWhole(t *testing.T) {
	cells := 0
	for i, line := range strings.Split(string(manual()), "\n") {
		if !strings.HasPrefix(line, "|") {
			cells = 0
			continue
		}
		n := strings.Count(line, "|") - strings.Count(line, `\|`)
		if cells != 0 && n != cells {
			t.Errorf("line %d has %d cells, and the table %d: %s", i+1, n-1, cells-1, line)
		}
		cells = n
	}
}
