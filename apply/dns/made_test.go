package dns

import (
	"testing"

	"github.com/mailrelay/mailrelay/plan"
	"github.com/mailrelay/mailrelay/schema/rr"
)

// TestMade holds that only our own step counts, whatever others do meanwhile.
func TestMade(t *testing.T) {
	set := func(ttl uint32, values ...rr.Data) *rr.Set {
		s := rr.NewSet("contoso.com.", "TXT", ttl, values...)
		return &s
	}
	for _, tt := range []struct {
		name                string
		before, after, seen *rr.Set
		want                bool
	}{
		{"created", nil, set(60, "ours"), set(60, "ours"), true},
		{"not yet created", nil, set(60, "ours"), nil, false},
		{"added", set(60, "theirs"), set(60, "theirs", "ours"), set(60, "theirs", "ours"), true},
		{"not yet added", set(60, "theirs"), set(60, "theirs", "ours"), set(60, "theirs"), false},
		{"added, and others too", set(60, "theirs"), set(60, "theirs", "ours"), set(60, "theirs", "ours", "new"), true},
		{"added, and others left", set(60, "theirs"), set(60, "theirs", "ours"), set(60, "ours"), true},
		{"changed", set(60, "old"), set(60, "new"), set(60, "new"), true},
		{"not yet changed", set(60, "old"), set(60, "new"), set(60, "old"), false},
		{"half", set(60, "old"), set(60, "new"), set(60, "old", "new"), false},
		{"TTL", set(60, "x"), set(300, "x"), set(300, "x"), true},
		{"not yet the TTL", set(60, "x"), set(300, "x"), set(60, "x"), false},
		{"gone", set(60, "ours"), nil, nil, true},
		{"not yet gone", set(60, "ours"), nil, set(60, "ours"), false},
		{"gone, and others came", set(60, "ours"), nil, set(60, "theirs"), true},
		{"taken out", set(60, "theirs", "ours"), set(60, "theirs"), set(60, "theirs"), true},
		{"not yet taken out", set(60, "theirs", "ours"), set(60, "theirs"), set(60, "theirs", "ours"), false},
	} {
		if got := Made(plan.SetChange{Before: tt.before, After: tt.after}, tt.seen); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}
