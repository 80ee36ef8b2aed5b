package rr

import (
	"encoding/hex"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// form says of which fields the data of a type is made.
type form struct {
	is    string // "a preference and a host"
	like  string // an example
	words int    // how many fields there are
	field [4]field
}

// field reads one word of the text and gives it in canonical form. The last
// field of a form takes all words that are left.
type field func(word, origin string) (string, error)

// formOf describes a type that is written in words: all but TXT and TYPEn, for
// which words is 0.
func formOf(typ string) form {
	of := func(is, like string, fields ...field) form {
		f := form{is: is, like: like, words: len(fields)}
		copy(f.field[:], fields)
		return f
	}
	switch typ {
	case "A":
		return of("an IPv4 address", "192.0.2.25", address4)
	case "AAAA":
		return of("an IPv6 address", "2001:db8::25", address6)
	case "CAA":
		return of("flags, a tag and a quoted value", `0 issue "ca.example.net"`, u8, tag, quoted)
	case "CNAME", "NS", "PTR":
		return of("a host", "host.contoso.com.", host)
	case "DS":
		return of("a key tag, an algorithm, a digest type and a digest in hex", "12345 13 2 49fd46e6c4b45c55d4ac69cbd3cd34ac1afe51de1e0e5f3b8e6d0a2c2f3d4e5f", u16, u8, u8, hexadecimal)
	case "MX":
		return of("a preference and a host", "10 mail.contoso.com.", u16, host)
	case "SRV":
		return of("a priority, a weight, a port and a host", "100 1 443 sip.contoso.com.", u16, u16, u16, host)
	case "SSHFP":
		return of("an algorithm, a fingerprint type and a fingerprint in hex", "4 2 123456789abcdef67890123456789abcdef67890123456789abcdef123456789", u8, u8, hexadecimal)
	case "TLSA":
		return of("a usage, a selector, a matching type and a certificate or hash in hex", "3 1 1 0d6fce13243aa7b1d5a3f8c6e4b2a190fedcba98765432100123456789abcdef", u8, u8, u8, hexadecimal)
	}
	return form{}
}

func u8(word, _ string) (string, error)  { return number(word, 8) }
func u16(word, _ string) (string, error) { return number(word, 16) }

// number is an unsigned decimal number of so many bits.
func number(word string, bits int) (string, error) {
	n, err := strconv.ParseUint(word, 10, bits)
	if err != nil || word[0] == '+' {
		return "", fmt.Errorf("%q is not a number from 0 to %d", word, 1<<bits-1)
	}
	if word[0] != '0' || len(word) == 1 {
		return word, nil
	}
	return strconv.FormatUint(n, 10), nil
}

func address4(word, _ string) (string, error) {
	a, err := netip.ParseAddr(word)
	if err != nil || !a.Is4() {
		return "", fmt.Errorf("%q is not an IPv4 address", word)
	}
	return a.String(), nil
}

func address6(word, _ string) (string, error) {
	a, err := netip.ParseAddr(word)
	if err != nil || !a.Is6() || a.Zone() != "" {
		return "", fmt.Errorf("%q is not an IPv6 address", word)
	}
	return a.String(), nil
}

// hexadecimal is a string of bytes. Spaces may stand in it.
func hexadecimal(word, _ string) (string, error) {
	b, err := hex.DecodeString(strings.Join(strings.Fields(word), ""))
	if err != nil || len(b) == 0 || len(b) > maxRdata-8 {
		return "", fmt.Errorf("%q is not hex: an even number of the digits 0-9 and a-f is needed", shorten(word))
	}
	return hex.EncodeToString(b), nil
}

// tag is the property of a CAA record (RFC 8659, 4.1): letters and digits,
// compared without case.
func tag(word, _ string) (string, error) {
	for _, c := range []byte(strings.ToLower(word)) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') || len(word) > 255 {
			return "", fmt.Errorf("%q is not a tag like issue, issuewild or iodef", shorten(word))
		}
	}
	return strings.ToLower(word), nil
}

// quoted is the value of a CAA record: printable ASCII in quotes, which may be
// left out around a single word. Backslashes and quotes cannot stand in it: no
// value needs them, and miekg/dns does not give them back as they were. It also
// reads no value of more than 255 characters.
func quoted(word, _ string) (string, error) {
	inner, open := strings.CutPrefix(word, `"`)
	inner, closed := strings.CutSuffix(inner, `"`)
	if open != closed || !open && strings.ContainsAny(word, " \t") || strings.ContainsAny(inner, `"\`) {
		return "", fmt.Errorf("%s is not one value in quotes, without quotes or backslashes in it", shorten(word))
	}
	if len(inner) > 255 || strings.ContainsFunc(inner, func(r rune) bool { return r < ' ' || r > '~' }) {
		return "", fmt.Errorf("%s holds what is not printable ASCII, or more than 255 characters", shorten(word))
	}
	return `"` + inner + `"`, nil
}

// shorten keeps messages readable.
func shorten(s string) string {
	if len(s) > 80 {
		return s[:80] + "..."
	}
	return s
}
