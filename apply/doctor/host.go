package doctor

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"github.com/mailrelay/mailrelay/apply/relay/deliver"
	"github.com/mailrelay/mailrelay/schema"
)

// soon is how long before its end a certificate of a next hop is wrong already: by
// then whoever renews it by a program has done so.
const soon = 7 * 24 * time.Hour

// smartHosts looks at each smart host of each send connector that is used.
func (o Options) smartHosts(c *schema.Config) []look {
	var out []look
	for _, s := range schema.All[*schema.SendConnector](c) {
		relay := user(c, s)
		if !s.Enabled || relay == nil {
			continue
		}
		for _, h := range s.SmartHosts {
			out = append(out, func(ctx context.Context) Result {
				return o.host(ctx, "smart_host", s, name(s, relay), h, s.Port)
			})
		}
	}
	return out
}

// openPorts looks at the hosts to which port 25 should be open. Where the
// configuration delivers by MX and none is named, nobody knows.
func (o Options) openPorts(c *schema.Config) []look {
	var out []look
	plain := &schema.SendConnector{TLS: schema.SendTLS{Mode: "opportunistic", Verify: "none"}}
	helo := "localhost"
	if all := schema.All[*schema.Relay](c); len(all) > 0 {
		helo = all[0].Hostname
	}
	for _, h := range o.Port25 {
		out = append(out, func(ctx context.Context) Result { return o.host(ctx, "port_25", plain, helo, h, 25) })
	}
	if out != nil {
		return out
	}
	for _, s := range schema.All[*schema.SendConnector](c) {
		if s.Enabled && len(s.SmartHosts) == 0 && user(c, s) != nil {
			out = append(out, func(context.Context) Result {
				return Result{Check: "port_25", Subject: "not looked at", Status: Unknown, Address: s.Addr().String(),
					Text: "It delivers by MX, which needs port 25 to hosts everywhere, and none was named to try: give one with -port25=HOST, such as an MX of a domain that you write to."}
			})
			break
		}
	}
	return out
}

// user is the first relay that uses a connector, nil if none does.
func user(c *schema.Config, s *schema.SendConnector) *schema.Relay {
	for _, r := range schema.All[*schema.Relay](c) {
		if s.Relays == nil || slices.Contains(s.Relays, r.Addr()) {
			return r
		}
	}
	return nil
}

func name(s *schema.SendConnector, r *schema.Relay) string {
	if s.HELO != "" {
		return s.HELO
	}
	return r.Hostname
}

// host looks at a host, at one address after the other until one takes mail.
func (o Options) host(ctx context.Context, check string, s *schema.SendConnector, helo, hostport string, port uint16) Result {
	r := Result{Check: check, Subject: hostport, Status: Wrong}
	if !s.Addr().IsZero() {
		r.Address = s.Addr().String()
	}
	host := hostport
	if h, p, err := net.SplitHostPort(hostport); err == nil {
		n, err := strconv.ParseUint(p, 10, 16)
		if err != nil {
			r.Text = fmt.Sprintf("%q is no port.", p)
			return r
		}
		host, port = h, uint16(n)
	}
	addrs, err := o.addresses(ctx, host)
	if err != nil {
		r.Text = said(sentence(err.Error()), "Correct the name, or look why DNS does not know it.")
		return r
	}
	var failed string
	for _, a := range addrs {
		seen := deliver.Look(ctx, o.Deliver, s, helo, host, netip.AddrPortFrom(a.Unmap(), port))
		if seen.Err == "" {
			return o.met(r, s, seen)
		}
		failed = seen.Err
	}
	r.Text = said(sentence(failed), o.advice(check, s))
	return r
}

func (o Options) addresses(ctx context.Context, host string) ([]netip.Addr, error) {
	if a, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{a}, nil
	}
	addrs, err := o.Resolver.LookupNetIP(ctx, "ip", host)
	if err == nil && len(addrs) == 0 {
		err = fmt.Errorf("%s has no address", host)
	}
	slices.SortFunc(addrs, netip.Addr.Compare)
	return addrs, err
}

func (o Options) advice(check string, s *schema.SendConnector) string {
	if check == "port_25" {
		return "Many providers and firewalls close port 25 going out: have it opened for the egress address, or send by a smart host."
	}
	if s.TLS.Mode == "none" || s.TLS.Verify == "none" {
		return "Mail for it waits in the queue meanwhile."
	}
	return "Mail for it waits in the queue meanwhile; verify and domain in the tls block say what its certificate must show."
}

// met is what there is to say of a host that takes mail.
func (o Options) met(r Result, s *schema.SendConnector, seen deliver.Looked) Result {
	r.Status = OK
	switch {
	case seen.TLS == "" && s.TLS.Mode == "none":
		r.Text = "It takes mail, in clear as configured."
	case seen.TLS == "":
		r.Text = "It takes mail, and offers no STARTTLS: everything goes in clear."
	case seen.Verified == "":
		r.Text = fmt.Sprintf("It takes mail under %s; nobody verifies its certificate.", seen.TLS)
	default:
		r.Text = fmt.Sprintf("It takes mail under %s, and proves to be %s.", seen.TLS, seen.Verified)
	}
	if s.TLS.Verify == "dane" || s.TLS.Verify == "mta_sts" {
		r.Text = said(r.Text, fmt.Sprintf("What verify = %q asks for was not looked at.", s.TLS.Verify))
	}
	if len(seen.Chain) == 0 {
		return r
	}
	end := seen.Chain[0].NotAfter.UTC()
	left := end.Sub(o.Deliver.Clock())
	days := int(left / (24 * time.Hour))
	r.Ends, r.DaysLeft = end, &days
	r.Text = said(r.Text, fmt.Sprintf("The certificate ends on %s, in %d days.", end.Format(time.DateOnly), days))
	if left < soon && seen.Verified != "" {
		r.Status = Wrong
		r.Text = said(r.Text, "Ask whoever runs the host to renew it: mail will wait from then on.")
	}
	return r
}
