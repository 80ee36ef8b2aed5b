package observe

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
	"time"

	"github.com/miekg/dns"

	"github.com/mailrelay/mailrelay/plan"
)

// payload is the size of UDP answers that is asked for: what fits into one packet
// everywhere (DNS Flag Day 2020).
const payload = 1232

// errSilent is a server that gives no answer, errGarbage one whose answers cannot
// be read.
var (
	errSilent  = errors.New("no answer")
	errGarbage = errors.New("what came is no answer to the question")
)

// attempt is what was tried already to have a question answered.
type attempt struct {
	tried   int  // how often it was asked at the first address
	tcp     bool // the answer does not fit into a packet
	garbage bool // something came that cannot be read
}

// exchange asks one address, with retries. s keeps the sockets. What a burst tried
// before counts.
func (c *Client) exchange(ctx context.Context, s *server, addr string, q *dns.Msg, had attempt) (*dns.Msg, error) {
	err := errSilent
	if had.garbage {
		err = errGarbage
	}
	for try := had.tried; try <= c.o.Retries; try++ {
		if try > 0 {
			if err := pause(ctx, try); err != nil {
				return nil, err
			}
		}
		var a *dns.Msg
		a, err = c.once(ctx, s, addr, q, had.tcp)
		if err == nil && a.Rcode == dns.RcodeFormatError && q.IsEdns0() != nil {
			q = q.Copy() // an old server that does not know EDNS (RFC 6891, 7)
			q.Extra = nil
			a, err = c.once(ctx, s, addr, q, had.tcp)
		}
		if err == nil {
			return a, nil
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if noWay(err) {
			return nil, unreachable(addr, err)
		}
		if late(err) {
			c.waiting(s.source(addr), c.o.Retries-try)
		}
	}
	tries := "1 try"
	if c.o.Retries > 0 {
		tries = fmt.Sprintf("%d tries", c.o.Retries+1)
	}
	switch {
	case errors.Is(err, errGarbage):
		return nil, &failure{plan.Garbage, fmt.Errorf("%w in %s: check that a name server listens on port %s of %s, and nothing in between rewrites what it says", errGarbage, tries, port(addr), addr)}
	case errors.Is(err, errSilent), late(err):
		return nil, &failure{plan.Silent, fmt.Errorf("%w after %s of %s each: check that the server runs, and that UDP and TCP port %s of it can be reached from here", errSilent, tries, c.o.Timeout, port(addr))}
	}
	return nil, &failure{plan.Silent, fmt.Errorf("%w: %w: check that the server runs, and that UDP and TCP port %s of it can be reached from here", errSilent, err, port(addr))}
}

// late reports whether err is that nothing came in time.
func late(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}

func port(addr string) string {
	_, p, _ := net.SplitHostPort(addr)
	return p
}

// pause waits before a retry, a little longer each time, and at random, so that
// the questions that one lost packet held up do not come back together.
func pause(ctx context.Context, try int) error {
	t := time.NewTimer(rand.N(50*time.Millisecond<<min(try, 5)) + time.Millisecond)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// once asks once, over UDP and then over TCP if the answer is cut.
func (c *Client) once(ctx context.Context, s *server, addr string, q *dns.Msg, tcp bool) (*dns.Msg, error) {
	if tcp {
		return c.tcp(ctx, addr, q)
	}
	a, err := c.udp(ctx, s, addr, q)
	if err == nil && a.Truncated {
		return c.tcp(ctx, addr, q)
	}
	return a, err
}

// udp asks once. The socket goes back to the server for the next question if
// this one was answered; otherwise a late answer may still come, and it is closed.
func (c *Client) udp(ctx context.Context, s *server, addr string, q *dns.Msg) (*dns.Msg, error) {
	conn, err := s.socket(ctx, c, addr)
	if err != nil {
		return nil, err
	}
	a, err := c.converse(ctx, conn, q)
	if err != nil {
		conn.Close()
		return nil, err
	}
	s.keep(addr, conn)
	return a, nil
}

func (c *Client) converse(ctx context.Context, conn net.Conn, q *dns.Msg) (*dns.Msg, error) {
	defer limit(ctx, conn, c.o.Timeout)()
	q = q.Copy()
	q.Id = dns.Id()
	packet, err := q.Pack()
	if err != nil {
		return nil, err
	}
	if _, err := conn.Write(packet); err != nil {
		return nil, err
	}
	buf := make([]byte, dns.DefaultMsgSize)
	garbage := false
	for {
		n, err := conn.Read(buf)
		if err != nil && garbage && ctx.Err() == nil {
			return nil, errGarbage
		}
		if err != nil {
			return nil, err
		}
		a := new(dns.Msg)
		if err := a.Unpack(buf[:n]); (err == nil || a.Truncated) && answers(a, q) {
			return a, nil
		}
		garbage = true // noise, or forged: the answer may still come
	}
}

// tcp asks once over TCP.
func (c *Client) tcp(ctx context.Context, addr string, q *dns.Msg) (*dns.Msg, error) {
	dialing, cancel := context.WithTimeout(ctx, c.o.Timeout)
	defer cancel()
	conn, err := c.o.Dial(dialing, "tcp", addr)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	defer limit(ctx, conn, c.o.Timeout)()
	q = q.Copy()
	q.Id = dns.Id()
	framed := &dns.Conn{Conn: conn}
	if err := framed.WriteMsg(q); err != nil {
		return nil, err
	}
	raw, err := framed.ReadMsgHeader(nil)
	if err != nil {
		return nil, err
	}
	a := new(dns.Msg)
	if err := a.Unpack(raw); err != nil || !answers(a, q) {
		return nil, errGarbage
	}
	return a, nil
}

// limit ends what is read and written on conn after d, or when ctx ends. The
// function it gives lifts that again.
func limit(ctx context.Context, conn net.Conn, d time.Duration) func() {
	conn.SetDeadline(time.Now().Add(d))
	stop := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
	return func() { stop() }
}

// answers reports whether a is an answer to q (RFC 5452, 9.1). Some servers leave
// out the question where they refuse it.
func answers(a, q *dns.Msg) bool {
	if !a.Response || a.Id != q.Id {
		return false
	}
	if len(a.Question) == 0 {
		return a.Rcode != dns.RcodeSuccess
	}
	x, y := a.Question[0], q.Question[0]
	return len(a.Question) == 1 && strings.EqualFold(x.Name, y.Name) && x.Qtype == y.Qtype && x.Qclass == y.Qclass
}
