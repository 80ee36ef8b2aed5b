package deliver

import (
	"context"
	"net"
	"net/netip"
)

// cut is a connection that is closed when its context ends.
type cut struct {
	net.Conn
	stop func() bool
}

func newCut(ctx context.Context, nc net.Conn) *cut {
	return &cut{nc, context.AfterFunc(ctx, func() { nc.Close() })}
}

// Close closes the connection; the context may then end without effect.
func (c *cut) Close() error {
	c.stop()
	return c.Conn.Close()
}

// sourceKey is the key of a context under which the source address travels.
type sourceKey struct{}

// WithSource gives a context that asks Options.Dial for a local address.
func WithSource(ctx context.Context, a netip.Addr) context.Context {
	return context.WithValue(ctx, sourceKey{}, a)
}

// Source gives the local address that a connection should have. It is not valid
// where the system chooses. An Options.Dial of one's own asks it.
func Source(ctx context.Context) netip.Addr {
	a, _ := ctx.Value(sourceKey{}).(netip.Addr)
	return a
}

// Dial connects through the system, from Source(ctx). It is what Options.Dial is
// by default.
func Dial(ctx context.Context, network, address string) (net.Conn, error) {
	var d net.Dialer
	if a := Source(ctx); a.IsValid() {
		d.LocalAddr = net.TCPAddrFromAddrPort(netip.AddrPortFrom(a, 0))
	}
	return d.DialContext(ctx, network, address)
}
