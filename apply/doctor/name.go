package doctor

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"

	"github.com/mailrelay/mailrelay/plan/check"
	"github.com/mailrelay/mailrelay/schema"
)

// names looks whether each egress address has a name that leads back to it.
func (o Options) names(c *schema.Config) []look {
	var out []look
	egress(c, func(relay *schema.Relay, a netip.Addr) {
		out = append(out, func(ctx context.Context) Result {
			r := Result{Check: "address_name", Subject: a.String(), Status: Wrong, Address: relay.Addr().String()}
			found, err := o.Resolver.LookupAddr(ctx, a.String())
			switch {
			case absent(err) || err == nil && len(found) == 0:
				r.Text = "It has no PTR record, and many hosts refuse mail from such an address. Have whoever the address is from name it " + relay.Hostname + "."
				return r
			case err != nil:
				r.Status, r.Text = Unknown, sentence(err.Error())
				return r
			}
			slices.Sort(found)
			for _, name := range found {
				addrs, err := o.Resolver.LookupNetIP(ctx, "ip", name)
				if err != nil && !absent(err) {
					r.Status, r.Text = Unknown, sentence(err.Error())
					return r
				}
				if slices.ContainsFunc(addrs, func(x netip.Addr) bool { return x.Unmap() == a.Unmap() }) {
					r.Status, r.Text = OK, "Its name is "+strings.TrimSuffix(name, ".")+", which leads back to it."
					return r
				}
			}
			r.Text = fmt.Sprintf("Its name is %s, which does not lead back to it, and hosts that compare the two refuse it. Let the PTR record name %s, and give that the address.", strings.TrimSuffix(found[0], "."), relay.Hostname)
			return r
		})
	})
	return out
}

// listed looks whether an egress address is on a block list (RFC 5782).
func (o Options) listed(c *schema.Config) []look {
	var out []look
	for _, list := range o.BlockLists {
		list = strings.Trim(list, ".")
		egress(c, func(relay *schema.Relay, a netip.Addr) {
			out = append(out, func(ctx context.Context) Result {
				r := Result{Check: "block_list", Subject: a.String() + " on " + list, Address: relay.Addr().String()}
				name := reversed(a) + list + "."
				found, err := o.Resolver.LookupNetIP(ctx, "ip4", name)
				switch {
				case absent(err) || err == nil && len(found) == 0:
					r.Status, r.Text = OK, "It is not listed."
				case err != nil:
					r.Status, r.Text = Unknown, sentence(err.Error())
				case !slices.ContainsFunc(found, func(x netip.Addr) bool { return netip.MustParsePrefix("127.0.0.0/16").Contains(x.Unmap()) }):
					r.Status, r.Text = Unknown, fmt.Sprintf("The list answers %s, which is no listing: such lists refuse big public resolvers. Name another resolver with resolvers in the mailrelay block.", found[0])
				default:
					r.Status = Wrong
					why, err := o.Resolver.LookupTXT(ctx, name)
					if err != nil {
						why = nil
					}
					slices.Sort(why)
					r.Text = said(fmt.Sprintf("It is listed (%s).", found[0]), sentence(strings.Join(why, " ")), "Find out who sent spam through it (mailrelay audit), stop that, and ask the list to take it out.")
				}
				return r
			})
		})
	}
	return out
}

// reversed is an address as block lists have it, with the final dot.
func reversed(a netip.Addr) string {
	name := check.Reverse(a)
	return strings.TrimSuffix(strings.TrimSuffix(name, "in-addr.arpa."), "ip6.arpa.")
}

// absent reports whether a lookup found out for certain that there is nothing.
func absent(err error) bool {
	var dns *net.DNSError
	return errors.As(err, &dns) && dns.IsNotFound
}
