package relay

import (
	"bufio"
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPlaces(t *testing.T) {
	tests := []struct {
		bindings []string
		want     []string
	}{
		{[]string{"0.0.0.0:25", "[::]:25"}, []string{"tcp4 0.0.0.0:25", "tcp6 [::]:25"}},
		{[]string{"10.0.0.1:25", "0.0.0.0:25", "[2001:db8::1]:25"}, []string{"tcp4 0.0.0.0:25", "tcp6 [2001:db8::1]:25"}},
		{[]string{"10.0.0.1:25", "10.0.0.2:25", "0.0.0.0:587", "10.0.0.1:25"}, []string{"tcp4 0.0.0.0:587", "tcp4 10.0.0.1:25", "tcp4 10.0.0.2:25"}},
		{[]string{"unix:/run/a", "10.0.0.1:25"}, []string{"tcp4 10.0.0.1:25", "unix /run/a"}},
	}
	for _, tt := range tests {
		var got []string
		for _, p := range places(tt.bindings) {
			got = append(got, p.network+" "+p.address)
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%v: %s", tt.bindings, diff)
		}
	}
}

// ports is a system that binds as Linux does, and writes down what happens.
type ports struct {
	open   []place
	broken string
	events []string
}

func (s *ports) listen(_ context.Context, network, address string) (net.Listener, error) {
	p := place{network, address}
	if address == s.broken {
		return nil, syscall.EACCES
	}
	if slices.ContainsFunc(s.open, func(q place) bool { return p == q || clash(p, q) }) {
		return nil, syscall.EADDRINUSE
	}
	s.open = append(s.open, p)
	s.events = append(s.events, "open "+address)
	return &port{s: s, p: p}, nil
}

type port struct {
	net.Listener
	s *ports
	p place
}

func (l *port) Addr() net.Addr { return &net.UnixAddr{Name: l.p.address} }
func (l *port) Close() error {
	l.s.open = slices.DeleteFunc(l.s.open, func(q place) bool { return q == l.p })
	l.s.events = append(l.s.events, "close "+l.p.address)
	return nil
}

func TestListenersChange(t *testing.T) {
	tests := []struct {
		name     string
		from, to []string
		broken   string
		want     []string // events
		open     []string // afterwards
	}{
		{"what stays is kept", []string{"10.0.0.1:25", "10.0.0.2:25"}, []string{"10.0.0.2:25", "10.0.0.3:25"}, "",
			[]string{"open 10.0.0.3:25", "close 10.0.0.1:25"}, []string{"10.0.0.2:25", "10.0.0.3:25"}},
		{"a specific address becomes a wildcard", []string{"10.0.0.1:25"}, []string{"0.0.0.0:25"}, "",
			[]string{"close 10.0.0.1:25", "open 0.0.0.0:25"}, []string{"0.0.0.0:25"}},
		{"a wildcard becomes two addresses", []string{"0.0.0.0:25"}, []string{"10.0.0.1:25", "10.0.0.2:25"}, "",
			[]string{"close 0.0.0.0:25", "open 10.0.0.1:25", "open 10.0.0.2:25"}, []string{"10.0.0.1:25", "10.0.0.2:25"}},
		{"one that fails changes nothing", []string{"10.0.0.1:25"}, []string{"10.0.0.2:25", "10.0.0.3:25"}, "10.0.0.3:25",
			[]string{"open 10.0.0.2:25", "close 10.0.0.2:25"}, []string{"10.0.0.1:25"}},
		{"one that fails after another had to go", []string{"10.0.0.1:25", "10.0.0.2:587"}, []string{"0.0.0.0:25", "10.0.0.2:587", "10.0.0.4:2525"}, "10.0.0.4:2525",
			[]string{"close 10.0.0.1:25", "open 0.0.0.0:25", "close 0.0.0.0:25", "open 10.0.0.1:25"}, []string{"10.0.0.1:25", "10.0.0.2:587"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := &ports{}
			l := listeners{listen: s.listen, accept: func(net.Listener, place) {}, open: map[place]net.Listener{}}
			if err := l.change(t.Context(), places(tt.from)); err != nil {
				t.Fatal(err)
			}
			s.events, s.broken = nil, tt.broken
			err := l.change(t.Context(), places(tt.to))
			if (err != nil) != (tt.broken != "") || err != nil && !strings.Contains(err.Error(), tt.broken) {
				t.Errorf("error %v", err)
			}
			if diff := cmp.Diff(tt.want, s.events); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(tt.open, l.names()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestMachineWithoutIPv6(t *testing.T) {
	l := listeners{
		listen: func(_ context.Context, network, _ string) (net.Listener, error) {
			if network == "tcp6" {
				return nil, &net.OpError{Op: "listen", Err: syscall.EAFNOSUPPORT}
			}
			return &port{s: &ports{}, p: place{"tcp4", "0.0.0.0:25"}}, nil
		},
		accept: func(net.Listener, place) {}, open: map[place]net.Listener{},
	}
	if err := l.change(t.Context(), places([]string{"0.0.0.0:25", "[::]:25"})); err != nil {
		t.Error(err)
	}
	if err := l.change(t.Context(), places([]string{"[2001:db8::1]:25"})); !errors.Is(err, syscall.EAFNOSUPPORT) {
		t.Errorf("an address that was asked for by name: %v", err)
	}
}

// TestChoiceByLocalAddress has one listener for a wildcard and an address, and a
// connector for each.
func TestChoiceByLocalAddress(t *testing.T) {
	w := newWorld(t, nil)
	r := w.config(block(connector("wild", relaying, `bindings = ["0.0.0.0:25"]`) +
		connector("loop", `bindings = ["127.0.0.1:25"]`, `remote_ip_ranges = ["10.0.0.0/8"]`, `max_message_size = 1000`) +
		connector("other", `bindings = ["127.0.0.1:587"]`, `remote_ip_ranges = ["10.0.0.0/8"]`, `max_message_size = 2000`)))
	w.run()
	w.runs(r)
	if w.opened != 2 {
		t.Errorf("%d listeners are open, want 0.0.0.0:25 and 127.0.0.1:587", w.opened)
	}
	w.talk("10.1.2.3", `
		<~ 220
		-> EHLO x
		<~ 250-.*SIZE 1000$`) // the client came to 127.0.0.1
}

// TestOneSocketForBothFamilies has a listener that takes IPv4 too, and none of its
// own for the wildcard of IPv4.
func TestOneSocketForBothFamilies(t *testing.T) {
	both, err := net.Listen("tcp", "[::]:0")
	if err != nil {
		t.Skipf("this machine has no IPv6: %v", err)
	}
	w := newWorld(t, func(o *Options) {
		o.Listen = func(_ context.Context, _, address string) (net.Listener, error) {
			if address == "0.0.0.0:25" {
				return nil, ErrCovered
			}
			return both, nil
		}
	})
	w.runsFrom(block(connector("one", `remote_ip_ranges = ["127.0.0.0/8"]`) + connector("two", `remote_ip_ranges = ["::1"]`, "max_message_size = 1000")))
	_, port, err := net.SplitHostPort(both.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ host, size string }{{"127.0.0.1", "36700160"}, {"::1", "1000"}} {
		conn, err := net.Dial("tcp", net.JoinHostPort(tt.host, port))
		if err != nil {
			t.Skipf("this machine has no %s: %v", tt.host, err)
		}
		defer conn.Close()
		c := &client{t: t, conn: conn, in: bufio.NewReader(conn)}
		c.play(`
			<~ 220
			-> EHLO x
			<~ 250-.*SIZE ` + tt.size + `$`)
	}
}
