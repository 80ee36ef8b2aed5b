package relay

import (
	"bufio"
	"errors"
	"net"
	"time"

	"github.com/pires/go-proxyproto"

	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/decide"
)

// proxyTimeout is how long a proxy has to say for whom it speaks. It says so as
// soon as it has connected.
const proxyTimeout = 5 * time.Second

// spoken is a connection of which a PROXY header said who is at its other end.
type spoken struct {
	net.Conn
	in     *bufio.Reader // what came with the header
	remote net.Addr
}

func (c *spoken) Read(p []byte) (int, error) {
	if c.in.Buffered() > 0 {
		return c.in.Read(p)
	}
	return c.Conn.Read(p)
}

// RemoteAddr is the client's address as the proxy tells it.
func (c *spoken) RemoteAddr() net.Addr { return c.remote }

// CloseWrite closes the way to the client where the connection can do that.
func (c *spoken) CloseWrite() error {
	if w, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return w.CloseWrite()
	}
	return nil
}

// unproxied reads the PROXY header of a proxy (v1 or v2), and admits the client
// that it names. LOCAL and UNKNOWN are the proxy itself, which looks whether we are
// there. Without a header the connection is refused: what came directly from a
// proxy's address could be anybody.
func (n *node) unproxied(c net.Conn, client decide.Client) {
	_ = c.SetReadDeadline(time.Now().Add(proxyTimeout))
	in := bufio.NewReaderSize(c, 512)
	h, err := proxyproto.Read(in)
	_ = c.SetReadDeadline(time.Time{})
	if errors.Is(err, proxyproto.ErrNoProxyProtocol) && in.Buffered() == 0 {
		c.Close() // it looked whether we are there
		return
	}
	if err != nil {
		n.o.Log.Info("a connection of a proxy has no PROXY header", "client", client.Remote, "error", err)
		answer := reply(554, 5, 7, 1, "Connections from %s to %s must begin with a PROXY header, because the address is in proxy_protocol there", client.Remote, client.Relay)
		n.turnedAway(client, schema.Addr{}, "CONNECT", answer)
		refuse(c, line(answer))
		return
	}
	out := &spoken{Conn: c, in: in, remote: c.RemoteAddr()}
	if from, _, ok := h.TCPAddrs(); ok && h.Command == proxyproto.PROXY {
		out.remote = from
		client.Proxy, client.Remote = client.Remote, address(from).Addr()
	}
	n.seat(out, client)
}
