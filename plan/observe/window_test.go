package observe

import (
	"testing"
	"time"
)

func TestWindow(t *testing.T) {
	w := newWindow(32)
	if got := w.patience(2 * time.Second); got != 2*time.Second {
		t.Errorf("patience %s before anything is known", got)
	}
	for range 32 {
		w.answered(20 * time.Millisecond)
	}
	if w.size != 64 {
		t.Errorf("size %v after as many answers as it was, want it doubled", w.size)
	}
	if got := w.patience(2 * time.Second); got != 200*time.Millisecond {
		t.Errorf("patience %s for answers after 20ms, want the least", got)
	}
	for range 1000 {
		w.answered(100 * time.Millisecond)
	}
	if w.size != 256 {
		t.Errorf("size %v, want the most", w.size)
	}
	nearby := newWindow(32)
	for range 1000 {
		nearby.answered(time.Millisecond)
	}
	if nearby.size != 128 {
		t.Errorf("size %v for a server that is near, want half of the most", nearby.size)
	}
	w.lost(now)
	w.lost(now.Add(time.Millisecond))
	if w.size != 128 {
		t.Errorf("size %v after a loss in one round trip, want half", w.size)
	}
	for range 128 {
		w.answered(100 * time.Millisecond)
	}
	if w.size < 128.5 || w.size > 129.5 {
		t.Errorf("size %v a round trip after a loss, want one more", w.size)
	}
	for i := range 20 {
		w.lost(now.Add(time.Duration(i+1) * time.Second))
	}
	if w.size != 8 {
		t.Errorf("size %v after many losses, want the least", w.size)
	}
	if w := newWindow(1); w.size != 1 || w.least != 1 {
		t.Errorf("a window of 1 is %+v", w)
	}
}
