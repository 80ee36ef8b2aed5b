package relay

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"time"

	"github.com/mailrelay/mailrelay/schema"
)

// selfSignedFor is how long a certificate of our own is good. Nobody verifies it,
// so it need not be changed often.
const selfSignedFor = 10 * 365 * 24 * time.Hour

// certificateEvery is how often a certificate is read again, when it is asked for.
const certificateEvery = 10 * time.Second

// protection makes the TLS settings of a relay: its certificate, given or made by
// itself, and the authorities whose client certificates count. They change with
// their files.
func (n *node) protection(r *schema.Relay) (c *tls.Config, clients func() *x509.CertPool, err error) {
	t := schema.RelayTLS{MinVersion: "1.2"}
	if r.TLS != nil {
		t = *r.TLS
	}
	c = &tls.Config{
		MinVersion: tlsVersion(t.MinVersion),
		// Asked for and not verified: a client with a certificate that nobody knows
		// must get in as one without. The session verifies.
		ClientAuth: tls.RequestClientCert,
		Time:       n.o.Clock,
	}
	if t.Certificate == "" {
		own, err := n.selfSigned(r.Hostname)
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", r.Addr(), err)
		}
		c.Certificates = []tls.Certificate{own}
	} else {
		given := n.certificate(r, t)
		if err := given.start(); err != nil {
			return nil, nil, fmt.Errorf("%s: %w", r.Addr(), err)
		}
		c.GetCertificate = func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return given.now(), nil }
	}
	if t.ClientCA == "" {
		return c, func() *x509.CertPool { return nil }, nil
	}
	pool := n.authorities(r, t.ClientCA)
	if err := pool.start(); err != nil {
		return nil, nil, fmt.Errorf("%s: client_ca: %w", r.Addr(), err)
	}
	return c, pool.now, nil
}

// authorities are the certificates of a file.
func (n *node) authorities(r *schema.Relay, file string) *fresh[*x509.CertPool] {
	return &fresh[*x509.CertPool]{
		what: "client_ca", attrs: []any{"relay", r.Addr().String(), "file", file}, every: certificateEvery,
		read: single(func() ([]byte, error) { return n.o.ReadFile(file) }),
		make: func(raw [][]byte) (*x509.CertPool, error) {
			pool := x509.NewCertPool()
			if !pool.AppendCertsFromPEM(raw[0]) {
				return nil, fmt.Errorf("%s holds no certificate in PEM form", file)
			}
			return pool, nil
		},
		clock: n.o.Clock, log: n.o.Log,
	}
}

func tlsVersion(s string) uint16 {
	switch s {
	case "1.0":
		return tls.VersionTLS10
	case "1.1":
		return tls.VersionTLS11
	case "1.3":
		return tls.VersionTLS13
	}
	return tls.VersionTLS12
}

// certificate is the one that was given, with its key.
func (n *node) certificate(r *schema.Relay, t schema.RelayTLS) *fresh[*tls.Certificate] {
	return &fresh[*tls.Certificate]{
		what: "the certificate", attrs: []any{"relay", r.Addr().String(), "file", t.Certificate}, every: certificateEvery,
		read: func() ([][]byte, error) {
			chain, err := n.o.ReadFile(t.Certificate)
			if err != nil {
				return nil, fmt.Errorf("certificate: %w", err)
			}
			key := chain // one file may hold both
			if !t.Key.IsZero() {
				if key, err = n.o.Secret(t.Key); err != nil {
					return nil, fmt.Errorf("key: %w", err)
				}
			}
			return [][]byte{chain, key}, nil
		},
		make: func(raw [][]byte) (*tls.Certificate, error) {
			cert, err := tls.X509KeyPair(raw[0], raw[1])
			if err != nil {
				return nil, fmt.Errorf("certificate %s: %w", t.Certificate, err)
			}
			return &cert, nil
		},
		clock: n.o.Clock, log: n.o.Log,
	}
}

// selfSigned reads the certificate made for host, or makes one and keeps it.
func (n *node) selfSigned(host string) (tls.Certificate, error) {
	file := filepath.Join(n.o.Dir, "tls", host+".pem")
	if raw, err := os.ReadFile(file); err == nil {
		cert, err := tls.X509KeyPair(raw, raw)
		if err == nil && n.o.Clock().Before(cert.Leaf.NotAfter) {
			return cert, nil
		}
		n.o.Log.Warn("the self-signed certificate is damaged or too old, and is made again", "file", file)
	} else if !errors.Is(err, os.ErrNotExist) {
		return tls.Certificate{}, fmt.Errorf("self-signed certificate: %w", err)
	}
	raw, err := makeCertificate(host, n.o.Clock())
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("self-signed certificate: %w", err)
	}
	if err := replace(file, raw); err != nil {
		return tls.Certificate{}, fmt.Errorf("self-signed certificate: %w", err)
	}
	return tls.X509KeyPair(raw, raw)
}

// makeCertificate gives a new key and its certificate for host, PEM.
func makeCertificate(host string, now time.Time) ([]byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, err
	}
	cert, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: host},
		DNSNames:     []string{host},
		NotBefore:    now.Add(-time.Hour),
		NotAfter:     now.Add(selfSignedFor),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}, &x509.Certificate{Subject: pkix.Name{CommonName: host}}, key.Public(), key)
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	out := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert})
	return append(out, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})...), nil
}

// partner reports whether the client's certificate is verified by clients, and the
// names in it. What a certificate says it is for does not count: public
// authorities no longer issue any for clients.
func partner(state tls.ConnectionState, clients *x509.CertPool, now time.Time) (names []string, ok bool) {
	if clients == nil || len(state.PeerCertificates) == 0 {
		return nil, false
	}
	leaf := state.PeerCertificates[0]
	between := x509.NewCertPool()
	for _, c := range state.PeerCertificates[1:] {
		between.AddCert(c)
	}
	_, err := leaf.Verify(x509.VerifyOptions{
		Roots: clients, Intermediates: between, CurrentTime: now,
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
	})
	if err != nil {
		return nil, false
	}
	names = leaf.DNSNames
	if len(names) == 0 && leaf.Subject.CommonName != "" {
		names = []string{leaf.Subject.CommonName}
	}
	return names, true
}
