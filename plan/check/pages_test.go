package check_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/mailrelay/mailrelay/plan/check"
)

// TestEveryCodeHasAPage holds that whatever code the program names has one page
// that says how to mend what was found, and that the pages are in order.
func TestEveryCodeHasAPage(t *testing.T) {
	var codes []string
	for _, p := range check.Pages() {
		codes = append(codes, p.Code)
		if p.Title == "" || strings.HasSuffix(p.Title, ")") || !strings.Contains(p.Text, "\n\nFix: ") {
			t.Errorf("the page of %s: %q does not say how to fix it: %s", p.Code, p.Title, p.Text)
		}
		if strings.Contains(p.Text, "\n## ") {
			t.Errorf("the page of %s holds another", p.Code)
		}
	}
	if !slices.IsSorted(codes) || len(slices.Compact(slices.Clone(codes))) != len(codes) {
		t.Errorf("not sorted, or double: %v", codes)
	}
	code := regexp.MustCompile(`"MR\d{3}"`)
	seen := 0
	err := filepath.WalkDir("..", func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go") {
			return err
		}
		text, err := os.ReadFile(file)
		for _, c := range code.FindAllString(string(text), -1) {
			seen++
			if !slices.Contains(codes, strings.Trim(c, `"`)) {
				t.Errorf("%s names %s, which has no page in README.md", file, c)
			}
		}
		return err
	})
	if err != nil || seen < 15 {
		t.Errorf("%d codes found: %v", seen, err)
	}
}
