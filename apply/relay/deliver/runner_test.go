package deliver

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/zclconf/go-cty/cty"

	"github.com/mailrelay/mailrelay/apply/relay/spool"
	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/decide"
)

func TestDelivers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var events []Event
		w := newWorld(t, through(connector(t, "192.0.2.1")), Options{Delivered: func(e Event) { events = append(events, e) }})
		p := &peer{ext: []string{"PIPELINING", "SIZE 1000000", "8BITMIME"}}
		w.net.peers["192.0.2.1:25"] = p.serve
		w.start()
		defer func() { w.stop() }()
		w.mail("a@example.org", "b@example.com", "c@example.com")
		synctest.Wait()
		want := []taken{{From: "a@example.org", To: []string{"b@example.com", "c@example.com"}, Body: testBody}}
		if diff := cmp.Diff(want, p.messages()); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff([]string{"put 1 b@example.com,c@example.com", "remove 1"}, w.store.done()); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff(Stats{Connections: 1}, w.Stats()); diff != "" {
			t.Error(diff)
		}
		at := time.Now()
		wantEvents := []Event{
			{ID: "1", To: box(t, "b@example.com"), Rewritten: box(t, "b@example.com"), Connector: schema.Addr{Type: "send_connector", Name: "out"}, Host: "192.0.2.1", Address: "192.0.2.1:25", Answer: "250 2.0.0 queued", At: at},
			{ID: "1", To: box(t, "c@example.com"), Rewritten: box(t, "c@example.com"), Connector: schema.Addr{Type: "send_connector", Name: "out"}, Host: "192.0.2.1", Address: "192.0.2.1:25", Answer: "250 2.0.0 queued", At: at},
		}
		if diff := cmp.Diff(wantEvents, events); diff != "" {
			t.Error(diff)
		}
		if !strings.Contains(w.log.String(), "msg=delivered id=1 to=b@example.com") {
			t.Errorf("the log says %s", w.log)
		}
	})
}

// TestAnotherRelay: a configuration in which the relay has another address routes
// by that one.
func TestAnotherRelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := connector(t, "192.0.2.1")
		p := ofRelay{through(s), schema.Addr{Type: "relay", Name: "main"}}
		w := newWorld(t, p, Options{})
		host := &peer{}
		w.net.peers["192.0.2.1:25"] = host.serve
		w.start()
		defer func() { w.stop() }()
		w.mail("a@example.org", "b@example.com")
		synctest.Wait()
		if n := len(host.messages()); n != 0 {
			t.Fatalf("%d messages left by the way of another relay", n)
		}
		w.use(p, block(t, "relay.main", map[string]cty.Value{"hostname": cty.StringVal("relay.example.org")}).(*schema.Relay))
		synctest.Wait()
		if n := len(host.messages()); n != 1 {
			t.Errorf("%d messages left by the way of this relay", n)
		}
	})
}

// ofRelay has routes for one relay alone.
type ofRelay struct {
	policy
	relay schema.Addr
}

func (p ofRelay) Route(relay schema.Addr, to schema.Mailbox, size int64) (*decide.Route, schema.Mailbox) {
	if relay != p.relay {
		return nil, to
	}
	return p.policy.Route(relay, to, size)
}

// TestConnections: connections are kept for further messages, up to the
// connector's number, and closed with QUIT when idle.
func TestConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := connector(t, "192.0.2.1")
		s.MaxMessages = 3
		w := newWorld(t, through(s), Options{})
		p := &peer{}
		w.net.peers["192.0.2.1:25"] = p.serve
		w.start()
		defer func() { w.stop() }()
		for range 7 {
			w.mail("a@example.org", "b@example.com")
			synctest.Wait()
		}
		if n := p.connections(); n != 3 {
			t.Errorf("7 messages took %d connections, want 3", n)
		}
		if n := w.Stats().Connections; n != 1 {
			t.Errorf("%d connections are kept, want 1", n)
		}
		time.Sleep(idleLimit)
		synctest.Wait()
		if n := w.Stats().Connections; n != 0 {
			t.Errorf("%d connections are kept after %s, want none", n, idleLimit)
		}
		if last := p.lines[len(p.lines)-1]; last != "QUIT" {
			t.Errorf("the last command was %q, want QUIT", last)
		}
	})
}

