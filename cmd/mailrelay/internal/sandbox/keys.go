package sandbox

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"time"

	"github.com/mailrelay/mailrelay/schema"
)

// keys is the world's certificate authority. One key pair serves everybody.
type keys struct {
	ca      *x509.Certificate
	caKey   *ecdsa.PrivateKey
	key     *ecdsa.PrivateKey
	keyPEM  []byte
	names   map[string]string // certificate file -> name on it
	roots   map[string]bool   // files of authorities
	private map[schema.Secret]bool
	empty   map[string]bool // files of users
}

func newKeys(c *schema.Config) (*keys, error) {
	caKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return nil, err
	}
	k := &keys{caKey: caKey, key: key, keyPEM: pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der}),
		names: map[string]string{}, roots: map[string]bool{}, private: map[schema.Secret]bool{}, empty: map[string]bool{}}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "mailrelay sandbox"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(365 * 24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, &caKey.PublicKey, caKey)
	if err != nil {
		return nil, err
	}
	if k.ca, err = x509.ParseCertificate(raw); err != nil {
		return nil, err
	}
	for _, r := range schema.All[*schema.Relay](c) {
		if r.TLS != nil {
			k.names[r.TLS.Certificate] = r.Hostname
			k.private[r.TLS.Key] = true
			k.roots[r.TLS.ClientCA] = true
		}
	}
	for _, s := range schema.All[*schema.SendConnector](c) {
		if k.names[s.TLS.Certificate] == "" { // else it is that of a relay
			k.names[s.TLS.Certificate] = "client.sandbox.invalid"
		}
		k.private[s.TLS.Key] = true
		k.roots[s.TLS.CA] = true
	}
	for _, r := range schema.All[*schema.ReceiveConnector](c) {
		k.empty[r.UsersFile] = true
	}
	return k, nil
}

// issue makes a certificate for a name or an address.
func (k *keys) issue(name string) ([]byte, error) {
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(365 * 24 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	if ip := net.ParseIP(name); ip != nil {
		template.IPAddresses = []net.IP{ip}
	} else {
		template.DNSNames = []string{name}
	}
	return x509.CreateCertificate(rand.Reader, template, k.ca, &k.key.PublicKey, k.caKey)
}

func (k *keys) certificate(name string) (tls.Certificate, error) {
	der, err := k.issue(name)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: k.key}, err
}

func certPEM(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

// Roots are what the world's certificates lead to.
func (w *World) Roots() *x509.CertPool {
	p := x509.NewCertPool()
	p.AddCert(w.keys.ca)
	return p
}

// ReadFile gives what a relay would find on its disk: the certificates that the
// configuration names.
func (w *World) ReadFile(path string) ([]byte, error) {
	k := w.keys
	switch {
	case k.names[path] != "":
		der, err := k.issue(k.names[path])
		return certPEM(der), err
	case k.roots[path]:
		return certPEM(k.ca.Raw), nil
	case k.empty[path]:
		return nil, nil
	}
	return nil, fmt.Errorf("the sandbox has no file %s: %w", path, fs.ErrNotExist)
}

// Secret gives any secret that the configuration names.
func (w *World) Secret(s schema.Secret) ([]byte, error) {
	if w.keys.private[s] {
		return bytes.Clone(w.keys.keyPEM), nil
	}
	return []byte(w.secret), nil
}
