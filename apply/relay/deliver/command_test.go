package deliver

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mailrelay/mailrelay/apply/relay/spool"
	"github.com/mailrelay/mailrelay/schema"
)

// toTwo is a world with one next hop for each domain, of which down.test has none
// that answers. A message for both waits in it.
func toTwo(t *testing.T) (*world, *peer) {
	w := newWorld(t, through(connector(t)), Options{Resolver: names{ip: map[string][]string{
		"up.test": {"192.0.2.1"}, "down.test": {"192.0.2.2"}, "other.test": {"192.0.2.2"}, "example.org": {"192.0.2.3"},
	}}})
	p := &peer{}
	w.net.peers["192.0.2.1:25"] = p.serve
	w.net.peers["192.0.2.3:25"] = p.serve
	w.start()
	w.mail("a@example.org", "x@up.test", "x@down.test", "y@other.test")
	w.mail("b@example.org", "z@down.test")
	synctest.Wait()
	return w, p
}

// queue is what List gives, in short: id, state and recipients.
func (w *world) queue(f Filter) (out []string) {
	items, _ := w.List(f, 10)
	for _, i := range items {
		out = append(out, i.ID+" "+string(i.State)+" "+rcpts(i.Envelope))
	}
	return out
}

func TestList(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, _ := toTwo(t)
		defer func() { w.stop() }()
		if (Filter{Site: "mx.test"}).rcpt(&spool.Rcpt{Site: "mx.test.example:25,x"}) || !(Filter{Site: "MX.test"}).rcpt(&spool.Rcpt{Site: "a,mx.test:2525"}) {
			t.Error("a site is not told by one of its hosts")
		}
		one, two := "1 waiting x@down.test,y@other.test", "2 waiting z@down.test"
		time.Sleep(time.Second)
		for _, c := range []struct {
			f    Filter
			want []string
		}{
			{Filter{}, nil},
			{Filter{All: true}, []string{one, two}},
			{Filter{IDs: []string{"2", "9"}}, []string{two}},
			{Filter{Domain: "Other.test"}, []string{one}},
			{Filter{Domain: "up.test"}, nil}, // settled
			{Filter{Site: "DOWN.test"}, []string{one, two}},
			{Filter{Site: "other.test", IDs: []string{"2"}}, nil},
			{Filter{Age: time.Second}, []string{one, two}},
			{Filter{Age: time.Hour}, nil},
			{Filter{Held: true}, nil},
			{Filter{From: "A@example.org"}, []string{one}},
			{Filter{From: "Example.org"}, []string{one, two}},
			{Filter{From: "<>"}, nil},
			{Filter{From: "example.org", Domain: "other.test"}, []string{one}},
			{Filter{All: true, Until: time.Now()}, []string{one, two}},
			{Filter{All: true, Until: time.Now().Add(-time.Minute)}, nil},
			{Filter{Until: time.Now()}, nil},
		} {
			if diff := cmp.Diff(c.want, w.queue(c.f)); diff != "" {
				t.Errorf("%+v: %s", c.f, diff)
			}
		}
		if items, n := w.List(Filter{All: true}, 1); n != 2 || len(items) != 1 || items[0].ID != "1" {
			t.Errorf("%d of %d: %v; want the oldest of two", len(items), n, items)
		}
	})
}

// TestRetry: what is tried at once does not wait for its next hop to be forgiven.
func TestRetry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, p := toTwo(t)
		defer func() { w.stop() }()
		time.Sleep(time.Second)
		w.net.peers["192.0.2.2:25"] = p.serve
		if n, err := w.Retry(Filter{IDs: []string{"2"}}); n != 1 || err != nil {
			t.Errorf("%d messages, %v", n, err)
		}
		synctest.Wait()
		if diff := cmp.Diff([]string{"1 waiting x@down.test,y@other.test"}, w.queue(Filter{All: true})); diff != "" {
			t.Error(diff)
		}
	})
}

// TestHold: a message that is held is neither tried nor returned, through a restart
// too, until it is released.
func TestHold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, p := toTwo(t)
		if n, err := w.Hold(Filter{IDs: []string{"1"}}); n != 1 || err != nil {
			t.Errorf("%d messages, %v", n, err)
		}
		if n, _ := w.Hold(Filter{IDs: []string{"1"}}); n != 0 {
			t.Errorf("%d messages are held a second time", n)
		}
		w.net.peers["192.0.2.2:25"] = p.serve
		if n, err := w.Retry(Filter{IDs: []string{"1"}}); n != 1 || err != nil { // known, and left alone
			t.Errorf("%d messages, %v", n, err)
		}
		time.Sleep(100 * 24 * time.Hour)
		held := []string{"1 held x@down.test,y@other.test"}
		if diff := cmp.Diff(held, w.queue(Filter{All: true})); diff != "" {
			t.Error(diff)
		}
		if s := w.Stats(); s.Held != 1 || s.Waiting != 0 {
			t.Errorf("%+v", s)
		}
		w.stop()

		next := newWorld(t, through(connector(t)), Options{Resolver: w.o.Resolver})
		next.store.n, next.store.envs, next.store.bodies = w.store.n, w.store.envs, w.store.bodies
		next.net.peers = w.net.peers
		next.start()
		defer func() { next.stop() }()
		synctest.Wait()
		if diff := cmp.Diff(held, next.queue(Filter{Held: true})); diff != "" {
			t.Error(diff)
		}
		if n, err := next.Release(Filter{Held: true}); n != 1 || err != nil {
			t.Errorf("%d messages, %v", n, err)
		}
		synctest.Wait()
		got := p.messages()
		if s := next.Stats(); s.Messages != 0 || s.Held != 0 || !slices.ContainsFunc(got, func(m taken) bool { return slices.Equal(m.To, []string{"y@other.test"}) }) {
			t.Errorf("%+v, arrived: %+v", s, got)
		}
	})
}

