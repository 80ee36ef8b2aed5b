package deliver

import (
	"fmt"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mailrelay/mailrelay/schema"
)

// TestSchedule: when a message is tried, and what its sender gets to know.
func TestSchedule(t *testing.T) {
	for _, tt := range []struct {
		name   string
		answer string // to RCPT; empty: nobody listens
		want   []string
		calls  string // what ended it
	}{
		{"temporary answers", "450 4.2.1 busy",
			// One minute, five, fifteen, half an hour, an hour, then every four. The delay
			// notice after 4 h and the end after 48 h have a try of their own.
			[]string{"0s", "1m0s", "6m0s", "21m0s", "51m0s", "1h51m0s", "4h0m0s", "8h0m0s", "12h0m0s", "16h0m0s", "20h0m0s", "24h0m0s", "28h0m0s", "32h0m0s", "36h0m0s", "40h0m0s", "44h0m0s", "48h0m0s"},
			"put 2 a@example.org; put 3 a@example.org"},
		{"held answers", "550 5.7.64 TenantAttribution; Relay Access Denied",
			[]string{"0s", "1m0s", "6m0s", "21m0s", "51m0s", "1h51m0s", "4h0m0s", "8h0m0s", "12h0m0s", "16h0m0s", "20h0m0s", "24h0m0s", "28h0m0s", "32h0m0s", "36h0m0s", "40h0m0s", "44h0m0s", "48h0m0s"},
			"put 2 a@example.org; put 3 a@example.org"},
		{"permanent answers", "550 5.1.1 no such user", []string{"0s"}, "put 2 a@example.org"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				var tries []string
				p := &peer{answer: func(line string) string {
					if line == "RCPT TO:<b@example.com>" {
						tries = append(tries, time.Since(start).String())
						return tt.answer
					}
					return ""
				}}
				w := newWorld(t, through(connector(t, "192.0.2.1")), Options{})
				w.net.peers["192.0.2.1:25"] = p.serve
				w.start()
				defer func() { w.stop() }()
				w.mail("a@example.org", "b@example.com")
				time.Sleep(72 * time.Hour)
				synctest.Wait()
				if diff := cmp.Diff(tt.want, tries); diff != "" {
					t.Error(diff)
				}
				var puts []string
				for _, c := range w.store.done()[1:] {
					if strings.HasPrefix(c, "put") {
						puts = append(puts, c)
					}
				}
				if got := strings.Join(puts, "; "); got != tt.calls {
					t.Errorf("reports: %s, want %s", got, tt.calls)
				}
				if n := len(w.store.envs); n != 0 {
					t.Errorf("%d messages are left in the spool", n)
				}
			})
		})
	}
}

// TestUnreachable: a next hop that is down is tried once for all that waits for it,
// and not more often than every few minutes, however much mail comes.
func TestUnreachable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, through(connector(t, "192.0.2.1", "192.0.2.2")), Options{})
		w.start()
		defer func() { w.stop() }()
		start := time.Now()
		for range 60 { // ten messages a minute for an hour
			for range 10 {
				w.mail("a@example.org", "b@example.com")
			}
			time.Sleep(time.Minute)
		}
		synctest.Wait()
		// 0, 1m, then every 5m: 14 tries of two hosts, up to the window's 2 at once.
		if n := w.net.count(); n < 26 || n > 40 {
			t.Errorf("%d connections were tried in %s, want about 28", n, time.Since(start))
		}
		p := &peer{}
		w.net.mu.Lock()
		w.net.peers["192.0.2.2:25"] = p.serve
		w.net.mu.Unlock()
		time.Sleep(2 * time.Hour)
		synctest.Wait()
		if n := len(p.messages()); n != 600 {
			t.Errorf("%d of 600 arrived after the next hop had come back", n)
		}
		for _, c := range w.store.done() {
			if strings.HasPrefix(c, "put") && strings.HasSuffix(c, "a@example.org") {
				t.Errorf("%s: a report, though nothing was late", c)
			}
		}
	})
}

