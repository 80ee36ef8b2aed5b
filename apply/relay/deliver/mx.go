package deliver

import (
	"context"
	"errors"
	"iter"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/mailrelay/mailrelay/schema"
)

// hopMost bounds the addresses that one connection attempt goes through.
const hopMost = 10

// hop is one address to which mail may go.
type hop struct {
	host string // the name by which it was found; an address for an address
	addr netip.AddrPort
}

// place is a host, with its addresses in the order in which they are tried.
type place struct {
	host string
	at   []netip.AddrPort
}

// places are the hosts to try in order, found as they are asked for. In place of
// one there may be the reason why it, or all of them, cannot be tried.
type places = iter.Seq2[place, *outcome]

// Resolver is what delivery asks of DNS. *net.Resolver is one. Names with dots come
// with the final one. An error that is a
// *net.DNSError with IsNotFound says that a name has no such records; any other
// error is trouble that will pass.
type Resolver interface {
	LookupMX(ctx context.Context, name string) ([]*net.MX, error)
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// finder finds next hops.
type finder struct {
	dns  Resolver
	self []string     // our own host names
	own  []netip.Addr // our own addresses
}

// smart gives the places of smart hosts, in their order.
func (f *finder) smart(ctx context.Context, hosts []string, port uint16) places {
	return func(yield func(place, *outcome) bool) {
		for _, s := range hosts {
			host, p := splitHost(s, port)
			addrs, o := f.addresses(ctx, host)
			if o != nil {
				if o.kind == refused { // a name in our own configuration: somebody will correct it
					o.kind, o.status = deferred, "4.4.4"
					o.text = "the smart host " + host + " has no address in DNS"
				}
				if !yield(place{}, o) {
					return
				}
				continue
			}
			if !yield(newPlace(host, addrs, p), nil) {
				return
			}
		}
	}
}

// port is that of all the addresses.
func (p place) port() uint16 { return p.at[0].Port() }

func newPlace(host string, addrs []netip.Addr, port uint16) place {
	p := place{host: host}
	for _, a := range interleave(addrs) {
		p.at = append(p.at, netip.AddrPortFrom(a, port))
	}
	return p
}

// splitHost cuts host[:port].
func splitHost(s string, port uint16) (string, uint16) {
	if host, digits, err := net.SplitHostPort(s); err == nil {
		if n, err := strconv.ParseUint(digits, 10, 16); err == nil {
			return host, uint16(n)
		}
	}
	return strings.Trim(s, "[]"), port
}

// byMX gives the places of a mail domain (RFC 5321, 5.1).
func (f *finder) byMX(ctx context.Context, domain string, port uint16) places {
	return func(yield func(place, *outcome) bool) {
		hosts, o := f.exchangers(ctx, domain)
		if o != nil {
			yield(place{}, o)
			return
		}
		n, tried := 0, false
		for _, host := range hosts {
			addrs, o := f.addresses(ctx, host)
			if o != nil {
				if o.kind == refused && host != domain {
					// Another exchanger may do; if none does, DNS may be half edited.
					o = &outcome{kind: deferred, status: "4.4.4", text: "the mail exchanger " + host + " of " + domain + " has no address"}
				}
				if !yield(place{}, o) {
					return
				}
				tried = true
				continue
			}
			if slices.ContainsFunc(addrs, func(a netip.Addr) bool { return slices.Contains(f.own, a) }) {
				if !tried { // what is behind us leads back to us
					yield(place{}, loop(domain))
				}
				return
			}
			addrs = addrs[:min(len(addrs), hopMost-n)]
			n += len(addrs)
			if !yield(newPlace(host, addrs, port), nil) || n == hopMost {
				return
			}
			tried = true
		}
	}
}

// exchangers gives the hosts for a domain, best first, or the reason why there
// are none.
func (f *finder) exchangers(ctx context.Context, domain string) ([]string, *outcome) {
	if strings.HasPrefix(domain, "[") || domain == "" {
		return []string{domain}, nil
	}
	if underInvalid(domain) {
		o := local(refused, "5.1.2", "the domain "+domain+" does not exist (RFC 2606)")
		return nil, &o
	}
	records, err := f.dns.LookupMX(ctx, absolute(domain))
	if err != nil && !notFound(err) && len(records) == 0 {
		o := local(deferred, "4.4.3", "asking DNS for the mail exchangers of "+domain+": "+printable(err.Error()))
		return nil, &o
	}
	if len(records) == 1 && strings.TrimSuffix(records[0].Host, ".") == "" {
		o := local(refused, "5.1.10", "the domain "+domain+" takes no mail (null MX, RFC 7505)")
		return nil, &o
	}
	// Proofs of ownership like <token>.msv1.invalid route nothing.
	records = slices.DeleteFunc(slices.Clone(records), func(mx *net.MX) bool {
		return underInvalid(strings.TrimSuffix(mx.Host, ".")) || mx.Host == "."
	})
	slices.SortStableFunc(records, func(a, b *net.MX) int { return int(a.Pref) - int(b.Pref) })
	var hosts []string
	ours := -1
	for _, mx := range records {
		host := strings.ToLower(strings.TrimSuffix(mx.Host, "."))
		if ours < 0 && slices.Contains(f.self, host) {
			ours = int(mx.Pref)
		}
		hosts = append(hosts, host)
	}
	switch {
	case len(hosts) == 0:
		return []string{domain}, nil
	case ours < 0:
		return hosts, nil
	}
	better := slices.IndexFunc(records, func(mx *net.MX) bool { return int(mx.Pref) >= ours })
	if better == 0 {
		return nil, loop(domain)
	}
	return hosts[:better], nil
}

// loop says that the best exchanger of a domain is this relay.
func loop(domain string) *outcome {
	o := local(refused, "5.4.6", "mail for "+domain+" leads back to this relay: its best mail exchanger is ourselves")
	return &o
}

// addresses gives the addresses of a host, an address or an address literal.
func (f *finder) addresses(ctx context.Context, host string) ([]netip.Addr, *outcome) {
	lit := strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	if len(lit) > 5 && strings.EqualFold(lit[:5], "IPv6:") {
		lit = lit[5:]
	}
	if a, err := netip.ParseAddr(lit); err == nil {
		return []netip.Addr{a.Unmap()}, nil
	}
	addrs, err := f.dns.LookupNetIP(ctx, "ip", absolute(host))
	switch {
	case err != nil && !notFound(err):
		o := local(deferred, "4.4.3", "asking DNS for the addresses of "+host+": "+printable(err.Error()))
		return nil, &o
	case len(addrs) == 0:
		o := local(refused, "5.1.2", "the domain "+host+" has neither a mail exchanger nor an address in DNS")
		return nil, &o
	}
	out := make([]netip.Addr, len(addrs))
	for i, a := range addrs {
		out[i] = a.Unmap()
	}
	return out, nil
}

// absolute keeps the system's search list away from a name with dots: a domain
// without MX records must not get those that a wildcard gives
// fabrikam.com.corp.contoso.com.
func absolute(name string) string {
	if strings.Contains(name, ".") {
		return name + "."
	}
	return name
}

func notFound(err error) bool {
	var dns *net.DNSError
	return errors.As(err, &dns) && dns.IsNotFound
}

func underInvalid(name string) bool {
	return name == "invalid" || strings.HasSuffix(strings.ToLower(name), ".invalid")
}

// route gives the places of a next hop: a domain, or the connector's smart hosts.
func (f *finder) route(ctx context.Context, s *schema.SendConnector, domain string) places {
	if len(s.SmartHosts) > 0 {
		return f.smart(ctx, s.SmartHosts, s.Port)
	}
	return f.byMX(ctx, domain, s.Port)
}
