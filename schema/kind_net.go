package schema

import (
	"fmt"
	"net/netip"
	"strings"

	"go4.org/netipx"
)

// Address is an IP address.
func Address() Kind {
	return scalar{"an IP address", func(s string) (string, error) {
		a, err := netip.ParseAddr(s)
		if err != nil || a.Zone() != "" {
			return "", fmt.Errorf("%q is not an IP address: write it like 203.0.113.25 or 2001:db8::25", s)
		}
		return a.Unmap().String(), nil
	}}
}

// IPRange is an address, a network in CIDR form, or low-high.
func IPRange() Kind {
	return scalar{"an address, a network like 10.20.0.0/24, or a range like 10.20.0.5-10.20.0.9", func(s string) (string, error) {
		r, err := ParseRange(s)
		if err != nil {
			return "", err
		}
		return FormatRange(r), nil
	}}
}

// ParseRange reads an address, a network or low-high. IPv4 in IPv6 is IPv4.
func ParseRange(s string) (netipx.IPRange, error) {
	if low, high, ok := strings.Cut(s, "-"); ok {
		a, err1 := netip.ParseAddr(strings.TrimSpace(low))
		b, err2 := netip.ParseAddr(strings.TrimSpace(high))
		r := netipx.IPRangeFrom(a.Unmap(), b.Unmap())
		switch {
		case err1 != nil || err2 != nil:
			return r, fmt.Errorf("%q is not a range: write two addresses like 10.20.0.5-10.20.0.9", s)
		case !r.IsValid():
			return r, fmt.Errorf("%q is not a range: the first address must not be above the second, and both of one family", s)
		}
		return r, nil
	}
	if strings.Contains(s, "/") {
		p, err := netip.ParsePrefix(s)
		if err != nil {
			return netipx.IPRange{}, fmt.Errorf("%q is not a network: write it like 10.20.0.0/24", s)
		}
		if p.Masked() != p {
			return netipx.IPRange{}, fmt.Errorf("%q has host bits set: write %s for the network or %s for the one address", s, p.Masked(), p.Addr())
		}
		if p.Addr().Is4In6() {
			return netipx.IPRange{}, fmt.Errorf("%q is IPv4 inside IPv6: write the IPv4 network", s)
		}
		return netipx.RangeOfPrefix(p), nil
	}
	a, err := netip.ParseAddr(s)
	if err != nil || a.Zone() != "" {
		return netipx.IPRange{}, fmt.Errorf("%q is not an address: write one like 10.20.0.9, a network like 10.20.0.0/24, or a range like 10.20.0.5-10.20.0.9", s)
	}
	return netipx.IPRangeFrom(a.Unmap(), a.Unmap()), nil
}

// FormatRange writes r in its shortest form.
func FormatRange(r netipx.IPRange) string {
	if r.From() == r.To() {
		return r.From().String()
	}
	if p, ok := r.Prefix(); ok {
		return p.String()
	}
	return r.String()
}

// Binding is where a listener listens: address:port, or unix:/path.
func Binding() Kind {
	return scalar{"an address and port like 0.0.0.0:25, or unix:/path", func(s string) (string, error) {
		if p, ok := strings.CutPrefix(s, "unix:"); ok && absolute(p) {
			return s, nil
		}
		ap, err := netip.ParseAddrPort(s)
		if err != nil || ap.Port() == 0 {
			return "", fmt.Errorf("%q is not a binding: write an address and a port like 0.0.0.0:25 or [::]:25", s)
		}
		return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port()).String(), nil
	}}
}
