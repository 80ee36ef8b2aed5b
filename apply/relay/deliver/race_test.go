package deliver

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// never is an address that does not answer.
const never = time.Duration(-1)

// TestRace connects to a host of several addresses, each of which takes its time
// to answer. What is wanted are the addresses in the order in which they are tried,
// the one that is used, and how long that takes.
func TestRace(t *testing.T) {
	type addr struct {
		ip      string
		after   time.Duration
		refuses bool   // the connection
		says    string // greeting instead of the usual one
	}
	const ms = time.Millisecond
	for _, tt := range []struct {
		name   string
		addrs  []addr // as DNS gives them
		source string
		dials  []string
		used   string // empty: none
		took   time.Duration
		error  string
	}{
		{"the first answers in time", []addr{{ip: "2001:db8::1", after: 240 * ms}, {ip: "192.0.2.1"}}, "",
			[]string{"[2001:db8::1]:25"}, "[2001:db8::1]:25", 240 * ms, ""},
		{"the first does not answer", []addr{{ip: "2001:db8::1", after: never}, {ip: "192.0.2.1", after: 10 * ms}}, "",
			[]string{"[2001:db8::1]:25", "192.0.2.1:25"}, "192.0.2.1:25", 260 * ms, ""},
		{"the first is late, and still the quicker one", []addr{{ip: "2001:db8::1", after: 400 * ms}, {ip: "192.0.2.1", after: 300 * ms}}, "",
			[]string{"[2001:db8::1]:25", "192.0.2.1:25"}, "[2001:db8::1]:25", 400 * ms, ""},
		{"the first refuses", []addr{{ip: "2001:db8::1", after: 5 * ms, refuses: true}, {ip: "192.0.2.1", after: 10 * ms}}, "",
			[]string{"[2001:db8::1]:25", "192.0.2.1:25"}, "192.0.2.1:25", 15 * ms, ""},
		{"the families take turns", []addr{{ip: "192.0.2.1", after: never}, {ip: "192.0.2.2", after: never}, {ip: "2001:db8::1", after: never}, {ip: "2001:db8::2"}}, "",
			[]string{"192.0.2.1:25", "[2001:db8::1]:25", "192.0.2.2:25", "[2001:db8::2]:25"}, "[2001:db8::2]:25", 750 * ms, ""},
		{"after a failure the next has its time", []addr{{ip: "192.0.2.1", after: 200 * ms, refuses: true}, {ip: "192.0.2.2", after: 240 * ms}, {ip: "192.0.2.3"}}, "",
			[]string{"192.0.2.1:25", "192.0.2.2:25"}, "192.0.2.2:25", 440 * ms, ""},
		{"only the family of the source", []addr{{ip: "2001:db8::1"}, {ip: "192.0.2.1"}}, "198.51.100.1",
			[]string{"192.0.2.1:25"}, "192.0.2.1:25", 0, ""},
		{"none of the family of the source", []addr{{ip: "2001:db8::1"}}, "198.51.100.1",
			nil, "", 0, "mx.test has no address of the family of source_address 198.51.100.1"},
		{"who answers and is of no use leaves the others", []addr{{ip: "192.0.2.1", says: "554 go away"}, {ip: "192.0.2.2"}}, "",
			[]string{"192.0.2.1:25", "192.0.2.2:25"}, "192.0.2.2:25", 0, ""},
		{"who came too late to the first race is asked in the second", []addr{{ip: "192.0.2.1", after: 300 * ms}, {ip: "192.0.2.2", says: "421 later"}}, "",
			[]string{"192.0.2.1:25", "192.0.2.2:25", "192.0.2.1:25"}, "192.0.2.1:25", 550 * ms, ""},
		{"nobody answers", []addr{{ip: "192.0.2.1", after: never}, {ip: "192.0.2.2", after: never}}, "",
			[]string{"192.0.2.1:25", "192.0.2.2:25"}, "", dialLimit + 250*ms, "connecting to mx.test: context deadline exceeded"},
		{"all refuse", []addr{{ip: "192.0.2.1", refuses: true}, {ip: "192.0.2.2", refuses: true}}, "",
			[]string{"192.0.2.1:25", "192.0.2.2:25"}, "", 0, "connecting to mx.test: refused"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := &network{t: t, peers: map[string]func(net.Conn){}}
				dns := names{ip: map[string][]string{}}
				by := map[string]addr{}
				for _, a := range tt.addrs {
					dns.ip["mx.test"] = append(dns.ip["mx.test"], a.ip)
					at := net.JoinHostPort(a.ip, "25")
					by[at] = a
					n.peers[at] = (&peer{answer: func(line string) string {
						if line == "" {
							return a.says
						}
						return ""
					}}).serve
				}
				var mu sync.Mutex
				var dials []string // none is made at the same moment as another
				d := &dialer{avoid: &avoided{}, clock: time.Now, dial: func(ctx context.Context, network, address string) (net.Conn, error) {
					mu.Lock()
					dials = append(dials, address)
					mu.Unlock()
					a := by[address]
					wait := time.After(a.after)
					if a.after == never {
						wait = nil
					}
					select {
					case <-ctx.Done():
						return nil, ctx.Err()
					case <-wait:
					}
					if a.refuses {
						return nil, errors.New("refused")
					}
					return n.dial(ctx, network, address)
				}}
				s := connector(t, "mx.test")
				if tt.source != "" {
					s.SourceAddress = netip.MustParseAddr(tt.source)
				}
				began := time.Now()
				c, o := d.connect(t.Context(), s, always(s), "relay.test", (&finder{dns: dns}).route(t.Context(), s, ""))
				took := time.Since(began)
				used, text := "", ""
				if o != nil {
					text = o.text
				} else {
					used = c.addr
					d.close(s, c)
				}
				time.Sleep(time.Minute) // for those who come too late
				if diff := cmp.Diff([]any{tt.used, tt.took, tt.error}, []any{used, took, text}); diff != "" {
					t.Error(diff)
				}
				if diff := cmp.Diff(tt.dials, dials); diff != "" {
					t.Error(diff)
				}
				if n.open != 0 {
					t.Errorf("%d connections are open", n.open)
				}
			})
		})
	}
}

// TestRaceRemembers: what could not be reached is left alone by the messages that
// follow, whatever the terms of their domains.
func TestRaceRemembers(t *testing.T) {
	var dials []string
	d := &dialer{avoid: &avoided{}, clock: time.Now, dial: func(_ context.Context, _, address string) (net.Conn, error) {
		dials = append(dials, address)
		return nil, errors.New("refused")
	}}
	s := connector(t, "192.0.2.1")
	asked := *s
	for range 2 {
		_, o := d.connect(t.Context(), s, always(&asked), "relay.test", (&finder{}).route(t.Context(), s, ""))
		if o == nil || o.addr != "192.0.2.1:25" {
			t.Errorf("%+v", o)
		}
	}
	if !slices.Equal(dials, []string{"192.0.2.1:25"}) {
		t.Errorf("dialled %v", dials)
	}
}
