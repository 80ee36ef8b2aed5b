package relay

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mailrelay/mailrelay/apply/state"
	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/revision"
)

const internal = `remote_ip_ranges = ["10.0.0.0/8"]`

func TestEachMAILTakesTheNewestPolicy(t *testing.T) {
	w := newWorld(t, nil)
	first := w.config(block(connector("one", internal)))
	w.run()
	w.runs(first)
	c := w.talk("10.1.2.3", sender+`
		-> RCPT TO:<b@fabrikam.com>
		<~ 550 5\.7\.54`)
	opened := w.opened
	second := w.config(block(connector("two", relaying, "max_message_size = 1000")))
	w.runs(second)
	c.play(`
		-> RCPT TO:<b@fabrikam.com>
		<~ 550 5\.7\.54 .*receive_connector\.one
		-> RSET
		<~ 250
		-> MAIL FROM:<a@contoso.com> SIZE=1001
		<~ 552 .*receive_connector\.two
		-> MAIL FROM:<a@contoso.com>
		<~ 250
		-> RCPT TO:<b@fabrikam.com>
		<~ 250
		-> DATA
		<~ 354
		-> A: 1
		-> .
		<~ 250`)
	w.sink.next(t)
	if w.opened != opened {
		t.Errorf("%d listeners were opened again", w.opened-opened)
	}
	// A session that began under the first may begin TLS under the second.
	c.play(`
		-> STARTTLS
		<~ 220
		tls
		-> EHLO x
		<~ 250-.*SIZE 1000$`)
	third := w.config(block(connector("three", `remote_ip_ranges = ["172.16.0.0/12"]`)))
	w.runs(third)
	c.play(`
		-> MAIL FROM:<a@contoso.com>
		<~ 554 5\.7\.1
		<eof`)
}

func TestBindingsFollowTheRevision(t *testing.T) {
	w := newWorld(t, nil)
	first := w.config(block(connector("one", relaying)))
	w.run()
	w.runs(first)
	c := w.talk("10.1.2.3", hello)
	second := w.config(block(connector("one", relaying, `bindings = ["0.0.0.0:587"]`)))
	n := w.await("the second revision", func(n state.Node) bool { return n.Revision == second.Hash })
	if len(n.Listeners) != 1 || n.Listeners[0] != w.ports["0.0.0.0:587"] {
		t.Errorf("listeners %v, want %s alone", n.Listeners, w.ports["0.0.0.0:587"])
	}
	c.play(`
		-> MAIL FROM:<a@contoso.com>
		<~ 554 5\.7\.1`) // nobody is meant on port 25 any more
}

func TestARevisionThatFailsLeavesTheOldOne(t *testing.T) {
	tests := []struct{ name, text, why string }{
		{"another relay", strings.ReplaceAll(block(connector("one", relaying)), "edge", "other") + `
relay "third" {
  hostname = "third.contoso.com"
}`, "several relays"},
		{"no certificate", strings.Replace(block(connector("one", relaying)), `"relay.contoso.com"`, `"relay.contoso.com"
  tls {
    certificate = "/nowhere/tls.crt"
    key         = secret_file("/nowhere/tls.key")
  }`, 1), "certificate: "},
		{"no users", block(connector("one", relaying, `auth_mechanisms = ["tls", "basic_auth"]
  users {
    file = "/nowhere/users"
  }`)), "users: "},
		{"a port that is taken", block(connector("one", relaying, `bindings = ["0.0.0.0:25", "0.0.0.0:2525"]`)), "listen on 0.0.0.0:2525"},
		{"another spool", strings.Replace(block(connector("one", relaying)), `"relay.contoso.com"`, `"relay.contoso.com"
  spool = "/nowhere/spool"`, 1), "spool"},
	}
	w := newWorld(t, nil)
	w.broken["0.0.0.0:2525"] = errors.New("in use")
	good := w.config(block(connector("one", relaying)))
	w.run()
	w.runs(good)
	c := w.talk("10.1.2.3", hello)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			bad := w.config(tt.text)
			n := w.await("the refusal", func(n state.Node) bool { return n.Refused == bad.Hash })
			if n.Revision != good.Hash || !strings.Contains(n.LastError, tt.why) {
				t.Errorf("runs %s, error %q", n.Revision.Short(), n.LastError)
			}
			c.play(`
				-> MAIL FROM:<a@contoso.com>
				<~ 250
				-> RCPT TO:<b@fabrikam.com>
				<~ 250
				-> RSET
				<~ 250`)
			w.talk("10.1.2.3", hello).conn.Close()
		})
	}
	again := w.config(block(connector("one", relaying)))
	w.await("no refusal any more", func(n state.Node) bool {
		return n.Revision == again.Hash && n.Refused == "" && n.LastError == ""
	})
}

