package main

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"

	"github.com/mailrelay/mailrelay/apply/relay"
)

// sockets are those that a supervisor (systemd) opened for this process, and keeps
// open while it restarts. They are taken by address: bindings and the socket unit
// name the same ones.
type sockets []socket

type socket struct {
	file *os.File // kept, because a revision may want the socket again that one before gave up
	addr net.Addr
	dual bool // of IPv6, and takes connections over IPv4 too
}

// inherit looks at the files that were passed. One that is no listening socket is an
// error.
func inherit(files []*os.File) (sockets, error) {
	var out sockets
	for _, f := range files {
		l, err := net.FileListener(f)
		if err != nil {
			return nil, fmt.Errorf("%s was passed by the supervisor, and is no socket to listen on: %w", f.Name(), err)
		}
		s := socket{file: f, addr: l.Addr()}
		if t, ok := l.(*net.TCPListener); ok {
			if s.dual, err = dualStack(t); err != nil {
				return nil, fmt.Errorf("%s, which was passed by the supervisor: %w", f.Name(), err)
			}
		}
		l.Close() // a duplicate; the file stays
		out = append(out, s)
	}
	return out, nil
}

type listen func(ctx context.Context, network, address string) (net.Listener, error)

// listen gives the inherited socket of an address, and opens all others by next.
func (all sockets) listen(next listen) listen {
	return func(ctx context.Context, network, address string) (net.Listener, error) {
		for _, s := range all {
			if s.has(network, address) {
				return net.FileListener(s.file)
			}
		}
		for _, s := range all {
			if s.covers(network, address) {
				return nil, relay.ErrCovered
			}
		}
		l, err := next(ctx, network, address)
		if err == nil {
			return l, nil
		}
		for _, s := range all {
			if s.port() != 0 && s.port() == portOf(address) {
				return nil, fmt.Errorf("%w; the supervisor passed a socket for %s: let the socket unit and bindings name the same addresses", err, s.addr)
			}
		}
		return nil, err
	}
}

// has reports whether s listens on exactly that address.
func (s socket) has(network, address string) bool {
	if network == "unix" || s.addr.Network() == "unix" {
		return network == s.addr.Network() && address == s.addr.String()
	}
	want, err := netip.ParseAddrPort(address)
	return err == nil && s.tcp() == want
}

// covers reports whether s, which listens on every address of IPv6, takes the
// connections of every address of IPv4 too.
func (s socket) covers(network, address string) bool {
	want, err := netip.ParseAddrPort(address)
	return err == nil && network == "tcp4" && want.Addr().IsUnspecified() && s.dual &&
		s.tcp() == netip.AddrPortFrom(netip.IPv6Unspecified(), want.Port())
}

func (s socket) tcp() netip.AddrPort {
	ap, err := netip.ParseAddrPort(s.addr.String())
	if err != nil {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
}

func (s socket) port() uint16 { return s.tcp().Port() }

func portOf(address string) uint16 {
	ap, _ := netip.ParseAddrPort(address)
	return ap.Port()
}
