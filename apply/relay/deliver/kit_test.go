package deliver

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/mailrelay/mailrelay/apply/relay/spool"
	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/decide"
)

// block makes a block of the given type in which nothing but set was written.
func block(t testing.TB, addr string, set map[string]cty.Value) schema.Block {
	t.Helper()
	a, err := schema.ParseAddr(addr)
	if err != nil {
		t.Fatal(err)
	}
	typ := schema.TypeNamed(schema.Types(), a.Type)
	v := map[string]cty.Value{}
	for name, at := range typ.Body.Type().AttributeTypes() {
		if v[name] = cty.NullVal(at); set[name] != cty.NilVal {
			v[name] = set[name]
		}
	}
	b, err := typ.New(a, cty.ObjectVal(v), hcl.Range{})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// connector is a send connector to smart hosts, or by MX where there are none.
func connector(t testing.TB, hosts ...string) *schema.SendConnector {
	t.Helper()
	set := map[string]cty.Value{"address_spaces": cty.SetVal([]cty.Value{cty.StringVal("*")})}
	if len(hosts) > 0 {
		var l []cty.Value
		for _, h := range hosts {
			l = append(l, cty.StringVal(h))
		}
		set["smart_hosts"] = cty.ListVal(l)
	}
	return block(t, "send_connector.out", set).(*schema.SendConnector)
}

func relayBlock(t testing.TB) *schema.Relay {
	t.Helper()
	return block(t, "relay.edge", map[string]cty.Value{
		"hostname": cty.StringVal("relay.example.org"), "egress_addresses": cty.SetVal([]cty.Value{cty.StringVal("203.0.113.25")}),
	}).(*schema.Relay)
}

// policy is a router by a function; nil is no route.
type policy struct {
	route  func(to schema.Mailbox) (*schema.SendConnector, schema.Mailbox)
	domain string
}

func (p policy) Route(_ schema.Addr, to schema.Mailbox, _ int64) (*decide.Route, schema.Mailbox) {
	s, m := p.route(to)
	if s == nil {
		return nil, m
	}
	return &decide.Route{Connector: s}, m
}

func (p policy) Default() string { return p.domain }

// through routes everything by one connector, and bounces for example.org.
func through(s *schema.SendConnector) policy {
	return policy{func(to schema.Mailbox) (*schema.SendConnector, schema.Mailbox) { return s, to }, "example.org"}
}

// store is a Store in memory that writes down what is done.
type store struct {
	mu     sync.Mutex
	n      int
	envs   map[string]spool.Envelope
	bodies map[string][]byte
	calls  []string // "put 2 a@b", "update 1 c@d", "remove 1"
	full   bool
}

func newStore() *store {
	return &store{envs: map[string]spool.Envelope{}, bodies: map[string][]byte{}}
}

func rcpts(env spool.Envelope) string {
	var s []string
	for _, r := range env.Rcpts {
		s = append(s, r.To.String())
	}
	return strings.Join(s, ",")
}

func (s *store) note(format string, args ...any) {
	s.calls = append(s.calls, fmt.Sprintf(format, args...))
}

func (s *store) Put(env spool.Envelope, content []byte) (spool.Envelope, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.full {
		s.note("full")
		return env, errors.New("the disk is full")
	}
	s.n++
	env.ID, env.Size = fmt.Sprint(s.n), int64(len(content))
	s.envs[env.ID], s.bodies[env.ID] = env, slices.Clone(content)
	s.note("put %s %s", env.ID, rcpts(env))
	return env, nil
}

// force puts a message of these addresses even if the store is full, without
// a word about it.
func (s *store) force(t testing.TB, from, to string) (spool.Envelope, []byte) {
	env := spool.Envelope{ID: "1", From: box(t, from), Rcpts: []spool.Rcpt{{To: box(t, to)}}, Received: time.Now(), Size: int64(len(testBody))}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.n, s.envs["1"], s.bodies["1"] = 1, env, []byte(testBody)
	return env, s.bodies["1"]
}

func (s *store) Each(f func(spool.Envelope) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := 1; i <= s.n; i++ {
		if env, ok := s.envs[fmt.Sprint(i)]; ok {
			if err := f(env); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *store) Body(id string) (io.ReadCloser, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, ok := s.bodies[id]
	if !ok {
		return nil, spool.ErrGone
	}
	return io.NopCloser(bytes.NewReader(b)), nil
}

func (s *store) Update(env spool.Envelope) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.note("update %s %s", env.ID, rcpts(env))
	s.envs[env.ID] = env
	return nil
}

func (s *store) Remove(id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.note("remove %s", id)
	delete(s.envs, id)
	delete(s.bodies, id)
	return nil
}

func (s *store) done() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.calls)
}