// TestARefusedRevisionIsTriedAgain holds that what stood in the way of a revision
// may go away by itself.
func TestARefusedRevisionIsTriedAgain(t *testing.T) {
	w := newWorld(t, nil)
	w.broken["0.0.0.0:2525"] = errors.New("in use")
	w.run()
	w.runs(w.config(block(connector("one", relaying))))
	second := w.config(block(connector("one", relaying, `bindings = ["0.0.0.0:25", "0.0.0.0:2525"]`)))
	w.await("the refusal", func(n state.Node) bool { return n.Refused == second.Hash })
	w.mu.Lock()
	delete(w.broken, "0.0.0.0:2525")
	w.mu.Unlock()
	w.await("the second revision", func(n state.Node) bool { return n.Revision == second.Hash && n.Refused == "" })
}

func TestWaitsForTheFirstRevision(t *testing.T) {
	w := newWorld(t, nil)
	w.run()
	w.await("that there is none", func(n state.Node) bool { return n.Revision == "" && n.LastError != "" })
	r := w.config(block(connector("one", relaying)))
	w.runs(r)
	w.talk("10.1.2.3", hello)
	nodes, err := w.store.Nodes(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range nodes {
		if n.Stopped == (n.Relay == "relay.edge") {
			t.Errorf("a node that was known by another name before: %+v", n)
		}
	}
}

func TestStopsWhileItWaits(t *testing.T) {
	w := newWorld(t, nil)
	w.run()
	w.await("that there is none", func(n state.Node) bool { return n.LastError != "" })
	w.halt()
	w.await("goodbye", func(n state.Node) bool { return n.Stopped })
}

// lost is a store that cannot be asked.
type lost struct{ state.Store }

var errLost = errors.New("the database does not answer")

func (lost) Current(context.Context) (*revision.Revision, error) { return nil, errLost }
func (lost) Watch(context.Context) (<-chan revision.Hash, error) { return nil, errLost }
func (l lost) Report(ctx context.Context, n state.Node) error    { return l.Store.Report(ctx, n) }

// hiccup is a store that does not give one revision the first time.
type hiccup struct {
	state.Store
	hash revision.Hash
	n    atomic.Int64
}

func (h *hiccup) Current(ctx context.Context) (*revision.Revision, error) {
	r, err := h.Store.Current(ctx)
	if r != nil && r.Hash == h.hash && h.n.Add(1) == 1 {
		return nil, errLost
	}
	return r, err
}

// TestAsksAgain announces a revision that the store does not give at once.
func TestAsksAgain(t *testing.T) {
	w := newWorld(t, nil)
	first := w.config(block(connector("one", relaying)))
	second, err := revise(first, block(connector("two", relaying)))
	if err != nil {
		t.Fatal(err)
	}
	store := &hiccup{Store: w.store, hash: second.Hash}
	w.o.Store = store
	w.run()
	w.runs(first)
	if err := w.store.Put(t.Context(), second); err != nil {
		t.Fatal(err)
	}
	w.await("the second revision", func(n state.Node) bool { return n.Revision == second.Hash && n.LastError == "" })
	if store.n.Load() < 2 {
		t.Error("the store never failed")
	}
}

// TestGoesFirst puts a revision that is meant for another node first: this one stays
// with what it has, also when it is started anew, until it is meant too.
func TestGoesFirst(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.Node = "b" })
	first := w.config(block(connector("one", relaying)))
	w.run()
	w.runs(first)
	put := func(parent *revision.Revision, nodes ...string) *revision.Revision {
		t.Helper()
		r, err := revise(parent, block(connector("two", relaying)))
		if err != nil {
			t.Fatal(err)
		}
		if nodes != nil {
			r.Rollout = []revision.Canary{{Relay: schema.Addr{Type: "relay", Name: "edge"}, Nodes: nodes}}
			r.Seal()
		}
		if err := w.store.Put(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		return r
	}
	waits := put(first, "a")
	w.await("it has seen that another goes first", func(n state.Node) bool {
		return n.Name == "b" && n.Revision == first.Hash && strings.Contains(w.log.String(), "a revision goes to other nodes first")
	})
	w.halt()
	w.run()
	w.runs(first)
	goes := put(waits, "a", "b")
	w.runs(goes)
	all := put(goes)
	w.runs(all)
}

func TestStartsWithItsOwnDiskAlone(t *testing.T) {
	w := newWorld(t, nil)
	good := w.config(block(connector("one", relaying)))
	w.run()
	w.runs(good)
	w.halt()
	w.o.Store = lost{w.store}
	w.run()
	w.runs(good)
	w.talk("10.1.2.3", hello)
}

func TestStartsWithTheLastThatWorked(t *testing.T) {
	w := newWorld(t, nil)
	good := w.config(block(connector("one", relaying)))
	w.run()
	w.runs(good)
	w.halt()
	bad := w.config(block(connector("one", relaying, `auth_mechanisms = ["tls", "basic_auth"]
  users {
    file = "/nowhere/users"
  }`)))
	w.run()
	w.await("both", func(n state.Node) bool { return n.Revision == good.Hash && n.Refused == bad.Hash && !n.Stopped })
	w.talk("10.1.2.3", hello)
}