// TestSecondHost: a smart host that is down is not asked again for each connection.
func TestSecondHost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := connector(t, "192.0.2.1", "192.0.2.2")
		s.MaxMessages = 1
		w := newWorld(t, through(s), Options{})
		p := &peer{}
		w.net.peers["192.0.2.2:25"] = p.serve
		w.start()
		defer func() { w.stop() }()
		for range 5 {
			w.mail("a@example.org", "b@example.com")
			synctest.Wait()
		}
		time.Sleep(avoidance)
		w.mail("a@example.org", "b@example.com")
		synctest.Wait()
		want := []string{"192.0.2.1:25", "192.0.2.2:25", "192.0.2.2:25", "192.0.2.2:25", "192.0.2.2:25", "192.0.2.2:25", "192.0.2.1:25", "192.0.2.2:25"}
		if diff := cmp.Diff(want, w.net.dials); diff != "" {
			t.Error(diff)
		}
	})
}

// TestSlowDown: an answer about our pace stops the whole next hop for a while.
func TestSlowDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := connector(t, "192.0.2.1")
		s.MaxConnections = 1
		w := newWorld(t, through(s), Options{})
		var rcpts atomic.Int32
		p := &peer{}
		p.answer = func(line string) string {
			if strings.HasPrefix(line, "RCPT") {
				if rcpts.Add(1) == 1 {
					return "451 4.7.500 Server busy"
				}
			}
			return ""
		}
		w.net.peers["192.0.2.1:25"] = p.serve
		for i := range 5 {
			w.mail("a@example.org", fmt.Sprintf("%d@example.com", i))
		}
		w.start()
		defer func() { w.stop() }()
		time.Sleep(59 * time.Second)
		synctest.Wait()
		if n := rcpts.Load(); n != 1 {
			t.Errorf("%d recipients were tried in the first minute, want 1", n)
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if n := len(p.messages()); n != 5 {
			t.Errorf("%d of 5 arrived after it", n)
		}
	})
}

// TestRefusedConnection: a next hop that takes two connections and no third is not
// down.
func TestRefusedConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, through(connector(t, "192.0.2.1")), Options{})
		open := 0
		p := &peer{}
		p.answer = func(line string) string {
			if line == "." {
				time.Sleep(time.Second)
			}
			return ""
		}
		w.net.peers["192.0.2.1:25"] = func(nc net.Conn) {
			p.mu.Lock()
			open++
			n := open
			p.mu.Unlock()
			defer func() {
				p.mu.Lock()
				open--
				p.mu.Unlock()
			}()
			if n > 2 {
				io.WriteString(nc, "421 4.7.0 too many connections\r\n")
				nc.Close()
				return
			}
			p.serve(nc)
		}
		w.start()
		defer func() { w.stop() }()
		for range 40 {
			w.mail("a@example.org", "b@example.com")
		}
		time.Sleep(25 * time.Second) // 20 s with two connections
		synctest.Wait()
		if n := len(p.messages()); n != 40 {
			t.Errorf("%d of 40 arrived; log: %s", n, w.log)
		}
	})
}

// TestUnrouted: without a route a message waits, and nothing else happens to it.
func TestUnrouted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, policy{func(to schema.Mailbox) (*schema.SendConnector, schema.Mailbox) { return nil, to }, "example.org"}, Options{})
		w.start()
		defer func() { w.stop() }()
		w.mail("a@example.org", "b@example.com")
		time.Sleep(time.Hour)
		synctest.Wait()
		want := "no enabled send connector is for example.com, or large enough"
		if s := w.Stats(); s.Messages != 1 || s.LastError != want {
			t.Errorf("%+v, want one message and %q", s, want)
		}
		if n := w.net.count(); n != 0 {
			t.Errorf("%d connections", n)
		}
	})
}