// settled is done, where what came after the last put is sorted: a report may be
// delivered before the message that it is about has been written.
func (s *store) settled() []string {
	calls := s.done()
	last := 0
	for i, c := range calls {
		if strings.HasPrefix(c, "put") || c == "full" {
			last = i + 1
		}
	}
	slices.SortFunc(calls[last:], func(a, b string) int { return strings.Compare(byID(a), byID(b)) })
	return calls
}

// byID is a call with its id in front.
func byID(call string) string {
	_, rest, _ := strings.Cut(call, " ")
	return rest + call
}

// names is a Resolver of a few names.
type names struct {
	mx  map[string][]*net.MX
	ip  map[string][]string
	txt map[string][]string
	err map[string]error
}

// whole takes the final dot from a name with dots. Without it the system's search
// list would make other names of it, as *net.Resolver does.
func whole(name string) (string, error) {
	bare, ok := strings.CutSuffix(name, ".")
	if !ok && strings.Contains(name, ".") {
		return "", errors.New("asked for " + name + " by the search list")
	}
	return bare, nil
}

func (n names) LookupMX(_ context.Context, name string) ([]*net.MX, error) {
	name, err := whole(name)
	if err != nil {
		return nil, err
	}
	if err := n.err["MX "+name]; err != nil {
		return nil, err
	}
	if mx, ok := n.mx[name]; ok {
		return mx, nil
	}
	return nil, &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
}

func (n names) LookupTXT(_ context.Context, name string) ([]string, error) {
	name, err := whole(name)
	if err != nil {
		return nil, err
	}
	if txt, ok := n.txt[name]; ok {
		return txt, nil
	}
	return nil, &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
}

func (n names) LookupNetIP(_ context.Context, _, name string) ([]netip.Addr, error) {
	name, err := whole(name)
	if err != nil {
		return nil, err
	}
	if err := n.err["IP "+name]; err != nil {
		return nil, err
	}
	var out []netip.Addr
	for _, s := range n.ip[name] {
		out = append(out, netip.MustParseAddr(s))
	}
	if out == nil {
		return nil, &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
	}
	return out, nil
}

// world is a Runner with a network of its own.
type world struct {
	*Runner
	t     testing.TB
	net   *network
	store *store
	log   *bytes.Buffer
	stop  func() // ends Run and waits for it
}

// newWorld makes a Runner that uses p; start runs it. In a synctest bubble all
// its time is that of the bubble.
func newWorld(t testing.TB, p router, o Options) *world {
	w := &world{t: t, net: &network{t: t, peers: map[string]func(net.Conn){}}, store: newStore(), log: &bytes.Buffer{}}
	if o.Dial == nil {
		o.Dial = w.net.dial
	}
	if o.Resolver == nil {
		o.Resolver = names{}
	}
	o.Spool = w.store
	o.Log = slog.New(slog.NewTextHandler(w.log, nil))
	w.Runner = New(o)
	if p != nil {
		w.use(p, relayBlock(t))
	}
	return w
}

func (w *world) start() {
	ctx, cancel := context.WithCancel(context.Background())
	over := make(chan error, 1)
	go func() { over <- w.Run(ctx) }()
	w.stop = func() {
		cancel()
		if err := <-over; err != nil {
			w.t.Errorf("Run: %v", err)
		}
	}
}

const testBody = "Subject: hello\r\n\r\n.dot\r\nend\r\n"

// mail stores and adds a message.
func (w *world) mail(from string, to ...string) spool.Envelope {
	w.t.Helper()
	env := spool.Envelope{Received: w.o.Clock()}
	if from != "" {
		env.From = box(w.t, from)
	}
	for _, s := range to {
		env.Rcpts = append(env.Rcpts, spool.Rcpt{To: box(w.t, s)})
	}
	env, err := w.store.Put(env, []byte(testBody))
	if err != nil {
		w.t.Fatal(err)
	}
	w.Add(env, []byte(testBody))
	return env
}

func box(t testing.TB, s string) schema.Mailbox {
	t.Helper()
	m, err := schema.ParseMailbox(s)
	if err != nil {
		t.Fatal(err)
	}
	return m
}
