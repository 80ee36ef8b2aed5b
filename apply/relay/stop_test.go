package relay

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"github.com/google/go-cmp/cmp"

	"github.com/mailrelay/mailrelay/apply/relay/admin"
	"github.com/mailrelay/mailrelay/apply/relay/spool"
	"github.com/mailrelay/mailrelay/apply/state"
	"github.com/mailrelay/mailrelay/schema"
)

func TestStop(t *testing.T) {
	w := newWorld(t, nil)
	w.runsFrom(block(connector("one", relaying)))
	idle := w.talk("10.1.2.3", hello)
	secure := w.talk("10.1.2.3", upgraded)
	busy := w.talk("10.1.2.3", message+`
		-> A: 1`)
	w.stop()
	idle.play(`
		<~ 421 4\.3\.2
		<eof`)
	secure.play(`
		<~ 421 4\.3\.2
		<eof`)
	busy.play(`
		-> B: 2
		-> .
		<~ 250 2\.0\.0 OK: queued
		<~ 421 4\.3\.2
		<eof`)
	w.halt()
	w.await("goodbye", func(n state.Node) bool { return n.Stopped && n.Listeners == nil })
	if n := len(w.sink.got); n != 1 { // it was delivered, or is delivered at the next start
		w.run()
	}
	w.sink.next(t)
}

// TestStopFinishesDeliveries stops a relay while a next hop has a message and has not
// answered for it yet, and another waits in line behind it.
func TestStopFinishesDeliveries(t *testing.T) {
	w := newWorld(t, nil)
	w.sink.hold = make(chan struct{})
	w.sink.held = make(chan struct{}, 10)
	w.runsFrom(strings.Replace(block(connector("one", relaying)), `["*"]`, `["*"]
  max_connections = 1`, 1))
	c := w.talk("10.1.2.3", message+`
		-> A: 1
		-> .
		<~ 250`)
	select {
	case <-w.sink.held:
	case <-time.After(patience):
		t.Fatal("nothing is delivered")
	}
	c.play(`
		-> MAIL FROM:<a@contoso.com>
		<~ 250
		-> RCPT TO:<b@fabrikam.com>
		<~ 250
		-> DATA
		<~ 354
		-> B: 2
		-> .
		<~ 250`)
	w.stop()
	c.play(`
		<~ 421 4\.3\.2
		<eof`)
	close(w.sink.hold)
	w.halt()
	if got := w.sink.next(t).Content; !strings.HasSuffix(got, "A: 1\r\n") {
		t.Errorf("arrived: %q", got)
	}
	node := w.await("goodbye", func(n state.Node) bool { return n.Stopped })
	if left := node.Queue + len(w.sink.got); left != 1 {
		t.Errorf("the second message is there %d times", left)
	}
	w.run()
	if got := w.sink.next(t).Content; !strings.HasSuffix(got, "B: 2\r\n") {
		t.Errorf("arrived: %q", got)
	}
	w.await("no queue", func(n state.Node) bool { return n.Queue == 0 && !n.Stopped })
	w.halt()
	if n := len(w.sink.got); n > 0 {
		t.Errorf("%d messages arrived twice", n)
	}
}

func TestStopDoesNotWaitForEver(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.Grace = 50 * time.Millisecond })
	w.runsFrom(block(connector("one", relaying)))
	w.talk("10.1.2.3", message+`
		-> A: 1`)
	w.halt()
}

// TestWhatIsQueuedSurvives stops a relay whose next hop is away.
func TestWhatIsQueuedSurvives(t *testing.T) {
	w := newWorld(t, nil)
	dial := w.o.Dial
	w.o.Dial = nowhereToGo
	w.runsFrom(block(connector("one", relaying)))
	w.talk("10.1.2.3", message+`
		-> A: 1
		-> .
		<~ 250`)
	w.await("a queue", func(n state.Node) bool {
		return n.Queue == 1 && !n.Oldest.IsZero() && slices.Equal(n.Queued, []state.Queued{{Domain: "fabrikam.com", Messages: 1}})
	})
	w.halt()
	w.o.Dial = dial
	now := time.Now().Add(time.Hour)
	w.o.Clock = func() time.Time { return now }
	w.run()
	w.sink.next(t)
	w.await("no queue", func(n state.Node) bool { return n.Queue == 0 && !n.Stopped })
}

