package main

import (
	"runtime"
	"runtime/debug"
	"testing"
	"time"
)

// TestPatient holds that patience ends with the first collection, and that there is
// none where somebody has set GOGC.
func TestPatient(t *testing.T) {
	percent := func() int {
		p := debug.SetGCPercent(100)
		debug.SetGCPercent(p)
		return p
	}
	was := debug.SetGCPercent(50)
	defer debug.SetGCPercent(was)
	if patient(); percent() != 50 {
		t.Errorf("GOGC=50 became %d", percent())
	}
	debug.SetGCPercent(100)
	if patient(); percent() <= 100 {
		t.Errorf("no patience: %d", percent())
	}
	for end := time.Now().Add(10 * time.Second); percent() != 100; runtime.Gosched() {
		if runtime.GC(); time.Now().After(end) {
			t.Fatalf("still patient after a collection: %d", percent())
		}
	}
}
