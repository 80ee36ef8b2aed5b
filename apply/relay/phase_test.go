package relay

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestPhases is what a supervisor hears of a relay: it is ready while it waits for
// its first revision, and each time when it has taken one over or refused it.
func TestPhases(t *testing.T) {
	var mu sync.Mutex
	var heard []string
	alive := 0
	w := newWorld(t, func(o *Options) {
		o.Supervise = func(p Phase, text string) {
			mu.Lock()
			defer mu.Unlock()
			if p == Alive {
				alive++
				return
			}
			first, _, _ := strings.Cut(text, "(")
			if strings.Contains(text, "was refused") {
				first += "refused"
			}
			heard = append(heard, []string{"ready", "reloading", "", "stopping"}[p]+" "+first)
			// What is refused is tried again and again.
			if n := len(heard); n > 4 && strings.HasSuffix(heard[n-1], "refused") && slices.Equal(heard[n-2:], heard[n-4:n-2]) {
				heard = heard[:n-2]
			}
		}
	})
	await := func(want ...string) {
		t.Helper()
		var got []string
		for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
			mu.Lock()
			got = slices.Clone(heard)
			mu.Unlock()
			if slices.Equal(got, want) {
				return
			}
		}
		t.Fatalf("heard %q, want %q", got, want)
	}
	w.run()
	all := []string{"ready There is no revision yet; waiting for the first mailrelay apply."}
	await(all...)
	w.config(block(connector("one", relaying)))
	all = append(all, "ready Revision 1 ")
	await(all...)
	w.config(block(connector("two", relaying)))
	all = append(all, "reloading ", "ready Revision 2 ")
	await(all...)
	w.config(block(connector("one", relaying, `users {
    file = "/none"
  }
  auth_mechanisms = ["tls", "basic_auth"]`)))
	all = append(all, "reloading ", "ready Revision 2 refused")
	await(all...)
	mu.Lock()
	before := alive
	mu.Unlock()
	for end := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		mu.Lock()
		now := alive
		mu.Unlock()
		if now > before {
			break
		}
		if time.Now().After(end) {
			t.Fatal("the relay says nothing more of itself")
		}
	}
	w.halt()
	await(append(all, "stopping ")...)
}
