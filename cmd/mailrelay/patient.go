package main

import (
	"runtime"
	"runtime/debug"
)

// patient lets the heap grow to 128 MiB before garbage is first collected, and from
// then on as always. It is for commands that end soon: collecting a small heap again
// and again costs them a sixth of their time. Whoever sets GOGC is obeyed.
func patient() {
	const usual = 100
	if was := debug.SetGCPercent(3200); was != usual { // of 4 MiB, the least heap at 100
		debug.SetGCPercent(was)
		return
	}
	first := new([64]byte) // garbage that the first collection finds
	runtime.AddCleanup(first, func(percent int) { debug.SetGCPercent(percent) }, usual)
}
