package observe

import (
	"context"
	"fmt"
	"net"
	"strings"

	"github.com/miekg/dns"

	"github.com/mailrelay/mailrelay/schema"
)

// Primary gives the address, host:53, of the server that a zone's SOA record
// names as its origin (MNAME, RFC 1035, 3.3.13), which is where updates go. The
// first server of the zone that answers is believed.
func (c *Client) Primary(ctx context.Context, z *schema.Zone) (string, error) {
	r := c.begin()
	defer r.end()
	servers, err := r.of(ctx, z)
	if err != nil {
		return "", err
	}
	for _, s := range servers {
		a, addr, failed := s.ask(ctx, c, ask(z.Name, dns.TypeSOA, false), attempt{})
		if failed != nil {
			err = fmt.Errorf("%s: %w", s.source(addr), failed)
			continue
		}
		for _, rec := range a.Answer {
			if soa, ok := rec.(*dns.SOA); ok && a.Authoritative {
				return net.JoinHostPort(strings.ToLower(strings.TrimSuffix(soa.Ns, ".")), "53"), nil
			}
		}
		err = fmt.Errorf("%s has no SOA record of %s", s.source(addr), z.Name)
	}
	return "", fmt.Errorf("looking for the primary server of %s: %w; name it with server = \"host\" in update \"rfc2136\"", z.Name, err)
}

// Addresses gives the addresses, address:port, of host:port. An address is its
// own.
func (c *Client) Addresses(ctx context.Context, hostport string) ([]string, error) {
	r := c.begin()
	defer r.end()
	addrs, err := r.addresses(ctx, hostport)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", hostport, err)
	}
	return addrs, nil
}