func TestNothingToStartWith(t *testing.T) {
	w := newWorld(t, nil)
	w.broken["0.0.0.0:25"] = errors.New("permission denied")
	w.config(block(connector("one", relaying)))
	err := Run(t.Context(), w.o)
	if err == nil || !strings.Contains(err.Error(), "listen on 0.0.0.0:25: permission denied") {
		t.Errorf("got %v", err)
	}
}

// TestRetainedStays has a connector that left the target and stays until a revision
// takes it away, whatever time it is.
func TestRetainedStays(t *testing.T) {
	now := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	w := newWorld(t, func(o *Options) { o.Clock = func() time.Time { return now } })
	both, err := revise(nil, block(connector("one", relaying)+connector("old", `remote_ip_ranges = ["192.0.2.0/24"]`)))
	if err != nil {
		t.Fatal(err)
	}
	var target []revision.Object
	for _, o := range both.Target {
		if o.Addr.Name == "old" {
			both.Retained = append(both.Retained, revision.Retained{Object: o, Until: now.Add(-time.Hour)})
			continue
		}
		target = append(target, o)
	}
	both.Target = target
	both.Seal()
	if err := w.store.Put(context.Background(), both); err != nil {
		t.Fatal(err)
	}
	w.run()
	w.runs(both)
	c := w.talk("192.0.2.1", hello+`
		-> MAIL FROM:<a@contoso.com>
		<~ 250
		-> RSET
		<~ 250`)
	alone := *both
	alone.Serial, alone.Parent, alone.Retained = 2, both.Hash, nil
	alone.Seal()
	if err := w.store.Put(context.Background(), &alone); err != nil {
		t.Fatal(err)
	}
	w.runs(&alone)
	c.play(`
		-> MAIL FROM:<a@contoso.com>
		<~ 554 5.7.1`)
}

// TestReloadUnderLoad changes the revision while messages come in. No answer may
// be anything but what the sessions expect, and every message must arrive.
func TestReloadUnderLoad(t *testing.T) {
	const sessions, changes = 8, 12
	w := newWorld(t, nil)
	text := func(i int) string {
		return block(connector(fmt.Sprintf("c%d", i), relaying, fmt.Sprintf(`bindings = ["0.0.0.0:25", "127.0.0.2:%d"]`, 2500+i)))
	}
	w.runsFrom(text(0))
	stop := make(chan struct{})
	var wg sync.WaitGroup
	sent := make([]int, sessions)
	for i := range sessions {
		c := w.talk("10.1.2.3", hello)
		wg.Go(func() {
			for {
				select {
				case <-stop:
					c.play(`
						-> QUIT
						<~ 221
						<eof`)
					return
				default:
				}
				c.play(`
					-> MAIL FROM:<a@contoso.com>
					<~ 250
					-> RCPT TO:<b@fabrikam.com>
					<~ 250
					-> DATA
					<~ 354
					-> A: 1
					-> .
					<~ 250 2\.0\.0 OK: queued as`)
				sent[i]++
			}
		})
	}
	for i := range changes {
		w.runs(w.config(text(i + 1)))
		w.talk("10.1.2.3", hello).conn.Close()
	}
	close(stop)
	wg.Wait()
	for _, n := range sent {
		if n == 0 {
			t.Error("a session sent nothing")
		}
		for range n {
			w.sink.next(t)
		}
	}
}

// TestARevisionThatFailsLeavesNothing refuses one whose second connector fails.
func TestARevisionThatFailsLeavesNothing(t *testing.T) {
	w := newWorld(t, nil)
	bad := w.config(block(connector("a", relaying) + connector("b", `remote_ip_ranges = ["172.16.0.0/12"]
  auth_mechanisms = ["tls", "basic_auth"]
  users {
    file = "/nowhere/users"
  }`)))
	n := newNode(t.Context(), w.o.withDefaults())
	before := runtime.NumGoroutine()
	for range 10 {
		if _, err := n.compile(bad); err == nil {
			t.Fatal("it loads")
		}
	}
	if after := settled(before); after > before {
		t.Errorf("%d goroutines before, %d after", before, after)
	}
}

// TestTheQueueOfTheLastThatWorked holds that a relay which falls back to the last
// revision has that one's queue.
func TestTheQueueOfTheLastThatWorked(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.Dial = nowhereToGo })
	with := func(spool, more string) string {
		return strings.Replace(block(connector("one", relaying, more)), `"relay.contoso.com"`, fmt.Sprintf("\"relay.contoso.com\"\n  spool = %q", spool), 1)
	}
	w.broken["0.0.0.0:2525"] = errors.New("in use")
	old, fresh := t.TempDir(), t.TempDir()
	good := w.config(with(old, ""))
	w.run()
	w.runs(good)
	w.talk("10.1.2.3", sender+`
		-> RCPT TO:<b@fabrikam.com>
		<~ 250
		-> DATA
		<~ 354
		-> A: 1
		-> .
		<~ 250`)
	w.halt()
	bad := w.config(with(fresh, `bindings = ["0.0.0.0:2525"]`))
	w.run()
	w.await("the message of the old queue", func(n state.Node) bool {
		return n.Revision == good.Hash && n.Refused == bad.Hash && !n.Stopped && n.Queue == 1
	})
}
