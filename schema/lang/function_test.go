package lang_test

import (
	"testing"
	"testing/fstest"

	"github.com/mailrelay/mailrelay/schema/lang"
)

// The manual is made of the descriptions.
func TestFunctionsSayWhatTheyDo(t *testing.T) {
	for name, f := range lang.Functions(fstest.MapFS{}) {
		if f.Description() == "" {
			t.Errorf("%s has no description", name)
		}
	}
}
