package check

import (
	"bytes"
	"crypto/x509"
	"slices"
	"strings"
	"time"

	"github.com/mailrelay/mailrelay/schema"
)

// lastDays is how long before its end a certificate is reported.
const lastDays = 60 * 24 * time.Hour

// certificates judges the certificates of relays and send connectors.
func (i *inspection) certificates() {
	for _, r := range i.relays {
		if r.TLS == nil {
			continue
		}
		if chain := i.facts.Files.chain(r.TLS.Certificate); len(chain) > 0 {
			i.ends(r, r.TLS.Certificate, chain[0])
			i.tlsa(r, chain)
		}
	}
	for _, s := range i.sends {
		if chain := i.facts.Files.chain(s.TLS.Certificate); len(chain) > 0 && s.Enabled {
			i.ends(s, s.TLS.Certificate, chain[0])
			i.known(s, chain[0])
		}
	}
}

// ends reports MR502.
func (i *inspection) ends(b schema.Block, path string, c *x509.Certificate) {
	left := c.NotAfter.Sub(i.now)
	end := c.NotAfter.UTC().Format(time.DateOnly)
	switch {
	case left <= 0:
		i.add(b, "MR502", Warning, "the certificate "+path+" has expired", "It ended on %s, and whoever verifies it refuses the connection. Put a new one in its place: it is read when it changes.", end)
	case left < lastDays:
		i.add(b, "MR502", Warning, "the certificate "+path+" expires soon", "It ends on %s, in %d days. Renew it, and see that whoever knows it by its key or name (TLSA records, connectors of partners) knows the new one.", end, int(left/(24*time.Hour)))
	}
}

// known reports MR503: a client certificate by which Exchange Online cannot know the
// relay.
func (i *inspection) known(s *schema.SendConnector, c *x509.Certificate) {
	if !slices.ContainsFunc(s.SmartHosts, Microsoft) || len(i.index.domains) == 0 {
		return
	}
	if bytes.Equal(c.RawIssuer, c.RawSubject) {
		i.add(s, "MR503", Warning, "Exchange Online does not take the certificate of "+s.Addr().String(),
			"%s is signed by itself, and an inbound connector knows a relay only by a certificate of a public authority. Get one with the name of the relay below an accepted domain.", s.TLS.Certificate)
		return
	}
	names := slices.Clone(c.DNSNames)
	if len(names) == 0 && c.Subject.CommonName != "" {
		names = []string{c.Subject.CommonName}
	}
	var accepted []string
	for _, d := range i.index.domains {
		accepted = append(accepted, strings.TrimPrefix(d.Name, "*."))
	}
	for _, n := range names {
		n = strings.ToLower(strings.TrimPrefix(n, "*."))
		if slices.ContainsFunc(accepted, func(d string) bool { return n == d || strings.HasSuffix(n, "."+d) }) {
			return
		}
	}
	i.add(s, "MR503", Warning, "Exchange Online cannot know "+s.Addr().String()+" by its certificate",
		"It bears %s, and none of that lies in an accepted domain (%s): mail for others than your own recipients is refused there with 5.7.64. Use a certificate with a name below one of your domains, and give that name to the inbound connector.", orNone(names), strings.Join(accepted[:min(shown, len(accepted))], ", "))
}

func orNone(names []string) string {
	if len(names) == 0 {
		return "no name"
	}
	return strings.Join(names, ", ")
}