// TestMaxConnections: the connector's limit holds over all its next hops, and each
// next hop gets its turn.
func TestMaxConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := connector(t)
		s.MaxConnections = 2
		p := &peer{answer: func(string) string { time.Sleep(time.Millisecond); return "" }} // so that there is work for two
		dns := names{ip: map[string][]string{"a.test": {"192.0.2.1"}, "b.test": {"192.0.2.2"}, "c.test": {"192.0.2.3"}}}
		w := newWorld(t, through(s), Options{Resolver: dns})
		for _, a := range []string{"192.0.2.1:25", "192.0.2.2:25", "192.0.2.3:25"} {
			w.net.peers[a] = p.serve
		}
		w.start()
		defer func() { w.stop() }()
		for range 30 {
			w.mail("a@example.org", "x@a.test", "x@b.test", "x@c.test")
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if n := len(p.messages()); n != 90 {
			t.Errorf("%d of 90 arrived", n)
		}
		if n := w.net.most; n != 2 {
			t.Errorf("up to %d connections at a time, want 2", n)
		}
	})
}

// TestKeptConnectionClosed: a next hop that closes a kept connection costs no try.
func TestKeptConnectionClosed(t *testing.T) {
	for _, how := range []string{"close", "421 4.4.2 idle too long"} {
		t.Run(how, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, through(connector(t, "192.0.2.1")), Options{})
				p := &peer{}
				mails := 0
				p.answer = func(line string) string {
					if strings.HasPrefix(line, "MAIL") {
						if mails++; mails == 2 {
							return how
						}
					}
					return ""
				}
				w.net.peers["192.0.2.1:25"] = p.serve
				w.start()
				defer func() { w.stop() }()
				for range 2 {
					w.mail("a@example.org", "b@example.com")
					synctest.Wait()
				}
				if n := len(p.messages()); n != 2 {
					t.Errorf("%d messages arrived at once, want 2; log: %s", n, w.log)
				}
			})
		})
	}
}

// TestUse: what waits for a route, and what waits for a next hop that is down,
// follows a new configuration at once.
func TestUse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		down := connector(t, "192.0.2.9")
		w := newWorld(t, policy{func(to schema.Mailbox) (*schema.SendConnector, schema.Mailbox) {
			if to.Domain == "example.net" {
				return nil, to
			}
			return down, to
		}, "example.org"}, Options{})
		p := &peer{}
		w.net.peers["192.0.2.1:25"] = p.serve
		w.start()
		defer func() { w.stop() }()
		w.mail("a@example.org", "b@example.net")
		synctest.Wait() // the last error is the other's
		w.mail("a@example.org", "b@example.com")
		synctest.Wait()
		if diff := cmp.Diff(Stats{Messages: 2, Waiting: 2, Oldest: time.Now(), LastError: "connecting to 192.0.2.9: dial 192.0.2.9:25: connection refused", LastErrorAt: time.Now()}, w.Stats()); diff != "" {
			t.Error(diff)
		}
		up := connector(t, "192.0.2.1")
		w.use(policy{func(to schema.Mailbox) (*schema.SendConnector, schema.Mailbox) {
			return up, schema.Mailbox{Local: to.Local, Domain: "new.test"}
		}, "example.org"}, relayBlock(t))
		synctest.Wait()
		if n := len(p.messages()); n != 2 {
			t.Fatalf("%d messages arrived, want 2; log: %s", n, w.log)
		}
		if got := p.messages()[0].To[0]; got != "b@new.test" {
			t.Errorf("RCPT TO was %s, want the rewritten address", got)
		}
	})
}

