package deliver

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mailrelay/mailrelay/apply/relay/spool"
)

// TestDisk: with a real spool, everything that was committed arrives and the spool
// is empty in the end, a report and a large message too.
func TestDisk(t *testing.T) {
	dir := t.TempDir()
	s, err := spool.Open(dir, spool.Options{})
	if err != nil {
		t.Fatal(err)
	}
	large := append([]byte("Subject: large\r\n\r\n"), bytes.Repeat([]byte("a line of text\r\n"), 50000)...)
	sink := listen(t)
	events := make(chan Event, 10)
	r := New(Options{Spool: Disk(s), Delivered: func(e Event) { events <- e }})
	conn := connector(t, sink)
	conn.MaxMessageSize = 100 << 20
	r.use(through(conn), relayBlock(t))
	ctx, cancel := context.WithCancel(context.Background())
	over := make(chan error, 1)
	go func() { over <- r.Run(ctx) }()
	for _, to := range []string{"b@example.com", "refused@example.com"} {
		d := s.New()
		if _, err := d.Write(large); err != nil {
			t.Fatal(err)
		}
		env, body, err := d.Commit(spool.Envelope{From: box(t, "a@example.org"), Rcpts: []spool.Rcpt{{To: box(t, to)}}})
		if err != nil {
			t.Fatal(err)
		}
		r.Add(env, body)
	}
	to := map[string]bool{}
	for range 2 {
		to[(<-events).To.String()] = true
	}
	if !to["b@example.com"] || !to["a@example.org"] {
		t.Errorf("delivered to %v, want the message and the report", to)
	}
	cancel()
	if err := <-over; err != nil {
		t.Error(err)
	}
	// Remove does not wait; Close does.
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if s, err = spool.Open(dir, spool.Options{}); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Each(func(env spool.Envelope) error { return fmt.Errorf("%s is left", env.ID) }); err != nil {
		t.Error(err)
	}
}

// listen runs a peer on loopback that refuses refused@example.com, and gives its
// address.
func listen(t testing.TB) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var open sync.WaitGroup
	t.Cleanup(func() {
		l.Close()
		open.Wait()
	})
	open.Go(func() {
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			open.Go(func() {
				p := refuser(map[string]string{"refused@example.com": "550 5.1.1 no"})
				p.ext = []string{"PIPELINING", "8BITMIME", "SIZE"}
				p.forget = true
				p.serve(nc)
			})
		}
	})
	return l.Addr().String()
}

// discard is a Store that keeps nothing.
type discard struct{ *store }

func (discard) Remove(string) error                   { return nil }
func (discard) Each(func(spool.Envelope) error) error { return nil }
func (discard) Body(string) (io.ReadCloser, error)    { return nil, spool.ErrGone }

// BenchmarkRunner is what delivery alone makes of 4 KiB messages from 20 sessions
// that wait for nothing, to a sink in this process over loopback.
func BenchmarkRunner(b *testing.B) {
	sink := listen(b)
	var n atomic.Int64
	done := make(chan bool)
	r := New(Options{Spool: discard{newStore()}, Memory: 1 << 30, Delivered: func(Event) {
		if n.Add(1) == int64(b.N) {
			close(done)
		}
	}})
	r.use(through(connector(b, sink)), relayBlock(b))
	ctx, cancel := context.WithCancel(context.Background())
	over := make(chan error, 1)
	go func() { over <- r.Run(ctx) }()
	body := append([]byte("Subject: bench\r\n\r\n"), bytes.Repeat([]byte("0123456789012345678901234567890123456789012345678901234567890\r\n"), 64)...)
	env := spool.Envelope{From: box(b, "a@example.org"), Rcpts: []spool.Rcpt{{To: box(b, "b@example.com")}}, Size: int64(len(body)), Received: time.Now()}
	b.ReportAllocs()
	b.ResetTimer()
	var left atomic.Int64
	left.Store(int64(b.N))
	var sessions sync.WaitGroup
	for range 20 {
		sessions.Go(func() {
			for left.Add(-1) >= 0 {
				r.Add(env, body)
			}
		})
	}
	sessions.Wait()
	<-done
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "msg/s")
	cancel()
	if err := <-over; err != nil {
		b.Error(err)
	}
}
