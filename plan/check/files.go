package check

import (
	"crypto/x509"
	"encoding/pem"
)

// Files are what the files that a configuration names hold, as far as they could be
// read where the plan was made. No secret is in it.
type Files struct {
	Certificates []Certificate `json:"certificates,omitempty"`
}

// Certificate is a certificate file: what it shows to everybody.
type Certificate struct {
	Path  string   `json:"path"`
	Chain [][]byte `json:"chain"` // DER, its own certificate first
}

// ReadCertificate reads a PEM file; false if it holds no certificate.
func ReadCertificate(path string, raw []byte) (Certificate, bool) {
	c := Certificate{Path: path}
	for {
		var b *pem.Block
		if b, raw = pem.Decode(raw); b == nil {
			return c, len(c.Chain) > 0
		}
		if b.Type == "CERTIFICATE" {
			c.Chain = append(c.Chain, b.Bytes)
		}
	}
}

// chain is the certificate at a path, its own first; nil if it is not known.
func (f Files) chain(path string) []*x509.Certificate {
	for _, c := range f.Certificates {
		if c.Path != path {
			continue
		}
		var out []*x509.Certificate
		for _, der := range c.Chain {
			if cert, err := x509.ParseCertificate(der); err == nil {
				out = append(out, cert)
			}
		}
		return out
	}
	return nil
}
