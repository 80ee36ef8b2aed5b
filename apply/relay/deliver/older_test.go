package deliver

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mailrelay/mailrelay/apply/relay/spool"
)

func TestOlder(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	r := New(Options{Clock: func() time.Time { return now }})
	for _, age := range []time.Duration{25 * time.Hour, 2 * time.Hour, 10 * time.Minute, time.Minute, 0} {
		r.Add(spool.Envelope{ID: age.String(), Received: now.Add(-age)}, nil)
	}
	got := r.Older(now, []time.Duration{5 * time.Minute, time.Hour, 24 * time.Hour})
	if diff := cmp.Diff([]int{3, 2, 1}, got); diff != "" {
		t.Error(diff)
	}
}
