package apply

import (
	"fmt"
	"strings"
)

// Few names at most three things in a sentence, and says how many more there are.
func Few(names []string) string {
	const most = 3
	if n := len(names) - most; n > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), n)
	}
	return strings.Join(names, ", ")
}
