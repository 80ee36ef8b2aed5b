package relay

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync/atomic"

	"github.com/mailrelay/mailrelay/apply/relay/admin"
	"github.com/mailrelay/mailrelay/schema"
)

// startAdmin opens the socket for status and queue. Mail does not depend on it: a relay
// whose socket cannot be opened runs without.
func (n *node) startAdmin(socket string) (stop func(), err error) {
	l, err := admin.Listen(n.ctx, socket)
	switch {
	case errors.Is(err, admin.ErrRunning):
		return nil, err
	case err != nil:
		n.o.Log.Warn("there is no admin socket: mailrelay status asks the state instead, and mailrelay queue has nobody to ask", "error", err)
		return func() {}, nil
	}
	return admin.Serve(l, n.source(), nil), nil
}

// console is HTTP on the address of the relay's admin block. Only the node's main
// goroutine uses it.
type console struct {
	address string // empty: closed
	token   atomic.Pointer[[]byte]
	stop    func()
}

// openConsole opens what a wants, before what is open goes. use puts it in place;
// drop forgets it. A token that changes alone needs no new listener.
func (n *node) openConsole(ctx context.Context, a schema.Admin) (use, drop func(), err error) {
	nothing := func() {}
	var token []byte
	if !a.Token.IsZero() {
		if token, err = n.o.Secret(a.Token); err != nil {
			return nil, nil, fmt.Errorf("admin: token: %w", err)
		}
		if token = bytes.TrimSpace(token); len(token) == 0 {
			return nil, nil, errors.New("admin: the token is empty")
		}
	}
	if a.Listen == n.console.address {
		return func() { n.console.token.Store(&token) }, nothing, nil
	}
	if a.Listen == "" {
		return n.console.close, nothing, nil
	}
	l, err := n.o.Listen(ctx, adminNetwork(a.Listen), strings.TrimPrefix(a.Listen, "unix:"))
	if err != nil {
		return nil, nil, fmt.Errorf("admin: listen on %s: %w", a.Listen, err)
	}
	use = func() {
		n.console.close()
		n.console.token.Store(&token)
		n.console.address = a.Listen
		n.console.stop = admin.Serve(l, n.source(), func() []byte { return *n.console.token.Load() })
	}
	return use, func() { l.Close() }, nil
}

func adminNetwork(binding string) string {
	if ap, err := netip.ParseAddrPort(binding); err == nil {
		return network(ap)
	}
	return "unix"
}

// close ends HTTP on the address, if there is one.
func (c *console) close() {
	if c.address == "" {
		return
	}
	c.stop()
	c.address = ""
}
