package schema

import (
	"fmt"
	"strconv"
	"strings"
)

// Addr is the identity of an object in plans, in state, in logs and in
// messages: type.name, type.name["key"] under for_each, and .part behind it for
// what a block implies. A service has two labels; its Name is both, joined by a
// dot.
type Addr struct {
	Type string // "receive_connector"
	Name string // "device"
	Key  string // "printers"; empty without for_each
	Part string // "verification", `record["autodiscover"]`; empty for the block itself
}

// IsZero reports whether a names nothing.
func (a Addr) IsZero() bool { return a == Addr{} }

// String gives the address as users write it.
func (a Addr) String() string {
	if a.IsZero() {
		return ""
	}
	var b strings.Builder
	b.WriteString(a.Type)
	if a.Name != "" {
		b.WriteByte('.')
		b.WriteString(a.Name)
	}
	if a.Key != "" {
		b.WriteByte('[')
		b.WriteString(strconv.Quote(a.Key))
		b.WriteByte(']')
	}
	if a.Part != "" {
		b.WriteByte('.')
		b.WriteString(a.Part)
	}
	return b.String()
}

// Compare orders addresses by type, name, key and part.
func (a Addr) Compare(b Addr) int {
	switch {
	case a.Type != b.Type:
		return strings.Compare(a.Type, b.Type)
	case a.Name != b.Name:
		return strings.Compare(a.Name, b.Name)
	case a.Key != b.Key:
		return strings.Compare(a.Key, b.Key)
	}
	return strings.Compare(a.Part, b.Part)
}

// MarshalText makes Addr a JSON string.
func (a Addr) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// UnmarshalText is the inverse of MarshalText.
func (a *Addr) UnmarshalText(text []byte) error {
	p, err := ParseAddr(string(text))
	if err == nil {
		*a = p
	}
	return err
}

// ParseAddr reads what String writes. The empty string is the zero Addr.
func ParseAddr(s string) (Addr, error) {
	bad := func() (Addr, error) {
		return Addr{}, fmt.Errorf("%q is not an address: write type.name or type.name[\"key\"]", s)
	}
	if s == "" {
		return Addr{}, nil
	}
	var a Addr
	typ, rest, ok := strings.Cut(s, ".")
	a.Type = typ
	if !ident(typ) {
		return bad()
	}
	if !ok { // a block without a name, like mailrelay
		return a, nil
	}
	labels := 1
	if typ == "service" {
		labels = 2
	}
	for i := range labels {
		end := strings.IndexAny(rest, ".[")
		word := rest
		if end >= 0 {
			word, rest = rest[:end], rest[end:]
		} else {
			rest = ""
		}
		if !ident(word) {
			return bad()
		}
		if i > 0 {
			a.Name += "."
		}
		a.Name += word
		if i < labels-1 {
			if !strings.HasPrefix(rest, ".") {
				return bad()
			}
			rest = rest[1:]
		}
	}
	if strings.HasPrefix(rest, "[") {
		quoted, err := strconv.QuotedPrefix(rest[1:])
		if err != nil || !strings.HasPrefix(rest[1+len(quoted):], "]") {
			return bad()
		}
		if a.Key, err = strconv.Unquote(quoted); err != nil || a.Key == "" {
			return bad()
		}
		rest = rest[len(quoted)+2:]
	}
	if rest != "" {
		if rest[0] != '.' || len(rest) == 1 {
			return bad()
		}
		a.Part = rest[1:]
	}
	return a, nil
}

// ident reports whether s may be the type or name of a block.
func ident(s string) bool {
	for i, r := range s {
		switch {
		case r == '_', 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', r > 127:
		case i > 0 && ('0' <= r && r <= '9' || r == '-'):
		default:
			return false
		}
	}
	return s != ""
}
