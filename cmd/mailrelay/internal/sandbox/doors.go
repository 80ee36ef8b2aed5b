package sandbox

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"sync"
)

// doors are the listeners of the relay: each on a free port of loopback, whatever
// address it was asked for, and each believing what a client of the sandbox
// claims to be.
type doors struct {
	mu     sync.Mutex
	open   map[string]*door      // by the address that was asked for
	claims map[string]netip.Addr // by the client's end of the connection
}

func newDoors() *doors { return &doors{open: map[string]*door{}, claims: map[string]netip.Addr{}} }

// door is one listener.
type door struct {
	net.Listener
	doors *doors
	asked string
}

// Listen opens a door for the relay.
func (w *World) Listen(ctx context.Context, network, address string) (net.Listener, error) {
	if network == "unix" {
		return new(net.ListenConfig).Listen(ctx, network, address)
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	d := &door{l, w.doors, address}
	w.doors.mu.Lock()
	defer w.doors.mu.Unlock()
	w.doors.open[address] = d
	return d, nil
}

// Doors says where each listener of the relay really is.
func (w *World) Doors() map[string]string {
	w.doors.mu.Lock()
	defer w.doors.mu.Unlock()
	out := map[string]string{}
	for asked, d := range w.doors.open {
		out[asked] = d.Addr().String()
	}
	return out
}

// Accept gives the connection the ends that it claims to have.
func (d *door) Accept() (net.Conn, error) {
	c, err := d.Listener.Accept()
	if err != nil {
		return nil, err
	}
	d.doors.mu.Lock()
	defer d.doors.mu.Unlock()
	from := netip.MustParseAddrPort(c.RemoteAddr().String())
	if claim, ok := d.doors.claims[c.RemoteAddr().String()]; ok {
		from = netip.AddrPortFrom(claim, from.Port())
		delete(d.doors.claims, c.RemoteAddr().String())
	}
	to, err := netip.ParseAddrPort(d.asked)
	if err != nil {
		return nil, fmt.Errorf("the relay listens at %q: %w", d.asked, err)
	}
	if to.Addr().IsUnspecified() {
		to = netip.AddrPortFrom(netip.MustParseAddr("192.0.2.1"), to.Port())
		if from.Addr().Is6() {
			to = netip.AddrPortFrom(netip.MustParseAddr("2001:db8::1"), to.Port())
		}
	}
	return claimed{c, net.TCPAddrFromAddrPort(to), net.TCPAddrFromAddrPort(from)}, nil
}

// claimed is a connection with other ends than it has.
type claimed struct {
	net.Conn
	local, remote net.Addr
}

func (c claimed) LocalAddr() net.Addr  { return c.local }
func (c claimed) RemoteAddr() net.Addr { return c.remote }

// enter connects to the relay's listener at binding as the client at from.
func (w *World) enter(ctx context.Context, binding string, from netip.Addr) (net.Conn, error) {
	w.doors.mu.Lock()
	defer w.doors.mu.Unlock() // the claim is there before the listener can look
	d := w.doors.open[binding]
	if d == nil {
		return nil, fmt.Errorf("the relay does not listen at %s", binding)
	}
	c, err := new(net.Dialer).DialContext(ctx, "tcp", d.Addr().String())
	if err != nil {
		return nil, err
	}
	w.doors.claims[c.LocalAddr().String()] = from
	return c, nil
}
