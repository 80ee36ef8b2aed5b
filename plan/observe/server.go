package observe

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/miekg/dns"

	"github.com/mailrelay/mailrelay/plan"
)

// server is one name server, for the time of one call.
type server struct {
	name  string   // host name with the final dot; empty if it is known by address alone
	addrs []string // address:port, tried in turn
	lost  error    // why it has no address
	any   bool     // resolvers: each address is a server of its own, and the next may know better

	first  atomic.Int32            // of addrs, which answered last
	silent atomic.Int32            // how many questions in a row got no answer
	last   atomic.Pointer[failure] // why the last one did not

	mu   sync.Mutex
	idle map[string][]net.Conn // by address
}

// deaf is how many questions in a row may stay without an answer before a server
// is not asked any more: thousands of questions would take hours.
const deaf = 8

// source names the server as it answered at addr.
func (s *server) source(addr string) string {
	switch {
	case s.name == "":
		return addr
	case addr == "":
		return s.name
	}
	return fmt.Sprintf("%s (%s)", s.name, addr)
}

// ask puts one question, at each address in turn until one answers. addr is where
// the answer came from, or where the last try went. had is what was tried at the
// first of them.
func (s *server) ask(ctx context.Context, c *Client, q *dns.Msg, had attempt) (a *dns.Msg, addr string, err error) {
	if s.lost != nil {
		return nil, strings.Join(s.addrs[:min(1, len(s.addrs))], ""), s.lost
	}
	start := int(s.first.Load())
	if s.silent.Load() >= deaf {
		f := s.last.Load()
		return nil, s.addrs[start], &failure{f.code, fmt.Errorf("%w (so it was with %d questions before this one, which was not sent any more)", f, deaf)}
	}
	for i := range s.addrs {
		n := (start + i) % len(s.addrs)
		got, failed := c.exchange(ctx, s, s.addrs[n], q, had)
		had = attempt{}
		switch {
		case ctx.Err() != nil:
			return nil, s.addrs[n], &failure{plan.Silent, fmt.Errorf("the question was given up: %w", context.Cause(ctx))}
		case failed != nil && a == nil && (err == nil || code(err) == plan.Unreachable):
			addr, err = s.addrs[n], failed
		case failed == nil:
			s.silent.Store(0)
			a, addr, err = got, s.addrs[n], nil
			if !s.any || got.Rcode == dns.RcodeSuccess || got.Rcode == dns.RcodeNameError {
				s.first.Store(int32(n))
				return a, addr, nil
			}
		}
	}
	if a == nil {
		var f *failure
		errors.As(err, &f)
		s.last.Store(f)
		s.silent.Add(1)
	}
	return a, addr, err
}

// socket gives a UDP socket that nobody uses.
func (s *server) socket(ctx context.Context, c *Client, addr string) (net.Conn, error) {
	s.mu.Lock()
	if free := s.idle[addr]; len(free) > 0 {
		conn := free[len(free)-1]
		s.idle[addr] = free[:len(free)-1]
		s.mu.Unlock()
		return conn, nil
	}
	s.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, c.o.Timeout)
	defer cancel()
	return c.o.Dial(ctx, "udp", addr)
}

// keep takes a socket back.
func (s *server) keep(addr string, conn net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.idle == nil {
		s.idle = map[string][]net.Conn{}
	}
	s.idle[addr] = append(s.idle[addr], conn)
}

// close ends all sockets. Nobody may be asking any more.
func (s *server) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, conns := range s.idle {
		for _, conn := range conns {
			conn.Close()
		}
	}
	s.idle = nil
}
