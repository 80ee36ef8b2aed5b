package deliver

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/mailrelay/mailrelay/schema"
)

// Handed is how a server took a message.
type Handed struct {
	Answer  string // to the content
	TLS     string // version; empty: in clear
	Cipher  string
	Address netip.Addr // our own, as far as it is one
}

// Hand gives one message to one server, over a connection of its own and without a
// queue: under TLS if the server can, or with must under nothing else. The content
// has lines that end in CRLF. An error is a sentence with the answer, if there was
// one; then the server has not taken the message, unless the connection broke
// after the content.
func Hand(ctx context.Context, dial func(ctx context.Context, network, address string) (net.Conn, error), server netip.AddrPort, helo string, must bool, from, to schema.Mailbox, content []byte) (Handed, error) {
	s := &schema.SendConnector{TLS: schema.SendTLS{Mode: "opportunistic", Verify: "none"}}
	if must {
		s.TLS.Mode = "required"
	}
	d := dialer{dial: dial, avoid: &avoided{}, clock: time.Now}
	c, o := d.host(ctx, s, terms{s: s}, helo, place{server.Addr().String(), []netip.AddrPort{server}})
	if o != nil {
		return Handed{}, errors.New(o.text)
	}
	defer d.close(s, c)
	h := Handed{TLS: c.tls.version, Cipher: c.tls.cipher}
	if at, err := netip.ParseAddrPort(c.nc.LocalAddr().String()); err == nil {
		h.Address = at.Addr().Unmap()
	}
	t := &transaction{
		from: from, to: []schema.Mailbox{to}, size: int64(len(content)), body: content, out: make([]outcome, 1),
		utf8: !ascii(from.Local) || !ascii(to.Local), eightBit: !plain(content),
	}
	if err := c.transact(t); err != nil {
		return h, fmt.Errorf("speaking to %s: %w", server, err)
	}
	h.Answer = t.out[0].text
	if t.out[0].kind != delivered {
		return h, errors.New(h.Answer)
	}
	return h, nil
}
