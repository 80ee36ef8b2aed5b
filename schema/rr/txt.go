package rr

import (
	"fmt"
	"strings"

	"github.com/miekg/dns"
)

const (
	maxString = 255   // bytes in one string of a TXT record (RFC 1035, 3.3.14)
	maxRdata  = 65535 // bytes in the data of any record (RFC 1035, 3.2.1)
)

// Text makes TXT data of the joined text, byte for byte. More than fits into one
// record, with a length byte for each string of 255, is an error.
func Text(joined string) (Data, error) {
	if n := len(joined); n+(n+maxString-1)/maxString > maxRdata {
		return "", fmt.Errorf("the text has %d bytes: a TXT record holds at most %d", n, maxRdata-maxRdata/(maxString+1)-1)
	}
	return Data(escape(joined, `\`)), nil
}

// Text is the inverse of the function Text: the bytes that TXT data stands for.
func (d Data) Text() string { return unescape(string(d)) }

// readText joins the strings of a TXT record, which miekg/dns keeps escaped.
func readText(strs []string) Data {
	var joined strings.Builder
	for _, s := range strs {
		joined.WriteString(unescape(s))
	}
	return Data(escape(joined.String(), `\`))
}

// cutText makes the strings of a TXT record in the escaped form that miekg/dns
// wants. There is always one, if an empty one.
func cutText(d Data) []string {
	text := d.Text()
	out := make([]string, 0, len(text)/maxString+1)
	for len(text) > maxString {
		out = append(out, escape(text[:maxString], `\"`))
		text = text[maxString:]
	}
	return append(out, escape(text, `\"`))
}

// escape writes each byte of specials with a backslash before it, and each byte
// beyond printable ASCII as \DDD (RFC 1035, 5.1).
func escape(s, specials string) string {
	plain := 0
	for plain < len(s) && s[plain] >= ' ' && s[plain] <= '~' && strings.IndexByte(specials, s[plain]) < 0 {
		plain++
	}
	if plain == len(s) {
		return s
	}
	var b strings.Builder
	b.WriteString(s[:plain])
	for i := plain; i < len(s); i++ {
		switch c := s[i]; {
		case c < ' ' || c > '~':
			fmt.Fprintf(&b, `\%03d`, c)
		case strings.IndexByte(specials, c) >= 0:
			b.WriteByte('\\')
			b.WriteByte(c)
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// unescape is the inverse of escape, whatever the specials were. A backslash at
// the end stands for nothing.
func unescape(s string) string {
	if strings.IndexByte(s, '\\') < 0 {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' {
			b.WriteByte(s[i])
			continue
		}
		if n, ok := decimal(s[i+1:]); ok {
			b.WriteByte(n)
			i += 3
		} else if i++; i < len(s) {
			b.WriteByte(s[i])
		}
	}
	return b.String()
}

// decimal reads the three digits of \DDD.
func decimal(s string) (byte, bool) {
	if len(s) < 3 {
		return 0, false
	}
	n := 0
	for _, c := range []byte(s[:3]) {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int(c-'0')
	}
	return byte(n), n < 256
}

func textRecord(h dns.RR_Header, d Data) *dns.TXT { return &dns.TXT{Hdr: h, Txt: cutText(d)} }
