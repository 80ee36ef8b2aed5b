package dns

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"syscall"
	"time"

	"github.com/miekg/dns"
)

// tries is how often an update is sent to a server that cannot take it.
const tries = 4

// errFailed is an update that the server says it could not store, though something
// has changed.
var errFailed = errors.New("it answered SERVFAIL")

// again reports whether an update may be sent once more after it failed: the
// server is there, and has too much to do.
func again(answer *dns.Msg, err error) bool {
	return answer != nil && answer.Rcode == dns.RcodeServerFailure || errors.Is(err, syscall.ECONNREFUSED)
}

// pause is how long to wait before the next try: 0.1 s, then three times as long
// each time, more or less by chance, so that those who wait do not come back
// together.
func pause(try int) time.Duration {
	d := 100 * time.Millisecond
	for range try {
		d *= 3
	}
	return d/2 + rand.N(d)
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// gates let so many through to each server at a time.
type gates struct {
	size int
	mu   sync.Mutex
	open map[string]chan struct{}
}

// enter waits for a place at a server, and gives the function that leaves it. The
// error is that of ctx.
func (g *gates) enter(ctx context.Context, server string) (leave func(), err error) {
	g.mu.Lock()
	if g.open == nil {
		g.open = map[string]chan struct{}{}
	}
	gate := g.open[server]
	if gate == nil {
		gate = make(chan struct{}, g.size)
		g.open[server] = gate
	}
	g.mu.Unlock()
	select {
	case gate <- struct{}{}:
		return func() { <-gate }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
