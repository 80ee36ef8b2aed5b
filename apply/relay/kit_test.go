package relay

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/emersion/go-smtp"

	"github.com/mailrelay/mailrelay/apply/relay/spool"
	"github.com/mailrelay/mailrelay/apply/state"
	"github.com/mailrelay/mailrelay/schema/lang"
	"github.com/mailrelay/mailrelay/schema/revision"
)

// patience is how long a test waits for what must happen.
const patience = 20 * time.Second

// world is a relay on real loopback sockets, whose clients can claim any address,
// and a next hop that keeps what it gets.
type world struct {
	t     *testing.T
	o     Options
	store *state.Dir
	sink  *sink
	stop  context.CancelFunc
	ended chan error
	log   *logBook

	mu     sync.Mutex
	claims map[string]netip.Addr // by the client's real address
	ports  map[string]string     // by configured address
	broken map[string]error      // addresses on which nobody can listen
	opened int                   // listeners so far
	last   *revision.Revision
}

// newWorld makes a world without a revision. change may alter the options.
func newWorld(t *testing.T, change func(*Options)) *world {
	t.Helper()
	dir := t.TempDir()
	w := &world{
		t: t, store: state.OpenDir(dir), sink: newSink(t), ended: make(chan error, 1), log: &logBook{},
		claims: map[string]netip.Addr{}, ports: map[string]string{}, broken: map[string]error{},
	}
	w.o = Options{
		Store: w.store, Dir: dir, Listen: w.listen, Dial: w.sink.dial,
		Log: slog.New(slog.NewTextHandler(w.log, nil)), Every: 50 * time.Millisecond, Grace: 5 * time.Second,
		Spool: spool.Options{MinFree: -1},
	}
	if change != nil {
		change(&w.o)
	}
	return w
}

// config makes a revision of a configuration and puts it into the store.
func (w *world) config(text string) *revision.Revision {
	w.t.Helper()
	r, err := revise(w.last, text)
	if err != nil {
		w.t.Fatal(err)
	}
	if err := w.store.Put(context.Background(), r); err != nil {
		w.t.Fatal(err)
	}
	w.last = r
	return r
}

func revise(parent *revision.Revision, text string) (*revision.Revision, error) {
	c, diags := lang.LoadFS(fstest.MapFS{"relay.mail.hcl": {Data: []byte(text)}}, lang.Options{})
	if diags.HasErrors() {
		return nil, diags
	}
	objects, err := revision.Objects(c)
	if err != nil {
		return nil, err
	}
	r := &revision.Revision{Lineage: "test", Serial: 1, Applied: time.Unix(0, 0).UTC(), By: "test", Target: objects}
	if parent != nil {
		r.Serial, r.Parent = parent.Serial+1, parent.Hash
	}
	r.Seal()
	return r, nil
}

// run starts the relay. It is stopped, and looked at for errors, when the test
// ends.
func (w *world) run() {
	w.t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	w.stop = stop
	go func() { w.ended <- Run(ctx, w.o) }()
	w.t.Cleanup(w.halt)
}

// halt stops the relay and waits for it. It may be called twice.
func (w *world) halt() {
	w.t.Helper()
	if w.stop == nil {
		return
	}
	w.stop()
	w.stop = nil
	select {
	case err := <-w.ended:
		if err != nil {
			w.t.Errorf("the relay ended: %v", err)
		}
	case <-time.After(patience):
		w.t.Error("the relay does not end")
	}
	if w.t.Failed() {
		w.t.Log(w.log.String())
	}
}

// await waits until the node's report has what ok wants.
func (w *world) await(what string, ok func(state.Node) bool) state.Node {
	w.t.Helper()
	var last []state.Node
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		nodes, err := w.store.Nodes(context.Background())
		if err != nil {
			w.t.Fatal(err)
		}
		last = nodes
		for _, n := range nodes {
			if ok(n) {
				return n
			}
		}
	}
	w.t.Fatalf("no node reports %s: %+v\n%s", what, last, w.log)
	return state.Node{}
}