func TestFullDisk(t *testing.T) {
	fs := vfs.NewMem()
	var mu sync.Mutex
	now := time.Now()
	w := newWorld(t, func(o *Options) {
		o.Spool = spool.Options{FS: fs, MinFree: 1 << 20}
		o.Clock = func() time.Time { mu.Lock(); defer mu.Unlock(); return now }
	})
	disk := func(free uint64) {
		mu.Lock()
		defer mu.Unlock()
		fs.TestingSetDiskUsage(vfs.DiskUsage{AvailBytes: free})
		now = now.Add(2 * time.Second)
	}
	disk(1 << 30)
	w.runsFrom(block(connector("one", relaying)))
	c := w.talk("10.1.2.3", message)
	disk(1 << 10)
	c.play(strings.Repeat("-> "+strings.Repeat("x", 1000)+"\n", 100) + `
		-> .
		<~ 452 4\.3\.1
		-> MAIL FROM:<a@contoso.com>
		<~ 452 4\.3\.1`)
	disk(1 << 30)
	c.play(`
		-> MAIL FROM:<a@contoso.com>
		<~ 250`)
}

func TestFailedDisk(t *testing.T) {
	var broken atomic.Bool
	fs := errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
		switch op.Kind {
		case errorfs.OpFileSync, errorfs.OpFileSyncData, errorfs.OpFileSyncTo:
			if broken.Load() && strings.HasSuffix(op.Path, ".log") {
				return errorfs.ErrInjected
			}
		}
		return nil
	}))
	w := newWorld(t, func(o *Options) { o.Spool = spool.Options{FS: fs, MinFree: -1} })
	w.runsFrom(block(connector("one", relaying)))
	c := w.talk("10.1.2.3", message)
	broken.Store(true)
	c.play(`
		-> A: 1
		-> .
		<~ 451 4\.3\.0`)
	select {
	case err := <-w.ended:
		w.stop = nil
		if !errors.Is(err, errorfs.ErrInjected) {
			t.Errorf("the relay ended with %v", err)
		}
	case <-time.After(patience):
		t.Fatal("the relay goes on")
	}
	w.await("why", func(n state.Node) bool { return n.Stopped && strings.Contains(n.LastError, "injected") })
	if n := len(w.sink.got); n > 0 {
		t.Errorf("%d messages arrived that nobody was promised", n)
	}
}

func TestAdmin(t *testing.T) {
	w := newWorld(t, nil)
	w.o.Dir = short(t, w.o.Dir)
	w.runsFrom(block(connector("one", relaying)))
	socket := filepath.Join(w.o.Dir, "admin.sock")
	n, err := admin.Status(t.Context(), socket)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]any{"relay.edge", w.last.Hash, uint64(1)}, []any{n.Relay, n.Revision, n.Serial}); diff != "" {
		t.Error(diff)
	}
	if err := Run(t.Context(), w.o); err == nil || !strings.Contains(err.Error(), "another relay runs") {
		t.Errorf("a second relay in the same directory: %v", err)
	}
	res, err := unixClient(socket).Get("http://relay/healthz")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if body, _ := io.ReadAll(res.Body); res.StatusCode != http.StatusOK || string(body) != "ok\n" {
		t.Errorf("%s: %q", res.Status, body)
	}
}

func TestAdminAddress(t *testing.T) {
	token := []byte("geheim\n")
	w := newWorld(t, func(o *Options) {
		o.Secret = func(schema.Secret) ([]byte, error) { return token, nil }
	})
	with := func(admin string) string {
		return strings.Replace(block(connector("one", relaying)), `"relay.contoso.com"`, `"relay.contoso.com"
  admin {
    `+admin+`
  }`, 1)
	}
	w.runsFrom(with(`listen = "192.0.2.9:8025"
    token  = secret_env("TOKEN")`))
	get := func(bearer string) int {
		t.Helper()
		c := w.dial("192.0.2.9:8025", "10.1.2.3")
		defer c.Close()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://relay/status", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", bearer)
		if err := req.Write(c); err != nil {
			t.Fatal(err)
		}
		res, err := http.ReadResponse(bufio.NewReader(c), req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		return res.StatusCode
	}
	for bearer, want := range map[string]int{"": 401, "Bearer ": 401, "Bearer falsch": 401, "Bearer geheim": 200} {
		if got := get(bearer); got != want {
			t.Errorf("%q: %d, want %d", bearer, got, want)
		}
	}
	token = []byte("neu")
	w.runs(w.config(with(`listen = "192.0.2.9:8025"
    token  = secret_env("OTHER")`)))
	for bearer, want := range map[string]int{"Bearer geheim": 401, "Bearer neu": 200} {
		if got := get(bearer); got != want {
			t.Errorf("after the change, %q: %d, want %d", bearer, got, want)
		}
	}
	w.runs(w.config(block(connector("one", relaying))))
	if c, err := net.Dial("tcp4", w.ports["192.0.2.9:8025"]); err == nil {
		c.Close()
		t.Error("the address still answers")
	}
}
