package policy

import (
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
)

// isDKIM reports whether a text at a _domainkey name is a DKIM key: it has p, and
// v=DKIM1 stands first if anywhere (RFC 6376, 3.6.1).
func isDKIM(text string) bool {
	list, _ := tags(text)
	for i, t := range list {
		if t.name == "v" && (i > 0 || t.value != "DKIM1") {
			return false
		}
	}
	return slices.ContainsFunc(list, func(t tag) bool { return t.name == "p" })
}

// readDKIM gives what the record of a DKIM key means: the key itself, and what
// narrows its use.
func readDKIM(text string) ([]Field, error) {
	list, err := tags(text)
	said := map[string]string{"k": "rsa", "h": "*", "s": "*"}
	for _, t := range list {
		said[t.name] = t.value
	}
	key, failed := describeKey(strings.ToLower(said["k"]), said["p"])
	if err == nil {
		err = failed
	}
	out := []Field{{Name: "key", Value: key}}
	out = append(out, fields("h", members(said["h"], "*"))...)
	out = append(out, fields("s", members(said["s"], "*"))...)
	if said["t"] != "" {
		out = append(out, fields("t", members(said["t"], ""))...)
	}
	return out, err
}

// describeKey names a public key by its kind, size and the beginning of its SHA-256
// sum, or says that it is revoked. Two keys are one exactly if their names are
// equal, but for those that nobody can read.
func describeKey(kind, p string) (string, error) {
	p = strings.Join(strings.Fields(p), "")
	if p == "" {
		return "revoked", nil
	}
	raw, err := base64.StdEncoding.DecodeString(p)
	if err != nil {
		raw = []byte(p)
	}
	name := func(size string) string { return fmt.Sprintf("%s%s %.8x", kind, size, sha256.Sum256(raw)) }
	switch kind {
	case "rsa":
		public, failed := x509.ParsePKIXPublicKey(raw)
		if failed != nil {
			public, failed = x509.ParsePKCS1PublicKey(raw)
		}
		if key, ok := public.(*rsa.PublicKey); ok && failed == nil && err == nil {
			raw = x509.MarshalPKCS1PublicKey(key) // two forms of one key are one
			return name(fmt.Sprintf(" %d bits", key.N.BitLen())), nil
		}
	case "ed25519":
		if err == nil && len(raw) == ed25519.PublicKeySize {
			return name(""), nil
		}
	default:
		return name(""), fmt.Errorf("%q is no kind of key that verifiers know: they know rsa and ed25519", kind)
	}
	return name(" broken"), fmt.Errorf("p holds no %s key, and verifiers ignore it", kind)
}