// TestUseWhileQueued: a delivery that waits for a busy connection moves too.
func TestUseWhileQueued(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		old := connector(t, "192.0.2.1")
		old.MaxConnections = 1
		w := newWorld(t, through(old), Options{})
		slow, fast := &peer{}, &peer{}
		release := make(chan bool)
		slow.answer = func(line string) string {
			if line == "." {
				<-release
			}
			return ""
		}
		w.net.peers["192.0.2.1:25"] = slow.serve
		w.net.peers["192.0.2.2:25"] = fast.serve
		w.start()
		defer func() { w.stop() }()
		for range 3 {
			w.mail("a@example.org", "b@example.com")
		}
		synctest.Wait()
		w.use(through(connector(t, "192.0.2.2")), relayBlock(t))
		synctest.Wait()
		if n := len(fast.messages()); n != 2 {
			t.Errorf("%d messages took the new route, want 2", n)
		}
		close(release)
		synctest.Wait()
		if n := len(slow.messages()); n != 1 {
			t.Errorf("%d messages ended on the old route, want 1", n)
		}
		if n := w.Stats().Messages; n != 0 {
			t.Errorf("%d messages are left", n)
		}
	})
}

// TestLoad: what the spool holds is delivered at start, once, also if Add brings
// the same message before or after the spool has been read.
func TestLoad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, through(connector(t, "192.0.2.1")), Options{})
		p := &peer{}
		w.net.peers["192.0.2.1:25"] = p.serve
		put := func(from string, received time.Time) spool.Envelope {
			env := spool.Envelope{From: box(t, from), Rcpts: []spool.Rcpt{{To: box(t, "b@example.com")}}, Received: received}
			env, err := w.store.Put(env, []byte(testBody))
			if err != nil {
				t.Fatal(err)
			}
			return env
		}
		put("old@example.org", time.Now().Add(-time.Hour))
		w.mail("new@example.org", "b@example.com") // stored, and added before Run
		late := put("late@example.org", time.Now())
		w.start()
		defer func() { w.stop() }()
		synctest.Wait()
		w.Add(late, []byte(testBody))
		synctest.Wait()
		from := map[string]int{}
		for _, m := range p.messages() {
			from[m.From]++
			if m.Body != testBody {
				t.Errorf("the body of %s arrived as %q", m.From, m.Body)
			}
		}
		if diff := cmp.Diff(map[string]int{"old@example.org": 1, "new@example.org": 1, "late@example.org": 1}, from); diff != "" {
			t.Error(diff)
		}
	})
}

// TestStop: Run waits for the message in flight, but not for ever; what is cut off
// stays in the spool.
func TestStop(t *testing.T) {
	for _, tt := range []struct {
		name  string
		after time.Duration // the next hop answers so long after the end
		left  int
	}{{"answers in time", 10 * time.Second, 0}, {"answers too late", 50 * time.Second, 1}} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, through(connector(t, "192.0.2.1")), Options{Grace: 20 * time.Second})
				p := &peer{answer: func(line string) string {
					if line == "." {
						time.Sleep(tt.after)
					}
					return ""
				}}
				w.net.peers["192.0.2.1:25"] = p.serve
				w.start()
				w.mail("a@example.org", "b@example.com")
				synctest.Wait()
				start := time.Now()
				w.stop()
				if d := time.Since(start); d > 20*time.Second {
					t.Errorf("Run took %s to end", d)
				}
				if n := len(w.store.envs); n != tt.left {
					t.Errorf("%d messages are in the spool, want %d", n, tt.left)
				}
				time.Sleep(time.Minute) // for the goroutine of the peer
			})
		})
	}
}

// TestMemory: bodies beyond the budget are read from the spool.
func TestMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, through(connector(t, "192.0.2.1")), Options{Memory: int64(len(testBody))})
		p := &peer{}
		w.net.peers["192.0.2.1:25"] = p.serve
		for range 3 {
			w.mail("a@example.org", "b@example.com")
		}
		if w.memory != int64(len(testBody)) {
			t.Errorf("%d bytes are held, want %d", w.memory, len(testBody))
		}
		w.start()
		defer func() { w.stop() }()
		synctest.Wait()
		for _, m := range p.messages() {
			if m.Body != testBody {
				t.Errorf("a body arrived as %q", m.Body)
			}
		}
		if n := len(p.messages()); n != 3 || w.memory != 0 {
			t.Errorf("%d messages arrived, %d bytes are held; want 3 and none", n, w.memory)
		}
	})
}