// runsFrom puts a configuration into the store, starts the relay, and waits until
// it is in force.
func (w *world) runsFrom(text string) {
	w.t.Helper()
	r := w.config(text)
	w.run()
	w.runs(r)
}

// runs waits until r is in force.
func (w *world) runs(r *revision.Revision) {
	w.t.Helper()
	w.await("revision "+r.Hash.Short(), func(n state.Node) bool { return n.Revision == r.Hash && n.Refused == "" && !n.Stopped })
}

// listen opens a free port in place of the one that is configured.
func (w *world) listen(ctx context.Context, network, address string) (net.Listener, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.broken[address]; err != nil {
		return nil, err
	}
	if network == "unix" {
		return new(net.ListenConfig).Listen(ctx, network, address)
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp4", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	w.opened++
	w.ports[address] = l.Addr().String()
	return claimed{l, w}, nil
}

type claimed struct {
	net.Listener
	w *world
}

func (l claimed) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	l.w.mu.Lock()
	defer l.w.mu.Unlock()
	from, ok := l.w.claims[c.RemoteAddr().String()]
	for !ok { // the client has connected, and not yet said who it claims to be
		l.w.mu.Unlock()
		time.Sleep(time.Millisecond)
		l.w.mu.Lock()
		from, ok = l.w.claims[c.RemoteAddr().String()]
	}
	return claim{c.(*net.TCPConn), from}, nil
}

type claim struct {
	*net.TCPConn
	from netip.Addr
}

func (c claim) RemoteAddr() net.Addr {
	return net.TCPAddrFromAddrPort(netip.AddrPortFrom(c.from, 40000))
}

// dial connects to the listener at a configured address as the client from.
func (w *world) dial(address, from string) net.Conn {
	w.t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	c, err := net.Dial("tcp4", w.ports[address])
	if err != nil {
		w.t.Fatal(err)
	}
	w.claims[c.LocalAddr().String()] = netip.MustParseAddr(from)
	w.t.Cleanup(func() { c.Close() })
	return c
}

// talk connects and plays a dialogue, see client.play.
func (w *world) talk(from, dialogue string) *client {
	w.t.Helper()
	c := &client{t: w.t, conn: w.dial("0.0.0.0:25", from)}
	c.in = bufio.NewReader(c.conn)
	c.play(dialogue)
	return c
}

// client is an SMTP client that does what it is told.
type client struct {
	t    *testing.T
	conn net.Conn
	in   *bufio.Reader
	cert []tls.Certificate
}

// play reads a dialogue of lines: "-> text" sends text and CRLF, where \r, \n and
// \x00 stand for themselves; ")> text" sends text without CRLF; "<~ regexp" reads
// an answer, of one line or several, which must match; "<eof" is the end of the
// connection; "tls" makes TLS of it.
func (c *client) play(dialogue string) {
	c.t.Helper()
	plain := strings.NewReplacer(`\r`, "\r", `\n`, "\n", `\x00`, "\x00")
	_ = c.conn.SetDeadline(time.Now().Add(patience))
	for line := range strings.SplitSeq(dialogue, "\n") {
		line = strings.TrimSpace(line)
		verb, text, _ := strings.Cut(line, " ")
		switch verb {
		case "", "#":
		case "->":
			if _, err := io.WriteString(c.conn, plain.Replace(text)+"\r\n"); err != nil {
				c.t.Fatalf("%s: %v", line, err)
			}
		case ")>":
			if _, err := io.WriteString(c.conn, plain.Replace(text)); err != nil {
				c.t.Fatalf("%s: %v", line, err)
			}
		case "<~":
			got, err := c.answer()
			if err != nil {
				c.t.Fatalf("%s: got %q, %v", line, got, err)
			}
			if !regexp.MustCompile("(?s)^" + text).MatchString(got) {
				c.t.Fatalf("%s: got %q", line, got)
			}
		case "<eof":
			if got, err := c.answer(); !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
				c.t.Fatalf("want the end, got %q, %v", got, err)
			}
		case "tls":
			t := tls.Client(c.conn, &tls.Config{InsecureSkipVerify: true, Certificates: c.cert})
			if err := t.Handshake(); err != nil {
				c.t.Fatal(err)
			}
			c.conn, c.in = t, bufio.NewReader(t)
		default:
			c.t.Fatalf("not a line of a dialogue: %q", line)
		}
	}
}

