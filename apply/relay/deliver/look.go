package deliver

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"net/netip"

	"github.com/mailrelay/mailrelay/schema"
)

// Looked is what Look saw of a next hop.
type Looked struct {
	TLS      string              // version; empty: in clear
	Verified string              // the name that the certificate was verified for; empty: it was not
	Chain    []*x509.Certificate // what the next hop showed, its own first
	Err      string              // why no message could be handed over there; empty: one could
}

// Look connects to one address of a host as deliveries of s do, up to the moment at
// which a message would be handed over, and says goodbye. It does not log on, and does
// not verify by DANE, which needs more than the host. The dialogue ends when ctx does.
func Look(ctx context.Context, o Options, s *schema.SendConnector, helo, host string, addr netip.AddrPort) Looked {
	o = o.withDefaults()
	d := dialer{dial: o.Dial, keys: credentials{roots: o.Roots, read: o.ReadFile, secret: o.Secret}, clock: o.Clock}
	as := *s
	if as.Auth != nil && as.TLS.Mode != "none" {
		as.TLS.Mode = "required" // as it is with a password
	}
	as.Auth = nil
	if as.TLS.Verify == "dane" || as.TLS.Verify == "mta_sts" {
		as.TLS.Verify = "none"
	}
	h := hop{host, addr}
	nc, err := d.open(ctx, as.SourceAddress, h)
	if err != nil {
		return Looked{Err: unreached(h, err).text}
	}
	c, out, _ := d.try(ctx, terms{s: &as}, helo, h, nc, as.TLS.Mode != "none")
	if out != nil {
		return Looked{Err: out.text}
	}
	defer c.close()
	seen := Looked{TLS: c.tls.version, Verified: c.tls.name}
	if t, ok := c.nc.(*tls.Conn); ok {
		seen.Chain = t.ConnectionState().PeerCertificates
	}
	return seen
}

// Web fetches by the dialer, resolver and roots of o, as it is done for MTA-STS.
func Web(o Options) http.RoundTripper { return web(o.withDefaults()) }

// Allows fetches the MTA-STS policy of a domain (RFC 8461, 3.3), and says which of
// hosts it does not name, and its mode.
func Allows(ctx context.Context, o Options, domain string, hosts []string) (mode string, missing []string, err error) {
	o = o.withDefaults()
	p, err := (&sts{http: o.HTTP, clock: o.Clock, log: o.Log}).fetch(ctx, domain)
	if err != nil {
		return "", nil, err
	}
	for _, h := range hosts {
		if !p.allows(h) {
			missing = append(missing, h)
		}
	}
	return p.mode, missing, nil
}
