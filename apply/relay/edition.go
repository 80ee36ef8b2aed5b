package relay

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"strings"

	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/decide"
	"github.com/mailrelay/mailrelay/schema/revision"
)

var errNoSecrets = errors.New("this relay was given no way to read secrets")

// edition is a revision as a relay runs it. It is immutable but for its servers,
// which stop taking connections when the next edition has come.
type edition struct {
	revision *revision.Revision
	relay    *schema.Relay
	policy   *decide.Policy
	trusted  []string    // resolvers
	bindings []string    // of all its receive connectors
	tls      *tls.Config // for every connector that offers TLS
	clients  func() *x509.CertPool
	users    map[string]*fresh[users] // by file
	signers  []*signer
	servers  map[schema.Addr]*servers // by receive connector
}

// compile makes an edition of r for one relay, whose servers wait for connections
// until retire. Where there is an error, nothing runs.
func (n *node) compile(r *revision.Revision) (*edition, error) {
	if err := r.Check(); err != nil {
		return nil, err
	}
	c, err := r.InForce()
	if err != nil {
		return nil, err
	}
	e := &edition{revision: r, trusted: c.Settings().TrustedResolvers, servers: map[schema.Addr]*servers{}, users: map[string]*fresh[users]{}}
	if e.relay, err = pick(c, n.o.Relay); err != nil {
		return nil, err
	}
	if e.policy, err = decide.Compile(c); err != nil {
		return nil, err
	}
	if e.tls, e.clients, err = n.protection(e.relay); err != nil {
		return nil, err
	}
	if e.signers, err = n.newSigners(e.relay); err != nil {
		return nil, err
	}
	var connectors []*schema.ReceiveConnector
	for _, b := range schema.All[*schema.ReceiveConnector](c) {
		if b.Relay != e.relay.Addr() {
			continue
		}
		if b.UsersFile != "" && e.users[b.UsersFile] == nil {
			e.users[b.UsersFile] = n.users(b.UsersFile)
			if err := e.users[b.UsersFile].start(); err != nil {
				return nil, fmt.Errorf("%s: %w", b.Addr(), err)
			}
		}
		connectors = append(connectors, b)
	}
	for _, b := range connectors { // nothing can fail any more: they have goroutines
		e.bindings = append(e.bindings, b.Bindings...)
		e.servers[b.Addr()] = n.serve(e.relay, b)
	}
	slices.Sort(e.bindings)
	e.bindings = slices.Compact(e.bindings)
	return e, nil
}

// pick finds the relay called name, or the only one.
func pick(c *schema.Config, name string) (*schema.Relay, error) {
	relays := schema.All[*schema.Relay](c)
	if name == "" && len(relays) == 1 {
		return relays[0], nil
	}
	var names []string
	for _, r := range relays {
		short := strings.TrimPrefix(r.Addr().String(), "relay.")
		if name == short || name == r.Addr().String() {
			return r, nil
		}
		names = append(names, short)
	}
	switch {
	case len(names) == 0:
		return nil, errors.New("the revision has no relay block, so there is nothing to run")
	case name == "":
		return nil, fmt.Errorf("the revision has several relays: say which one this is with -relay=NAME (%s)", strings.Join(names, ", "))
	}
	return nil, fmt.Errorf("the revision has no relay %q; it has %s", name, strings.Join(names, ", "))
}

// spoolDir is where the queue lives.
func (e *edition) spoolDir(state string) string {
	if e.relay.Spool != "" {
		return e.relay.Spool
	}
	return filepath.Join(state, "spool")
}

// retire makes the servers take no more connections. Those they have go on.
func (e *edition) retire() {
	for _, s := range e.servers {
		s.clear.close()
		s.secure.close()
	}
}

// feed is the listener through which a go-smtp server gets the connections that
// the accept loop has chosen for it.
type feed struct {
	ctx   context.Context
	stop  context.CancelFunc
	conns chan net.Conn
}

func newFeed() *feed {
	f := &feed{conns: make(chan net.Conn)}
	f.ctx, f.stop = context.WithCancel(context.Background())
	return f
}

// give hands c to the server. It is false when the feed is closed.
func (f *feed) give(c net.Conn) bool {
	select {
	case f.conns <- c:
		return true
	case <-f.ctx.Done():
		return false
	}
}

func (f *feed) close() { f.stop() }

// Accept implements net.Listener.
func (f *feed) Accept() (net.Conn, error) {
	select {
	case c := <-f.conns:
		return c, nil
	case <-f.ctx.Done():
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (f *feed) Close() error { f.close(); return nil }

// Addr implements net.Listener.
func (f *feed) Addr() net.Addr { return &net.TCPAddr{} }
