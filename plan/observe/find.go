package observe

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"

	"github.com/miekg/dns"

	"github.com/mailrelay/mailrelay/schema"
)

// round is the servers of one call. Zones that share a server share its limits.
type round struct {
	c       *Client
	mu      sync.Mutex
	servers map[string]*server // by name and addresses
	known   *server            // the resolvers
}

func (c *Client) begin() *round { return &round{c: c, servers: map[string]*server{}} }

// end closes what the round opened.
func (r *round) end() {
	for _, s := range r.servers {
		s.close()
	}
	if r.known != nil {
		r.known.close()
	}
}

// server gives the server with that name and those addresses.
func (r *round) server(name string, addrs []string) *server {
	key := name + " " + strings.Join(addrs, " ")
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.servers[key]
	if s == nil {
		s = &server{name: name, addrs: addrs}
		r.servers[key] = s
	}
	return s
}

// resolver gives the resolvers, as one server with many addresses.
func (r *round) resolver() (*server, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.known == nil {
		addrs, err := r.c.resolvers()
		if err != nil {
			return nil, err
		}
		r.known = &server{addrs: addrs, any: true}
	}
	return r.known, nil
}

// of gives the authoritative servers of a zone.
func (r *round) of(ctx context.Context, z *schema.Zone) ([]*server, error) {
	hosts := z.Servers
	if len(hosts) == 0 {
		names, err := r.names(ctx, z.Name)
		if err != nil {
			return nil, err
		}
		hosts = names
	}
	out := make([]*server, len(hosts))
	for i, h := range hosts {
		out[i] = r.host(ctx, h)
	}
	return out, nil
}

// names gives the NS set of a zone as host:53.
func (r *round) names(ctx context.Context, zone string) ([]string, error) {
	records, err := r.lookup(ctx, zone, dns.TypeNS)
	if err != nil {
		return nil, fmt.Errorf("looking for the name servers of %s: %w", zone, err)
	}
	var out []string
	for _, rec := range records {
		if ns, ok := rec.(*dns.NS); ok && strings.EqualFold(ns.Hdr.Name, dns.Fqdn(zone)) {
			out = append(out, net.JoinHostPort(strings.ToLower(strings.TrimSuffix(ns.Ns, ".")), "53"))
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("the resolvers know no name servers of %s: check that the zone is delegated, or name its servers with servers = [...]", zone)
	}
	slices.Sort(out)
	return out, nil
}

// host gives the server at host:port, where host may be a name or an address. One
// whose address is not to be found is lost: every question to it fails.
func (r *round) host(ctx context.Context, hostport string) *server {
	host, port, err := net.SplitHostPort(hostport)
	if err != nil {
		return &server{name: hostport, lost: err}
	}
	if _, err := netip.ParseAddr(host); err == nil {
		return r.server("", []string{hostport})
	}
	var addrs []string
	var failed error
	for _, code := range []uint16{dns.TypeA, dns.TypeAAAA} { // IPv4 first: IPv6 is more often out of order
		records, err := r.lookup(ctx, host, code)
		failed = cmp.Or(failed, err)
		for _, rec := range records {
			switch rec := rec.(type) {
			case *dns.A:
				addrs = append(addrs, net.JoinHostPort(rec.A.String(), port))
			case *dns.AAAA:
				addrs = append(addrs, net.JoinHostPort(rec.AAAA.String(), port))
			}
		}
	}
	switch {
	case len(addrs) > 0:
		return r.server(dns.Fqdn(host), addrs)
	case failed != nil:
		return &server{name: dns.Fqdn(host), lost: fmt.Errorf("its address could not be found: %w", failed)}
	}
	return &server{name: dns.Fqdn(host), lost: fmt.Errorf("it has no address in DNS: correct the name where it is given, in an NS record, in servers or in update, or write servers = [...] into the zone")}
}

// lookup asks the resolvers. A name that does not exist has no records.
func (r *round) lookup(ctx context.Context, name string, code uint16) ([]dns.RR, error) {
	s, err := r.resolver()
	if err != nil {
		return nil, err
	}
	a, addr, err := s.ask(ctx, r.c, ask(name, code, true))
	if err != nil {
		return nil, fmt.Errorf("the resolver %s: %w", addr, err)
	}
	if a.Rcode != dns.RcodeSuccess && a.Rcode != dns.RcodeNameError {
		return nil, fmt.Errorf("the resolver %s answered %s", addr, dns.RcodeToString[a.Rcode])
	}
	return a.Answer, nil
}
