package main

import (
	"sync"
	"time"
)

// patience gives what says, once for each, which name servers are waited for.
func (a *app) patience() func(server string, most time.Duration) {
	var mu sync.Mutex
	told := map[string]bool{}
	return func(server string, most time.Duration) {
		mu.Lock()
		defer mu.Unlock()
		if !told[server] {
			told[server] = true
			a.ui.Progress("Waiting for name server %s, which does not answer, for up to %s more.", server, most)
		}
	}
}
