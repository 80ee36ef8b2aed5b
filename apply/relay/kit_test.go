package relay

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

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

// connect gives a client that has not said anything.
func (w *world) connect(from string) *client {
	w.t.Helper()
	c := &client{t: w.t, conn: w.dial("0.0.0.0:25", from)}
	c.in = bufio.NewReader(c.conn)
	return c
}

// talk connects and plays a dialogue, see client.play.
func (w *world) talk(from, dialogue string) *client {
	w.t.Helper()
	c := w.connect(from)
	c.play(dialogue)
	return c
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
