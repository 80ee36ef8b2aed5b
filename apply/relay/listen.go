package relay

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"syscall"
)

// place is where a listener listens.
type place struct{ network, address string }

func (p place) String() string {
	if p.network == "unix" {
		return "unix:" + p.address
	}
	return p.address
}

// places are the listeners that a set of bindings needs. A wildcard takes in the
// specific addresses on its port, because the system does not bind both: the
// policy tells them apart by the local address. IPv4 and IPv6 are separate.
func places(bindings []string) []place {
	wild := map[place]bool{}
	var all []netip.AddrPort
	var out []place
	for _, b := range bindings {
		if path, ok := strings.CutPrefix(b, "unix:"); ok {
			out = append(out, place{"unix", path})
			continue
		}
		ap, err := netip.ParseAddrPort(b)
		if err != nil {
			continue // decide.Compile has refused it
		}
		all = append(all, ap)
		if ap.Addr().IsUnspecified() {
			wild[place{network(ap), fmt.Sprint(ap.Port())}] = true
		}
	}
	for _, ap := range all {
		if ap.Addr().IsUnspecified() || !wild[place{network(ap), fmt.Sprint(ap.Port())}] {
			out = append(out, place{network(ap), ap.String()})
		}
	}
	slices.SortFunc(out, func(a, b place) int { return strings.Compare(a.String(), b.String()) })
	return slices.Compact(out)
}

func network(ap netip.AddrPort) string {
	if ap.Addr().Is4() {
		return "tcp4"
	}
	return "tcp6"
}

// clash reports whether p and q cannot be open at the same time.
func clash(p, q place) bool {
	if p == q || p.network != q.network || p.network == "unix" {
		return false
	}
	a, b := netip.MustParseAddrPort(p.address), netip.MustParseAddrPort(q.address)
	return a.Port() == b.Port() && (a.Addr().IsUnspecified() || b.Addr().IsUnspecified())
}

// listeners are the open ones of a node. Only its main goroutine uses them.
type listeners struct {
	listen func(ctx context.Context, network, address string) (net.Listener, error)
	accept func(net.Listener, place) // takes the connections, in a goroutine of its own
	open   map[place]net.Listener
}

// change opens what want needs beyond what is open, and then closes what it does
// not need. On an error everything is as before.
func (l *listeners) change(ctx context.Context, want []place) error {
	fresh := map[place]net.Listener{}
	var moved []place // closed early, because something new needs their port
	var err error
	for _, p := range want {
		if l.open[p] != nil {
			continue
		}
		for q, old := range l.open {
			if clash(p, q) {
				old.Close()
				delete(l.open, q)
				moved = append(moved, q)
			}
		}
		var one net.Listener
		if one, err = l.one(ctx, p); err != nil {
			break
		}
		if one != nil {
			fresh[p] = one
		}
	}
	if err != nil {
		for _, one := range fresh {
			one.Close()
		}
		return errors.Join(err, l.reopen(ctx, moved))
	}
	for p, old := range l.open {
		if !slices.Contains(want, p) {
			old.Close()
			delete(l.open, p)
		}
	}
	for p, one := range fresh {
		l.open[p] = one
		go l.accept(one, p)
	}
	return nil
}

// reopen takes back what change closed early.
func (l *listeners) reopen(ctx context.Context, moved []place) (err error) {
	for _, p := range moved {
		one, e := l.one(ctx, p)
		if err = errors.Join(err, e); one != nil {
			l.open[p] = one
			go l.accept(one, p)
		}
	}
	return err
}

// one opens a listener. It is nil, without an error, for [::] on a machine that
// has no IPv6, and for what another listener covers.
func (l *listeners) one(ctx context.Context, p place) (net.Listener, error) {
	one, err := l.listen(ctx, p.network, p.address)
	if err != nil && p.network == "unix" && abandoned(ctx, p.address) {
		if os.Remove(p.address) == nil {
			one, err = l.listen(ctx, p.network, p.address)
		}
	}
	if err == nil {
		return one, nil
	}
	if errors.Is(err, ErrCovered) {
		return nil, nil
	}
	if strings.HasPrefix(p.address, "[::]:") && (errors.Is(err, syscall.EAFNOSUPPORT) || errors.Is(err, syscall.EADDRNOTAVAIL)) {
		return nil, nil
	}
	return nil, fmt.Errorf("listen on %s: %w", p, err)
}

// abandoned reports whether a Unix socket is there of which nobody listens any
// more.
func abandoned(ctx context.Context, path string) bool {
	if fi, err := os.Lstat(path); err != nil || fi.Mode()&os.ModeSocket == 0 {
		return false
	}
	c, err := new(net.Dialer).DialContext(ctx, "unix", path)
	if err == nil {
		c.Close()
	}
	return errors.Is(err, syscall.ECONNREFUSED)
}

// names lists the open listeners by the addresses they have, sorted.
func (l *listeners) names() []string {
	var out []string
	for p, one := range l.open {
		if p.network == "unix" {
			out = append(out, p.String())
			continue
		}
		out = append(out, one.Addr().String())
	}
	slices.Sort(out)
	return out
}

// close closes all.
func (l *listeners) close() {
	for _, p := range slices.Collect(maps.Keys(l.open)) {
		l.open[p].Close()
		delete(l.open, p)
	}
}
