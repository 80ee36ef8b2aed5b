package deliver

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mailrelay/mailrelay/apply/relay/spool"
)

// crowd is a Store of many messages that exist only while they are read.
type crowd struct {
	*store
	n int
}

func (c crowd) Each(f func(spool.Envelope) error) error {
	for i := range c.n {
		raw := fmt.Sprintf(`{"id":"%020d","from":"sender%d@example.org","rcpts":[{"to":"recipient%d@example.com","last_error":"450 4.2.1 busy"}],"size":4096,"received":"2000-01-01T00:00:00Z","connector":"receive_connector.device[\"printers\"]","client":"10.20.0.9","next":"2000-01-01T00:00:00Z"}`, i, i, i)
		var env spool.Envelope
		if err := json.Unmarshal([]byte(raw), &env); err != nil {
			return err
		}
		if err := f(env); err != nil {
			return err
		}
	}
	return nil
}

func (crowd) Update(spool.Envelope) error { return nil }

// TestWaitingIsSmall: messages for a next hop that is down take less than 1,500
// bytes each, so that 200,000 stay under 300 MiB; one connection is tried for all.
func TestWaitingIsSmall(t *testing.T) {
	const n = 20_000
	synctest.Test(t, func(t *testing.T) {
		dials := 0
		r := New(Options{Spool: crowd{newStore(), n}, Dial: func(context.Context, string, string) (net.Conn, error) {
			dials++
			return nil, errors.New("connection refused")
		}})
		s := connector(t, "192.0.2.1")
		s.MaxConnections = 1
		r.use(through(s), relayBlock(t))
		heap := func() uint64 {
			runtime.GC()
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			return m.HeapAlloc
		}
		before := heap()
		ctx, cancel := context.WithCancel(context.Background())
		over := make(chan error, 1)
		go func() { over <- r.Run(ctx) }()
		synctest.Wait()
		each := (heap() - before) / n
		t.Logf("%d bytes a message", each)
		if each > 1500 {
			t.Errorf("%d bytes a message", each)
		}
		if s := r.Stats(); s.Waiting != n || dials != 1 {
			t.Errorf("%d of %d wait, %d connections were tried", s.Waiting, n, dials)
		}
		time.Sleep(time.Second)
		cancel()
		if err := <-over; err != nil {
			t.Error(err)
		}
	})
}
