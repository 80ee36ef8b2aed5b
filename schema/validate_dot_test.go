package schema

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestLastWord(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching("[ab \t\u00a0\u2003é]*").Draw(t, "text")
		want := ""
		if words := strings.Fields(text); len(words) > 0 {
			want = words[len(words)-1]
		}
		if got := lastWord(text); got != want {
			t.Fatalf("lastWord(%q) = %q, want %q", text, got, want)
		}
	})
}
