package deliver

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
)

// peer is a mail host of a test. The zero peer takes everything.
type peer struct {
	ext    []string                 // of EHLO
	tls    *tls.Config              // for STARTTLS
	answer func(line string) string // instead of the usual answer; "" gives that, "close" hangs up
	forget bool                     // keep neither messages nor commands
	smug   string                   // sent in clear in one write with the answer to STARTTLS

	mu    sync.Mutex
	conns int
	got   []taken
	lines []string // all commands
}

// taken is a message as a peer got it.
type taken struct {
	From string
	To   []string
	Body string
	TLS  bool
}

func (p *peer) messages() []taken {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]taken(nil), p.got...)
}

func (p *peer) connections() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.conns
}

// serve speaks the server's side of one connection.
func (p *peer) serve(nc net.Conn) {
	defer func() { nc.Close() }()
	p.mu.Lock()
	p.conns++
	p.mu.Unlock()
	r := bufio.NewReaderSize(nc, 64<<10)
	say := func(s string) { io.WriteString(nc, strings.ReplaceAll(s, "\n", "\r\n")+"\r\n") }
	ask := func(line, usual string) string {
		if p.answer != nil {
			if s := p.answer(line); s != "" {
				usual = s
			}
		}
		if usual != "close" {
			say(usual)
		}
		return usual
	}
	if ask("", "220 peer") == "close" {
		return
	}
	var m taken
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		line = strings.TrimSuffix(line, "\r\n")
		p.note(line)
		verb, _, _ := strings.Cut(strings.ToUpper(line), " ")
		var said string
		switch verb {
		case "EHLO":
			said = ask(line, "250-"+strings.Join(append([]string{"peer"}, p.ext...), "\n250-")+"\n250 OK")
		case "STARTTLS":
			if p.smug != "" {
				say("220 go\n" + p.smug)
				return
			}
			if said = ask(line, "220 go"); strings.HasPrefix(said, "2") {
				t := tls.Server(nc, p.tls)
				if t.Handshake() != nil {
					return
				}
				nc, r, m.TLS = t, bufio.NewReaderSize(t, 64<<10), true
			}
		case "MAIL":
			if said = ask(line, "250 2.1.0 sender ok"); said[0] == '2' {
				m.From, m.To, m.Body = between(line), nil, ""
			}
		case "RCPT":
			if said = ask(line, "250 2.1.5 recipient ok"); said[0] == '2' {
				m.To = append(m.To, between(line))
			}
		case "DATA":
			usual := "354 go"
			if len(m.To) == 0 {
				usual = "554 5.5.1 no valid recipients"
			}
			if said = ask(line, usual); said[0] != '3' {
				break
			}
			m.Body, err = undot(r)
			if err != nil {
				return
			}
			if said = ask(".", "250 2.0.0 queued"); said[0] == '2' {
				p.keep(m)
			}
			m.To = nil
		case "QUIT":
			ask(line, "221 bye")
			return
		default:
			said = ask(line, "250 OK")
		}
		if said == "close" {
			return
		}
	}
}

func (p *peer) note(line string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.forget {
		p.lines = append(p.lines, line)
	}
}

func (p *peer) keep(m taken) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.forget {
		p.got = append(p.got, m)
	}
}

func between(line string) string {
	_, rest, _ := strings.Cut(line, "<")
	addr, _, _ := strings.Cut(rest, ">")
	return addr
}

// undot reads a body as RFC 5321, 4.5.2 says.
func undot(r *bufio.Reader) (string, error) {
	var b strings.Builder
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return "", err
		}
		if line == ".\r\n" {
			return b.String(), nil
		}
		b.WriteString(strings.TrimPrefix(line, "."))
	}
}

// network is an Internet of peers, by address:port. What is not in it refuses.
type network struct {
	t     testing.TB
	mu    sync.Mutex
	peers map[string]func(net.Conn)
	dials []string
	from  []string // Source of each dial
	open  int
	most  int // connections that were open at a time
}

// counted is our end of a connection in a network.
type counted struct {
	net.Conn
	n    *network
	once sync.Once
}

func (c *counted) Close() error {
	c.once.Do(func() {
		c.n.mu.Lock()
		c.n.open--
		c.n.mu.Unlock()
	})
	return c.Conn.Close()
}

func (n *network) dial(ctx context.Context, _, address string) (net.Conn, error) {
	n.mu.Lock()
	serve := n.peers[address]
	n.dials = append(n.dials, address)
	n.from = append(n.from, Source(ctx).String())
	n.mu.Unlock()
	if serve == nil {
		return nil, fmt.Errorf("dial %s: connection refused", address)
	}
	ours, theirs := net.Pipe()
	go serve(theirs)
	n.mu.Lock()
	n.open++
	n.most = max(n.most, n.open)
	n.mu.Unlock()
	return &counted{Conn: ours, n: n}, nil
}

func (n *network) count() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.dials)
}

// dialogue is a peer that follows a script: "-> 220 hello" is sent, "<- DATA" must
// be what the client sends. Several lines sent in a row go out in one write.
func dialogue(t testing.TB, steps ...string) func(net.Conn) {
	return func(nc net.Conn) {
		defer nc.Close()
		r := bufio.NewReaderSize(nc, 64<<10)
		for _, s := range steps {
			dir, text := s[:2], s[3:]
			if dir == "->" {
				if _, err := io.WriteString(nc, text+"\r\n"); err != nil {
					t.Errorf("sending %q: %v", text, err)
					return
				}
				continue
			}
			line, err := r.ReadString('\n')
			if got := strings.TrimSuffix(line, "\r\n"); err != nil || got != text {
				t.Errorf("the client sent %q (%v), want %q", got, err, text)
				return
			}
		}
	}
}
