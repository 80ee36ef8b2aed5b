package deliver

import (
	"bytes"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// TLSA is a record of RFC 6698.
type TLSA struct {
	Usage, Selector, Matching uint8
	Data                      []byte
}

// Usages, selectors and matching types (RFC 7218).
const (
	daneTA = 2
	daneEE = 3

	wholeCert = 0
	publicKey = 1

	exact   = 0
	sha2256 = 1
	sha2512 = 2
)

// usable gives the records by which a mail server can be known (RFC 7672, 3.1):
// those of usage 2 and 3 that are well formed. Of digests of one usage and selector
// only the strongest count (RFC 7671, 9).
func usable(records []TLSA) (out []TLSA) {
	strongest := map[[2]uint8]uint8{}
	for _, r := range records {
		if r.wellFormed() {
			k := [2]uint8{r.Usage, r.Selector}
			strongest[k] = max(strongest[k], r.Matching)
			out = append(out, r)
		}
	}
	return slices.DeleteFunc(out, func(r TLSA) bool {
		return r.Matching != exact && r.Matching < strongest[[2]uint8{r.Usage, r.Selector}]
	})
}

func (r TLSA) wellFormed() bool {
	if r.Usage != daneTA && r.Usage != daneEE || r.Selector > publicKey {
		return false
	}
	switch r.Matching {
	case exact:
		var err error
		if r.Selector == wholeCert {
			_, err = x509.ParseCertificate(r.Data)
		} else {
			_, err = x509.ParsePKIXPublicKey(r.Data)
		}
		return err == nil
	case sha2256:
		return len(r.Data) == sha256.Size
	case sha2512:
		return len(r.Data) == sha512.Size
	}
	return false
}

// matches reports whether r is about c.
func (r TLSA) matches(c *x509.Certificate) bool {
	data := c.Raw
	if r.Selector == publicKey {
		data = c.RawSubjectPublicKeyInfo
	}
	switch r.Matching {
	case sha2256:
		sum := sha256.Sum256(data)
		data = sum[:]
	case sha2512:
		sum := sha512.Sum512(data)
		data = sum[:]
	}
	return bytes.Equal(r.Data, data)
}

// proof is what a host must show (RFC 7672, 3): a certificate that one of the
// records is about, or that leads to one and bears one of the names.
type proof struct {
	base    string // where the records stand, without port; the name that is asked for in TLS
	records []TLSA // usable ones
	names   []string
}

// check looks at the chain that a host has shown.
func (p *proof) check(chain []*x509.Certificate, now time.Time) error {
	if len(chain) == 0 {
		return errors.New("the next hop showed no certificate")
	}
	var why error
	for _, r := range p.records {
		switch {
		case r.Usage == daneEE && r.matches(chain[0]):
			return nil // whatever its names and its age (RFC 7672, 3.1.1)
		case r.Usage == daneTA:
			err := p.checkAnchors(r.anchors(chain), chain, now)
			if err == nil {
				return nil
			}
			why = errors.Join(why, err)
		}
	}
	err := fmt.Errorf("the certificate is not one of the TLSA records of %s", p.base)
	if why != nil {
		err = fmt.Errorf("%w: %w", err, why)
	}
	return err
}

// anchors are the certificates of authorities that r is about: in the chain, or in
// r itself.
func (r TLSA) anchors(chain []*x509.Certificate) (out []*x509.Certificate) {
	for _, c := range chain[1:] {
		if r.matches(c) {
			out = append(out, c)
		}
	}
	if r.Selector == wholeCert && r.Matching == exact {
		if c, err := x509.ParseCertificate(r.Data); err == nil {
			out = append(out, c)
		}
	}
	return out
}

func (p *proof) checkAnchors(anchors, chain []*x509.Certificate, now time.Time) error {
	if len(anchors) == 0 {
		return errors.New("the authority that they name is not in the chain that was shown")
	}
	opts := x509.VerifyOptions{Roots: x509.NewCertPool(), Intermediates: x509.NewCertPool(), CurrentTime: now}
	for _, c := range anchors {
		opts.Roots.AddCert(c)
	}
	for _, c := range chain[1:] {
		opts.Intermediates.AddCert(c)
	}
	if _, err := chain[0].Verify(opts); err != nil {
		return err
	}
	for _, name := range p.names {
		if chain[0].VerifyHostname(name) == nil {
			return nil
		}
	}
	return fmt.Errorf("it bears none of the names %s, but %s", strings.Join(p.names, ", "), strings.Join(chain[0].DNSNames, ", "))
}
