package deliver

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/mailrelay/mailrelay/schema"
)

// tlsInfo is what is known about the protection of a connection; zero: clear.
type tlsInfo struct {
	version, cipher string
	name            string // the name that the certificate was verified for; empty: not verified
}

// mustTLS reports whether nothing may be sent in clear. A connector that says how
// the next hop must prove itself, or that logs on there, means it: falling back
// to clear would give away what it protects.
func mustTLS(c *schema.SendConnector) bool {
	return c.TLS.Mode == "required" || c.TLS.Mode != "none" && c.TLS.Verify != "none" || c.Auth != nil
}

// credentials reads files and secrets at the moment of use.
type credentials struct {
	roots  *x509.CertPool // nil: the system's
	read   func(string) ([]byte, error)
	secret func(schema.Secret) ([]byte, error)
}

// config makes the TLS configuration for one connection to host, which is a name
// or an address. name is what the certificate will have been verified for.
func (k credentials) config(t terms, host string, now time.Time) (c *tls.Config, name string, err error) {
	s := t.s.TLS
	c = &tls.Config{
		ServerName: host,
		MinVersion: tls.VersionTLS12,
		// Verification is done below, by the connector's own rules.
		InsecureSkipVerify: true,
	}
	if !mustTLS(t.s) {
		c.MinVersion = tls.VersionTLS10 // better than the clear text that would follow
	}
	if _, err := netip.ParseAddr(host); err == nil {
		c.ServerName = "" // RFC 6066, 3: no addresses
	}
	if s.Certificate != "" {
		if c.Certificates, err = k.own(s); err != nil {
			return nil, "", err
		}
	}
	switch s.Verify {
	case "none", "":
		return c, "", nil
	case "certificate":
		name = host
	case "domain":
		name = s.Domain
	case "dane":
		c.ServerName = t.proof.base // RFC 7672, 8.1
		c.VerifyConnection = func(cs tls.ConnectionState) error { return t.proof.check(cs.PeerCertificates, now) }
		return c, t.proof.base, nil
	default:
		return nil, "", fmt.Errorf("verify = %q has no meaning here, and nothing is sent without it", s.Verify)
	}
	roots := k.roots
	if s.CA != "" {
		if roots, err = k.pool(s.CA); err != nil {
			return nil, "", err
		}
	}
	c.VerifyConnection = func(cs tls.ConnectionState) error { return verify(cs.PeerCertificates, roots, s, host, now) }
	return c, name, nil
}

// own loads the client's certificate.
func (k credentials) own(s schema.SendTLS) ([]tls.Certificate, error) {
	chain, err := k.read(s.Certificate)
	if err != nil {
		return nil, fmt.Errorf("reading the client certificate: %w", err)
	}
	key, err := k.secret(s.Key)
	if err != nil {
		return nil, fmt.Errorf("reading the key of the client certificate: %w", err)
	}
	pair, err := tls.X509KeyPair(chain, key)
	if err != nil {
		return nil, fmt.Errorf("using the client certificate %s: %w", s.Certificate, err)
	}
	return []tls.Certificate{pair}, nil
}

// pool loads the roots of a connector's own.
func (k credentials) pool(file string) (*x509.CertPool, error) {
	pem, err := k.read(file)
	if err != nil {
		return nil, fmt.Errorf("reading the roots of the next hop: %w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s holds no certificate in PEM form", file)
	}
	return roots, nil
}

// verify checks the chain, and then the host's name or the connector's domain.
func verify(chain []*x509.Certificate, roots *x509.CertPool, s schema.SendTLS, host string, now time.Time) error {
	if len(chain) == 0 {
		return errors.New("the next hop showed no certificate")
	}
	opts := x509.VerifyOptions{Roots: roots, Intermediates: x509.NewCertPool(), CurrentTime: now}
	for _, c := range chain[1:] {
		opts.Intermediates.AddCert(c)
	}
	if _, err := chain[0].Verify(opts); err != nil {
		return fmt.Errorf("the certificate of %s is not trusted: %w", host, err)
	}
	if s.Verify == "certificate" {
		if err := chain[0].VerifyHostname(host); err != nil {
			return fmt.Errorf("the certificate is not one of %s: %w", host, err)
		}
		return nil
	}
	for _, name := range chain[0].DNSNames {
		if underDomain(name, s.Domain) {
			return nil
		}
	}
	return fmt.Errorf("the certificate of %s bears no name of the domain %s, but %s", host, s.Domain, strings.Join(chain[0].DNSNames, ", "))
}

// underDomain reports whether name is domain, or domain with one label before it
// that may be anything, "*" too: the DomainValidation of Exchange.
func underDomain(name, domain string) bool {
	if strings.EqualFold(name, domain) {
		return true
	}
	_, rest, ok := strings.Cut(name, ".")
	return ok && strings.EqualFold(rest, domain)
}

// startTLS turns the connection into a protected one. What the server sent ahead
// of the handshake is an attempt to smuggle answers in (RFC 3207, 5), and ends it.
func (c *client) startTLS(ctx context.Context, config *tls.Config, name string) error {
	rep, err := c.ask(commandLimit, "STARTTLS")
	if err != nil {
		return err
	}
	if !rep.positive() {
		return fmt.Errorf("STARTTLS was refused: %s", rep)
	}
	if c.r.Buffered() > 0 {
		c.last = true
		return errors.New("the next hop, or somebody on the way, sent more in clear behind the answer to STARTTLS")
	}
	t := tls.Client(c.nc, config)
	c.within(commandLimit)
	if err := t.HandshakeContext(ctx); err != nil {
		c.last = true
		return fmt.Errorf("the TLS handshake failed: %w", err)
	}
	cs := t.ConnectionState()
	c.use(t)
	c.ext = extensions{}
	c.tls = tlsInfo{version: tls.VersionName(cs.Version), cipher: tls.CipherSuiteName(cs.CipherSuite), name: name}
	return nil
}
