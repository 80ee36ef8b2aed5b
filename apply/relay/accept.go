package relay

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"time"

	"github.com/emersion/go-smtp"

	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/decide"
)

const (
	// refusal is how long a client that is refused before the banner has to read why.
	refusal = 5 * time.Second
	// refusing is how many such clients may be told why at a time. More are cut off
	// without a word, so that a flood of them does not use up files and memory.
	refusing = 100
	// introducing is how many proxies may be about to send their PROXY header.
	introducing = 1000
)

// accept takes the connections of one listener until it closes.
func (n *node) accept(l net.Listener, p place) {
	for {
		c, err := l.Accept()
		if err != nil {
			if errors.Is(err, net.ErrClosed) {
				return
			}
			// Out of files or memory: sessions that end give some back.
			n.o.Log.Warn("a connection could not be accepted", "listener", p.String(), "error", err)
			select {
			case <-time.After(50 * time.Millisecond):
				continue
			case <-n.ctx.Done():
				return
			}
		}
		n.admit(c, p)
	}
}

// admit seats a client, once it is known who it is. It does not wait for the
// client.
func (n *node) admit(c net.Conn, p place) {
	client := n.client(c, p)
	e := n.current.Load()
	client.Relay, client.At = e.relay.Addr(), n.o.Clock()
	if e.policy.Proxied(client) {
		if !aside(n.introducing, func() { n.unproxied(c, client) }) {
			c.Close()
		}
		return
	}
	n.seat(c, client)
}

// aside does something in a goroutine of its own if there is a place for it, and is
// false otherwise.
func aside(places chan struct{}, do func()) bool {
	select {
	case places <- struct{}{}:
	default:
		return false
	}
	go func() {
		defer func() { <-places }()
		do()
	}()
	return true
}

// seat chooses the receive connector, and hands the connection to its server. It
// does not wait for the client.
func (n *node) seat(c net.Conn, client decide.Client) {
	for {
		e := n.current.Load()
		client.Relay, client.At = e.relay.Addr(), n.o.Clock()
		r := e.policy.Receive(client)
		if r == nil {
			n.reject(c, client, schema.Addr{}, replyOf(e.policy.Nobody(client)))
			return
		}
		leave, why := n.limits.enter(r.Block, client.Remote)
		if leave == nil {
			n.reject(c, client, r.Block.Addr(), reply(421, 4, 3, 2, "%s", why))
			return
		}
		l := newLink(n.ctx, c, client, r.Block, leave)
		l.refused = func(command string, why *smtp.SMTPError) { n.turnedAway(l.client, l.connector, command, why) }
		l.talk = n.journal.Inbound(r.Block.Addr(), r.Block.Verbose, c.LocalAddr().String(), c.RemoteAddr().String(), clientName(client))
		if !n.enroll(l) {
			l.Close()
			return
		}
		if e.servers[r.Block.Addr()].clear.give(newConn(l, nil, r.Block, n.upgradeOf(r))) {
			return
		}
		// The edition was replaced in between. The place is given back without
		// closing the connection.
		n.dismiss(l)
		l.leave()
	}
}

// client says who connects. A listener on a specific address stands for that
// address, whatever the system calls it.
func (n *node) client(c net.Conn, p place) decide.Client {
	if p.network == "unix" {
		return decide.Client{Unix: p.address}
	}
	client := decide.Client{Local: netip.MustParseAddrPort(p.address), Remote: address(c.RemoteAddr()).Addr()}
	if client.Local.Addr().IsUnspecified() {
		client.Local = netip.AddrPortFrom(address(c.LocalAddr()).Addr(), client.Local.Port())
	}
	return client
}

// address reads a network address; IPv4 inside IPv6 is IPv4.
func address(a net.Addr) netip.AddrPort {
	ap, err := netip.ParseAddrPort(a.String())
	if err != nil {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(ap.Addr().Unmap().WithZone(""), ap.Port())
}

// reject records a refusal before the banner, and tells the client if it can be told
// now.
func (n *node) reject(c net.Conn, client decide.Client, connector schema.Addr, r *smtp.SMTPError) {
	n.turnedAway(client, connector, "CONNECT", r)
	if !aside(n.refusing, func() { refuse(c, line(r)) }) {
		c.Close()
	}
}

// line is an answer as it goes over the wire.
func line(r *smtp.SMTPError) string {
	e := r.EnhancedCode
	return fmt.Sprintf("%d %d.%d.%d %s\r\n", r.Code, e[0], e[1], e[2], r.Message)
}

// refuse says why and hangs up, as RFC 5321, 3.1 allows before the banner.
func refuse(c net.Conn, answer string) {
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(refusal))
	if _, err := io.WriteString(c, answer); err != nil {
		return
	}
	// What the client says meanwhile is read, so that closing does not reset the
	// connection before the answer has arrived.
	if w, ok := c.(interface{ CloseWrite() error }); ok {
		_ = w.CloseWrite()
	}
	_, _ = io.CopyN(io.Discard, c, maxLine)
}

// upgradeOf is what STARTTLS does at a connector; nil where TLS is not offered.
func (n *node) upgradeOf(r *decide.Receive) func(*conn) error {
	if !offers(r.Block, "tls") {
		return nil
	}
	return n.upgrade
}

var errNobody = errors.New("no receive connector is meant for this client any more")

// upgrade makes TLS of a connection and hands it to a server for such, by the
// newest edition. Nothing that the client said in clear is known there.
func (n *node) upgrade(c *conn) error {
	l := c.link
	t := tls.Server(l, n.current.Load().tls)
	if err := t.HandshakeContext(l.done); err != nil {
		n.o.Log.Info("a TLS handshake failed", "client", l.client.Remote, "error", err)
		return err
	}
	st := t.ConnectionState()
	l.tls = &st
	l.talk.Note("TLS " + tls.VersionName(st.Version) + " " + tls.CipherSuiteName(st.CipherSuite))
	for {
		e := n.current.Load()
		l.client.Relay, l.client.At, l.client.TLS = e.relay.Addr(), n.o.Clock(), true
		l.client.Names, l.client.Partner = partner(st, e.clients(), n.o.Clock())
		r := e.policy.Receive(l.client)
		if r == nil {
			return errNobody
		}
		if e.servers[r.Block.Addr()].secure.give(newConn(l, t, r.Block, nil)) {
			return nil
		}
	}
}
