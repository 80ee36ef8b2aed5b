package rr

import (
	"fmt"
	"strings"

	"github.com/miekg/dns"
	"golang.org/x/net/idna"
)

// host is a domain name that record data points to: relative to origin without a
// final dot, "@" for origin itself, "." for nowhere. U-labels become A-labels
// (RFC 5891). Letters, digits, hyphens and underscores may stand in labels, and
// the slash of RFC 2317.
func host(word, origin string) (string, error) {
	full := word
	switch {
	case word == "@":
		full = strings.TrimSuffix(origin, ".") + "."
	case !strings.HasSuffix(word, "."):
		full = word + "." + strings.TrimSuffix(origin, ".") + "."
	}
	if full = strings.TrimSuffix(full, ".") + "."; Plain(full[:len(full)-1]) {
		return full, nil
	}
	if full == "." {
		return full, nil
	}
	ascii, err := idna.New(idna.MapForLookup(), idna.Transitional(false), idna.StrictDomainName(false)).ToASCII(strings.TrimSuffix(full, "."))
	if err != nil {
		return "", fmt.Errorf("%q is not a host name", shorten(word))
	}
	for _, c := range []byte(strings.ToLower(ascii)) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && !strings.ContainsRune("-_./", rune(c)) {
			return "", fmt.Errorf("%q is not a host name: %q may not stand in it", shorten(word), string(rune(c)))
		}
	}
	name, err := canonName(ascii + ".")
	if err != nil {
		return "", fmt.Errorf("%q is not a host name: each part between dots must have 1 to 63 characters, and the whole %q at most 253", shorten(word), shorten(full))
	}
	return name, nil
}

// Plain reports whether s is a domain name in canonical form as it stands: A-labels
// in lower case, underscores among them, without a final dot. It is false for some
// names that are, those with hyphens side by side, and needs no memory.
func Plain(s string) bool {
	last := byte('.')
	label := 0
	for i := range len(s) {
		c := s[i]
		switch {
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9', c == '_':
			label++
		case c == '-' && last != '.' && i+1 < len(s) && s[i+1] != '.' && s[i+1] != '-':
			label++
		case c == '.' && last != '.':
			label = 0
		default:
			return false
		}
		if label > 63 {
			return false
		}
		last = c
	}
	return last != '.' && len(s) <= 253
}

// canonName gives a full name in lower case, with the escapes (RFC 4343, 2.1)
// that a name read from the wire has. It takes every name that DNS allows.
func canonName(name string) (string, error) {
	buf := make([]byte, 256)
	if _, ok := dns.IsDomainName(name); !ok || !dns.IsFqdn(name) {
		return "", fmt.Errorf("%q is not a full domain name", shorten(name))
	}
	n, err := dns.PackDomainName(name, buf, 0, nil, false)
	if err != nil {
		return "", fmt.Errorf("%q is not a domain name: %w", shorten(name), err)
	}
	read, _, err := dns.UnpackDomainName(buf[:n], 0)
	if err != nil {
		return "", fmt.Errorf("%q is not a domain name: %w", shorten(name), err)
	}
	return strings.ToLower(read), nil
}