// answer reads one, its lines joined by "\n".
func (c *client) answer() (string, error) {
	var out []string
	for {
		line, err := c.in.ReadString('\n')
		if err != nil {
			return line, err
		}
		line = strings.TrimRight(line, "\r\n")
		out = append(out, line)
		if len(line) < 4 || line[3] != '-' {
			return strings.Join(out, "\n"), nil
		}
	}
}

// letter is a message that the next hop got.
type letter struct {
	From, Content string
	To            []string
}

// sink is a next hop that takes everything.
type sink struct {
	address string
	got     chan letter
}

func newSink(t *testing.T) *sink {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &sink{l.Addr().String(), make(chan letter, 10000)}
	server := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return &sinkSession{s: s}, nil }))
	server.EnableSMTPUTF8 = true
	server.MaxLineLength = 0
	go server.Serve(l)
	t.Cleanup(func() { server.Close() })
	return s
}

func (s *sink) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	return new(net.Dialer).DialContext(ctx, "tcp4", s.address)
}

// next waits for a message.
func (s *sink) next(t *testing.T) letter {
	t.Helper()
	select {
	case l := <-s.got:
		return l
	case <-time.After(patience):
		t.Fatal("no message arrives")
		return letter{}
	}
}

type sinkSession struct {
	s *sink
	l letter
}

func (s *sinkSession) Reset()        { s.l = letter{} }
func (s *sinkSession) Logout() error { return nil }
func (s *sinkSession) Mail(from string, _ *smtp.MailOptions) error {
	s.l.From = from
	return nil
}
func (s *sinkSession) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.l.To = append(s.l.To, to)
	return nil
}
func (s *sinkSession) Data(r io.Reader) error {
	raw, err := io.ReadAll(r)
	s.l.Content = string(raw)
	s.s.got <- s.l
	return err
}

// logBook is a log that tests may read.
type logBook struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logBook) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logBook) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// block writes a configuration: a relay, a way out, and what more is given.
func block(more string) string {
	return `
relay "edge" {
  hostname = "relay.contoso.com"
}
domain "contoso" {
  name = "contoso.com"
  type = "internal_relay"
}
send_connector "out" {
  address_spaces = ["*"]
  smart_hosts    = ["192.0.2.1"]
}
` + more
}

// connector writes a receive connector for 10.0.0.0/8 without a tarpit.
func connector(name string, attributes ...string) string {
	return fmt.Sprintf(`
receive_connector %q {
  relay             = relay.edge
  permission_groups = ["anonymous_users"]
  tarpit_interval   = "0s"
  %s
}
`, name, strings.Join(attributes, "\n  "))
}

const relaying = `remote_ip_ranges = ["10.0.0.0/8"]
  permission "anonymous" {
    allow = ["accept_any_recipient"]
  }`

// nowhereToGo is a network on which nobody answers.
func nowhereToGo(context.Context, string, string) (net.Conn, error) {
	return nil, errors.New("no route to host")
}

// short gives a directory with a name that fits into the address of a Unix socket.
func short(t *testing.T, dir string) string {
	t.Helper()
	if len(dir) < 80 {
		return dir
	}
	dir, err := os.MkdirTemp("", "relay")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func unixClient(socket string) *http.Client {
	return &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", socket)
		},
		DisableKeepAlives: true,
	}}
}
