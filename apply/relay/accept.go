package relay

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/netip"
	"time"

	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/decide"
)

// refusal is how long a client that is refused before the banner has to read why.
const refusal = 5 * time.Second

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

// admit chooses the receive connector, and hands the connection to its server. It
// does not wait for the client.
func (n *node) admit(c net.Conn, p place) {
	client := n.client(c, p)
	for {
		e := n.current.Load()
		client.Relay, client.At = e.relay.Addr(), n.o.Clock()
		r := e.policy.Receive(client)
		if r == nil {
			answer := reply(554, 5, 7, 1, "No receive connector of %s is meant for your address; ask its administrator to add it to one", client.Relay)
			n.turnedAway(client, schema.Addr{}, "CONNECT", answer)
			go n.refuse(c, "554 5.7.1 "+answer.Message)
			return
		}
		leave, why := n.limits.enter(r.Block, client.Remote)
		if leave == nil {
			n.turnedAway(client, r.Block.Addr(), "CONNECT", reply(421, 4, 3, 2, "%s", why))
			go n.refuse(c, "421 4.3.2 "+why)
			return
		}
		l := newLink(n.ctx, c, client, r.Block, leave)
		l.talk = n.journal.Inbound(r.Block.Addr(), r.Block.Verbose, c.LocalAddr().String(), c.RemoteAddr().String(), clientName(client))
		if !n.enroll(l) {
			l.Close()
			return
		}
		if e.servers[r.Block.Addr()].clear.give(newConn(l, nil, r.Block.MaxMessageSize, n.upgradeOf(r))) {
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

// refuse says why and hangs up, as RFC 5321, 3.1 allows before the banner.
func (n *node) refuse(c net.Conn, answer string) {
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(refusal))
	if _, err := io.WriteString(c, answer+"\r\n"); err != nil {
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
		l.client.Names, l.client.Partner = partner(st, e.clients, n.o.Clock())
		r := e.policy.Receive(l.client)
		if r == nil {
			return errNobody
		}
		if e.servers[r.Block.Addr()].secure.give(newConn(l, t, r.Block.MaxMessageSize, nil)) {
			return nil
		}
	}
}
