package main

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/mailrelay/mailrelay/apply/state"
	"github.com/mailrelay/mailrelay/cmd/mailrelay/internal/ui"
)

// TestStatusWatch shows what changes, and not what only gets older.
func TestStatusWatch(t *testing.T) {
	none := func(string) (string, bool) { return "", false }
	for _, asJSON := range []bool{false, true} {
		var out bytes.Buffer
		a := &app{ui: ui.New(nil, &out, &out, none), env: none, world: realWorld(), state: t.TempDir()}
		now := time.Now()
		a.world.clock = func() time.Time { return now }
		store := state.OpenDir(a.state)
		report := func(queue int) {
			t.Helper()
			if err := store.Report(t.Context(), state.Node{Name: "n", Relay: "relay.edge", Queue: queue, At: now}); err != nil {
				t.Fatal(err)
			}
		}
		if err := store.Make(); err != nil {
			t.Fatal(err)
		}
		report(1)
		round := 0
		a.world.sleep = func(context.Context, time.Duration) error {
			round++
			now = now.Add(time.Second)
			switch round {
			case 1, 2:
				report(1)
			case 3:
				report(2)
			case 4:
				return context.Canceled
			}
			return nil
		}
		if err := a.watchStatus(t.Context(), asJSON); err != nil {
			t.Fatal(err)
		}
		if asJSON {
			lines := strings.Split(strings.TrimSpace(out.String()), "\n")
			for _, line := range lines {
				if !json.Valid([]byte(line)) {
					t.Errorf("not JSON: %s", line)
				}
			}
			if len(lines) != 2 {
				t.Errorf("%d lines, want one for each change:\n%s", len(lines), out.String())
			}
			continue
		}
		if got := out.String(); strings.Count(got, "1 message\n") != 1 || strings.Count(got, "2 messages\n") != 1 || round != 4 {
			t.Errorf("after %d rounds it shows\n%s", round, got)
		}
		out.Reset()
		a.ui.Screen, round = true, 2
		if err := a.watchStatus(t.Context(), false); err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(out.String(), "\x1b[H\x1b[2J"); n != 2 {
			t.Errorf("a terminal is written over %d times:\n%q", n, out.String())
		}
	}
}
