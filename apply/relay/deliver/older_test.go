package deliver

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mailrelay/mailrelay/apply/relay/spool"
	"github.com/mailrelay/mailrelay/schema"
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

func TestDomains(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	r := New(Options{Clock: func() time.Time { return now }})
	for i, to := range [][]string{{"a@x.example", "b@x.example", "c@y.example"}, {"a@y.example"}, {"a@z.example"}, {"postmaster"}} {
		env := spool.Envelope{ID: string(rune('a' + i)), Received: now}
		for _, s := range to {
			var m schema.Mailbox
			if err := m.UnmarshalText([]byte(s)); err != nil {
				t.Fatal(err)
			}
			env.Rcpts = append(env.Rcpts, spool.Rcpt{To: m})
		}
		r.Add(env, nil)
	}
	if diff := cmp.Diff([]Queued{{"y.example", 2}, {"x.example", 1}}, r.Domains(2)); diff != "" {
		t.Error(diff)
	}
}
