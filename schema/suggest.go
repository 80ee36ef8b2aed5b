package schema

import (
	"fmt"

	"github.com/agext/levenshtein"
)

// DidYouMean gives ` Did you mean "x"?` for the word that is nearest to s, or
// nothing where none is near. It begins with ". " so that it can close a
// sentence.
func DidYouMean(s string, words []string) string {
	best, near := "", 3
	for _, w := range words {
		if d := levenshtein.Distance(s, w, nil); d < near {
			best, near = w, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf(". Did you mean %q?", best)
}
