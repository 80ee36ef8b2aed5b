package observe

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"

	"github.com/miekg/dns"

	"github.com/mailrelay/mailrelay/plan"
	"github.com/mailrelay/mailrelay/schema"
)

// round is the servers of one call. Zones that share a server share its limits.
type round struct {
	c       *Client
	mu      sync.Mutex
	servers map[string]*server // by name and addresses
	hosts   map[string]func() ([]string, error)
	known   *server // the resolvers
}

func (c *Client) begin() *round {
	return &round{c: c, servers: map[string]*server{}, hosts: map[string]func() ([]string, error){}}
}

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
		if len(addrs) == 0 {
			return nil, errors.New("there are no resolvers to ask: name some in the mailrelay block, resolvers = [\"192.0.2.53\"]")
		}
		r.known = &server{addrs: addrs, any: true}
	}
	return r.known, nil
}

// of gives the authoritative servers of a zone: those that the configuration names,
// or its NS set as the resolvers give it, or else as the zone above delegates it.
func (r *round) of(ctx context.Context, z *schema.Zone) ([]*server, error) {
	if len(z.Servers) > 0 {
		var out []*server
		for _, h := range z.Servers {
			out = append(out, r.host(ctx, h)...)
		}
		return out, nil
	}
	found, err := r.names(ctx, z.Name)
	if err != nil {
		return nil, err
	}
	var out []*server
	for _, n := range found {
		if len(n.glue) > 0 {
			out = append(out, r.faces(n.host, n.glue)...)
			continue
		}
		out = append(out, r.host(ctx, net.JoinHostPort(n.host, "53"))...)
	}
	return out, nil
}

// nameserver is one of a zone's NS set.
type nameserver struct {
	host string   // lower case, without the final dot
	glue []string // address:53, where only the delegation gives them
}

// names gives the NS set of a zone.
func (r *round) names(ctx context.Context, zone string) ([]nameserver, error) {
	records, err := r.lookup(ctx, zone, dns.TypeNS)
	out := nameservers(records, nil, zone)
	if len(out) > 0 {
		return out, nil
	}
	if code(err) == plan.Silent || code(err) == plan.Unreachable {
		return nil, fmt.Errorf("looking for the name servers of %s: %w", zone, err)
	}
	out, above := r.delegated(ctx, zone)
	switch {
	case len(out) > 0:
		return out, nil
	case err != nil:
		return nil, fmt.Errorf("looking for the name servers of %s: %w, and %w", zone, err, above)
	}
	return nil, fmt.Errorf("the resolvers know no name servers of %s, and %w: check that the zone is delegated, or name its servers with servers = [...]", zone, above)
}

// nameservers reads the NS set of a zone, sorted, and what glue gives their
// addresses.
func nameservers(records, glue []dns.RR, zone string) []nameserver {
	var out []nameserver
	for _, rec := range records {
		ns, ok := rec.(*dns.NS)
		if !ok || !strings.EqualFold(ns.Hdr.Name, dns.Fqdn(zone)) {
			continue
		}
		n := nameserver{host: strings.ToLower(strings.TrimSuffix(ns.Ns, "."))}
		for _, g := range glue {
			if strings.EqualFold(g.Header().Name, ns.Ns) {
				n.glue = append(n.glue, addresses([]dns.RR{g}, "53")...)
			}
		}
		out = append(out, n)
	}
	slices.SortFunc(out, func(a, b nameserver) int { return strings.Compare(a.host, b.host) })
	return slices.CompactFunc(out, func(a, b nameserver) bool { return a.host == b.host })
}

func addresses(records []dns.RR, port string) []string {
	var out []string
	for _, rec := range records {
		switch rec := rec.(type) {
		case *dns.A:
			out = append(out, net.JoinHostPort(rec.A.String(), port))
		case *dns.AAAA:
			out = append(out, net.JoinHostPort(rec.AAAA.String(), port))
		}
	}
	return out
}

// host gives the server at host:port, where host may be a name or an address, once
// for each family of its addresses. One whose address is not to be found is lost:
// every question to it fails.
func (r *round) host(ctx context.Context, hostport string) []*server {
	host, _, _ := net.SplitHostPort(hostport)
	addrs, err := r.addresses(ctx, hostport)
	switch _, literal := netip.ParseAddr(host); {
	case err != nil:
		return []*server{{name: dns.Fqdn(cmp.Or(host, hostport)), lost: err}}
	case literal == nil:
		return []*server{r.server("", addrs)}
	}
	return r.faces(host, addrs)
}

// faces gives a server with addresses of both families as two: each family is asked.
func (r *round) faces(host string, addrs []string) []*server {
	var out []*server
	for _, f := range []string{"IPv4", "IPv6"} {
		var of []string
		for _, a := range addrs {
			if family(a) == f {
				of = append(of, a)
			}
		}
		if len(of) > 0 {
			out = append(out, r.server(dns.Fqdn(host), of))
		}
	}
	return out
}

// family is the family of address:port.
func family(addr string) string {
	if a, err := netip.ParseAddrPort(addr); err == nil && a.Addr().Unmap().Is4() {
		return "IPv4"
	}
	return "IPv6"
}

// addresses gives the addresses, address:port, of host:port, IPv4 first since IPv6
// is more often out of order. They are looked up once in a round.
func (r *round) addresses(ctx context.Context, hostport string) ([]string, error) {
	r.mu.Lock()
	once := r.hosts[hostport]
	if once == nil {
		once = sync.OnceValues(func() ([]string, error) { return r.resolve(ctx, hostport) })
		r.hosts[hostport] = once
	}
	r.mu.Unlock()
	return once()
}

func (r *round) resolve(ctx context.Context, hostport string) ([]string, error) {
	host, port, err := net.SplitHostPort(hostport)
	if err != nil {
		return nil, err
	}
	if _, err := netip.ParseAddr(host); err == nil {
		return []string{hostport}, nil
	}
	var addrs []string
	var failed error
	for _, code := range []uint16{dns.TypeA, dns.TypeAAAA} {
		records, err := r.lookup(ctx, host, code)
		failed = cmp.Or(failed, err)
		addrs = append(addrs, addresses(records, port)...)
	}
	switch {
	case len(addrs) > 0:
		return addrs, nil
	case failed != nil:
		return nil, &failure{plan.Lost, fmt.Errorf("its address could not be found: %w", failed)}
	}
	return nil, &failure{plan.Lost, fmt.Errorf("it has no address in DNS: correct the name where it is given, in an NS record, in servers or in update, or write servers = [...] into the zone")}
}

// lookup asks the resolvers. A name that does not exist has no records.
func (r *round) lookup(ctx context.Context, name string, code uint16) ([]dns.RR, error) {
	s, err := r.resolver()
	if err != nil {
		return nil, err
	}
	a, addr, err := s.ask(ctx, r.c, ask(name, code, true), attempt{})
	if err != nil {
		return nil, fmt.Errorf("the resolver %s: %w", addr, err)
	}
	if a.Rcode != dns.RcodeSuccess && a.Rcode != dns.RcodeNameError {
		return nil, &failure{dns.RcodeToString[a.Rcode], fmt.Errorf("the resolver %s answered %s", addr, dns.RcodeToString[a.Rcode])}
	}
	return a.Answer, nil
}
