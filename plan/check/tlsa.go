package check

import (
	"bytes"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/hex"
	"slices"
	"strings"

	"github.com/mailrelay/mailrelay/schema"
)

// tlsa reports MR222: TLSA records that the certificate of the relay does not match
// (RFC 7672).
func (i *inspection) tlsa(r *schema.Relay, chain []*x509.Certificate) {
	name := "_25._tcp." + strings.ToLower(r.Hostname) + "."
	a := i.will(schema.Addr{}, name, "TLSA")
	if a.Open || a.Set == nil {
		return
	}
	usable := false
	for _, d := range a.Set.Data {
		usage, ok := matchesTLSA(string(d), chain)
		if ok {
			return
		}
		usable = usable || usage == "2" || usage == "3" // others mean nothing in SMTP (RFC 7672, 3.1.3)
	}
	if !usable {
		return
	}
	sum := sha256.Sum256(chain[0].RawSubjectPublicKeyInfo)
	i.add(r, "MR222", Warning, "no TLSA record of "+r.Hostname+" matches its certificate",
		"Senders that heed DANE will refuse to deliver to it. At %s stands %s; a record for the certificate %s is %q. Publish that beside the old one, wait for its TTL, and only then change the certificate.", strings.TrimSuffix(name, "."), described(a.Set), r.TLS.Certificate, "3 1 1 "+hex.EncodeToString(sum[:]))
}

// matchesTLSA reports whether TLSA data (RFC 6698, 2.1) matches a certificate, and
// its usage.
func matchesTLSA(data string, chain []*x509.Certificate) (usage string, ok bool) {
	f := strings.Fields(data)
	if len(f) < 4 {
		return "", false
	}
	want, err := hex.DecodeString(strings.Join(f[3:], ""))
	if err != nil {
		return f[0], false
	}
	candidates := chain[:1]
	switch f[0] {
	case "2":
		candidates = chain
	case "3":
	default:
		return f[0], false
	}
	return f[0], slices.ContainsFunc(candidates, func(c *x509.Certificate) bool {
		raw := c.Raw
		if f[1] == "1" {
			raw = c.RawSubjectPublicKeyInfo
		}
		switch f[2] {
		case "1":
			sum := sha256.Sum256(raw)
			raw = sum[:]
		case "2":
			sum := sha512.Sum512(raw)
			raw = sum[:]
		}
		return bytes.Equal(raw, want)
	})
}
