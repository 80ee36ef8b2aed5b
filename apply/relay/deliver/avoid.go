package deliver

import (
	"sync"
	"time"

	"github.com/mailrelay/mailrelay/schema"
)

const (
	// avoidance is how long an address that failed is left alone.
	avoidance = time.Minute
	// avoidedMost bounds the memory of them.
	avoidedMost = 10000
)

// avoided remembers the addresses that a connector could not reach, for all the
// domains that share them: not every message must find it out anew. It is safe
// for concurrent use.
type avoided struct {
	mu   sync.Mutex
	by   map[avoidedKey]avoidedHop
	live map[avoidedKey]int // connections that are open
	bare map[hop]time.Time  // until when they get no chunks
}

// avoidedKey has the connector too: one may fail where another's TLS does not.
type avoidedKey struct {
	connector *schema.SendConnector
	hop       hop
}

type avoidedHop struct {
	until time.Time
	why   outcome
}

// about gives the failure for which h is left alone, or nil.
func (a *avoided) about(s *schema.SendConnector, h hop, now time.Time) *outcome {
	k := avoidedKey{s, h}
	a.mu.Lock()
	defer a.mu.Unlock()
	x, ok := a.by[k]
	if !ok {
		return nil
	}
	if !now.Before(x.until) {
		delete(a.by, k)
		return nil
	}
	return &x.why
}

// add leaves h alone for a while. A host that has connections of ours open is not
// down, but refuses more of them: it is not left alone.
func (a *avoided) add(s *schema.SendConnector, h hop, why outcome, now time.Time) {
	k := avoidedKey{s, h}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.live[k] > 0 {
		return
	}
	if len(a.by) >= avoidedMost {
		clear(a.by)
	}
	if a.by == nil {
		a.by = map[avoidedKey]avoidedHop{}
	}
	a.by[k] = avoidedHop{now.Add(avoidance), why}
}

// opened and closed count the connections to h.
func (a *avoided) opened(s *schema.SendConnector, h hop) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.live == nil {
		a.live = map[avoidedKey]int{}
	}
	a.live[avoidedKey{s, h}]++
}

func (a *avoided) closed(s *schema.SendConnector, h hop) {
	a.mu.Lock()
	defer a.mu.Unlock()
	k := avoidedKey{s, h}
	if a.live[k]--; a.live[k] <= 0 {
		delete(a.live, k)
	}
}

// plainFor is how long a host that offers CHUNKING and does not know it gets none.
const plainFor = 24 * time.Hour

// plain notes that h does not know what it offers.
func (a *avoided) plain(h hop, now time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.bare == nil || len(a.bare) >= avoidedMost {
		a.bare = map[hop]time.Time{}
	}
	a.bare[h] = now.Add(plainFor)
}

// isPlain reports whether h gets no chunks.
func (a *avoided) isPlain(h hop, now time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return now.Before(a.bare[h])
}

// forget clears the memory: another configuration may reach what this one did not.
func (a *avoided) forget() {
	a.mu.Lock()
	defer a.mu.Unlock()
	clear(a.by)
}