// TestReturned: an administrator returns or drops what waits for a domain, and
// that alone.
func TestReturned(t *testing.T) {
	for _, c := range []struct {
		name    string
		held    bool
		command func(*world) (int, error)
		told    bool
	}{
		{"bounce", false, func(w *world) (int, error) { return w.Bounce(Filter{Domain: "down.test"}, "the host\nis gone") }, true},
		{"bounce what is held", true, func(w *world) (int, error) { return w.Bounce(Filter{Domain: "down.test"}, "the host\nis gone") }, true},
		{"drop", false, func(w *world) (int, error) { return w.Drop(Filter{Domain: "down.test"}) }, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, p := toTwo(t)
				defer func() { w.stop() }()
				state := "waiting"
				if c.held {
					w.Hold(Filter{All: true})
					state = "held"
				}
				if n, err := c.command(w); n != 2 || err != nil {
					t.Errorf("%d messages, %v", n, err)
				}
				synctest.Wait()
				if diff := cmp.Diff([]string{"1 " + state + " y@other.test"}, w.queue(Filter{All: true})); diff != "" {
					t.Error(diff)
				}
				var told []string
				for _, m := range p.messages() {
					if m.From == "" {
						told = append(told, m.To...)
						if !strings.Contains(m.Body, "the host is gone") || !strings.Contains(m.Body, "Status: 5.7.0") {
							t.Errorf("the report says %s", m.Body)
						}
					}
				}
				slices.Sort(told)
				want := []string{"a@example.org", "b@example.org"}
				if !c.told {
					want = nil
				}
				if diff := cmp.Diff(want, told); diff != "" {
					t.Error(diff)
				}
				if s := w.Stats(); c.held && s.Held != 1 || !c.held && s.Waiting != 1 {
					t.Errorf("%+v", s)
				}
			})
		})
	}
}

// TestCommandDuringATry: a command about a message that is being tried is carried
// out when the try has ended.
func TestCommandDuringATry(t *testing.T) {
	for _, c := range []struct {
		name    string
		command func(*world) (int, error)
		want    []string
		stored  int
	}{
		{"hold", func(w *world) (int, error) { return w.Hold(Filter{All: true}) }, []string{"1 held x@example.com"}, 1},
		{"drop", func(w *world) (int, error) { return w.Drop(Filter{All: true}) }, nil, 0},
		{"nothing", func(w *world) (int, error) { return w.Retry(Filter{All: true}) }, []string{"1 waiting x@example.com"}, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, through(connector(t, "192.0.2.1")), Options{})
				busy := make(chan bool)
				p := &peer{answer: func(line string) string {
					if strings.HasPrefix(line, "RCPT") {
						<-busy
						return "450 4.2.1 busy"
					}
					return ""
				}}
				w.net.peers["192.0.2.1:25"] = p.serve
				w.start()
				defer func() { w.stop() }()
				w.mail("a@example.org", "x@example.com")
				synctest.Wait()
				if diff := cmp.Diff([]string{"1 active x@example.com"}, w.queue(Filter{All: true})); diff != "" {
					t.Error(diff)
				}
				if n, err := c.command(w); n != 1 || err != nil {
					t.Errorf("%d messages, %v", n, err)
				}
				close(busy)
				synctest.Wait()
				if diff := cmp.Diff(c.want, w.queue(Filter{All: true})); diff != "" {
					t.Error(diff)
				}
				if len(w.store.envs) != c.stored || c.stored == 1 && w.store.envs["1"].Held != (c.name == "hold") {
					t.Errorf("stored: %+v", w.store.envs)
				}
			})
		})
	}
}

func TestCommandNeedsARunner(t *testing.T) {
	w := newWorld(t, policy{route: func(to schema.Mailbox) (*schema.SendConnector, schema.Mailbox) { return nil, to }}, Options{})
	if _, err := w.Drop(Filter{All: true}); !errors.Is(err, ErrStopped) {
		t.Errorf("%v, want %v", err, ErrStopped)
	}
}
