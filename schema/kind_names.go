package schema

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/idna"

	"github.com/mailrelay/mailrelay/schema/rr"
)

// DomainName is a domain name: U-labels are taken, A-labels are kept, in lower case
// and without a final dot.
func DomainName() Kind { return scalar{"a domain name like contoso.com", CanonDomain} }

// CanonDomain is the canonical form of a domain name: A-labels (RFC 5891), lower
// case, without the final dot. Underscores may stand in labels.
func CanonDomain(s string) (string, error) {
	name := strings.TrimSuffix(s, ".")
	if rr.Plain(name) {
		return name, nil
	}
	ascii, err := idna.New(idna.MapForLookup(), idna.Transitional(false), idna.StrictDomainName(false)).ToASCII(name)
	if err != nil {
		return "", fmt.Errorf("%q is not a domain name: write it like contoso.com", s)
	}
	ascii = strings.ToLower(ascii)
	if ascii == "" || len(ascii) > 253 {
		return "", fmt.Errorf("%q is not a domain name: it must have 1 to 253 characters", s)
	}
	for label := range strings.SplitSeq(ascii, ".") {
		if label == "" || len(label) > 63 {
			return "", fmt.Errorf("%q is not a domain name: each part between dots must have 1 to 63 characters", s)
		}
		for i, c := range []byte(label) {
			hyphen := c == '-' && i > 0 && i < len(label)-1
			if !hyphen && c != '_' && (c < 'a' || c > 'z') && (c < '0' || c > '9') {
				return "", fmt.Errorf("%q is not a domain name: %q may not stand there", s, string(c))
			}
		}
	}
	return ascii, nil
}

// Host is the name of a machine: a domain name of letters, digits and hyphens
// (RFC 1123, 2.1), of two labels at least.
func Host() Kind {
	return scalar{"a host name like relay.contoso.com", func(s string) (string, error) {
		name, err := CanonDomain(s)
		if err != nil {
			return "", err
		}
		if strings.Contains(name, "_") || !strings.Contains(name, ".") {
			return "", fmt.Errorf("%q is not a full host name: write it like relay.contoso.com", s)
		}
		if likeAddress(name) {
			return "", fmt.Errorf("%q is an address: write a name like relay.contoso.com", s)
		}
		return name, nil
	}}
}

// likeAddress reports whether a name is an IPv4 address, or would be one with
// other numbers: no top-level domain is a number.
func likeAddress(name string) bool {
	_, err := strconv.ParseUint(name[strings.LastIndexByte(name, '.')+1:], 10, 64)
	return err == nil
}

// RecordName is the owner name of a record relative to its zone, "@" for the
// zone itself.
func RecordName() Kind {
	return scalar{`a name relative to the zone, "@" for the zone itself`, func(s string) (string, error) {
		if s == "@" {
			return s, nil
		}
		if strings.HasSuffix(s, ".") {
			return "", fmt.Errorf("%q is a full name: write it relative to the zone, without the final dot", s)
		}
		rest, wild := strings.CutPrefix(s, "*.")
		if s == "*" {
			return s, nil
		}
		name, err := CanonDomain(rest)
		if wild {
			name = "*." + name
		}
		return name, err
	}}
}

// AcceptedName is the name of an accepted domain: a domain, "*.domain", or "*".
func AcceptedName() Kind {
	return scalar{"a domain like contoso.com or *.contoso.com", canonSpace}
}

// AddressSpace is what a connector is for: contoso.com that domain alone,
// *.contoso.com the domain and all below, * everything.
func AddressSpace() Kind {
	return scalar{"an address space like contoso.com, *.contoso.com or *", canonSpace}
}

func canonSpace(s string) (string, error) {
	if s == "*" {
		return s, nil
	}
	rest, wild := strings.CutPrefix(s, "*.")
	name, err := CanonDomain(rest)
	if wild {
		name = "*." + name
	}
	return name, err
}

// HostPort is a host name or address with an optional port; port is what stands
// when none is given, and 0 leaves it out of the canonical form.
func HostPort(port uint16) Kind {
	return scalar{"a host or address with an optional port, like mail.contoso.com:25 or [2001:db8::1]:25", func(s string) (string, error) {
		return CanonHostPort(s, port)
	}}
}

// CanonHostPort is the canonical form of host[:port]. IPv6 addresses stand in
// brackets when a port follows.
func CanonHostPort(s string, port uint16) (string, error) {
	bad := fmt.Errorf("%q is not a host: write a name or an address, with :port behind it if needed", s)
	if ap, err := netip.ParseAddrPort(s); err == nil && ap.Port() != 0 {
		return ap.String(), nil
	}
	host, open := strings.CutPrefix(s, "[")
	host, closed := strings.CutSuffix(host, "]")
	if a, err := netip.ParseAddr(host); err == nil && open == closed {
		if port != 0 {
			return netip.AddrPortFrom(a, port).String(), nil
		}
		return a.String(), nil
	}
	name, digits, ok := strings.Cut(s, ":")
	canon, err := CanonDomain(name)
	if err != nil || likeAddress(canon) {
		return "", bad
	}
	switch {
	case ok:
		n, err := strconv.ParseUint(digits, 10, 16)
		if err != nil || n == 0 {
			return "", bad
		}
		return canon + ":" + strconv.FormatUint(n, 10), nil
	case port != 0:
		return canon + ":" + strconv.Itoa(int(port)), nil
	}
	return canon, nil
}

// MailAddress is local@domain.
func MailAddress() Kind {
	return scalar{"a mail address like user@contoso.com", func(s string) (string, error) {
		m, err := ParseMailbox(s)
		if err != nil {
			return "", err
		}
		return m.String(), nil
	}}
}

// Mailbox is an address of a message. Local is unquoted; Domain is an address
// literal in brackets or in canonical form. The zero Mailbox is the null
// reverse-path.
type Mailbox struct{ Local, Domain string }

// IsNull reports whether m is the null reverse-path <>.
func (m Mailbox) IsNull() bool { return m == Mailbox{} }

// String writes m as local@domain, the local part quoted where RFC 5321, 4.1.2
// wants it.
func (m Mailbox) String() string {
	local := m.Local
	if !dotString(local) {
		local = `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(local) + `"`
	}
	switch {
	case m.IsNull():
		return ""
	case m.Domain == "":
		return local
	}
	return local + "@" + m.Domain
}

// MarshalText writes m as String does.
func (m Mailbox) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// UnmarshalText reads what MarshalText writes.
func (m *Mailbox) UnmarshalText(text []byte) (err error) {
	switch s := string(text); {
	case s == "":
		*m = Mailbox{}
	case strings.EqualFold(s, "postmaster"):
		*m = Mailbox{Local: s}
	default:
		*m, err = ParseMailbox(s)
	}
	return err
}

// ParseMailbox reads local@domain. The local part may be quoted.
func ParseMailbox(s string) (Mailbox, error) {
	i := strings.LastIndexByte(s, '@')
	if i <= 0 || i == len(s)-1 {
		return Mailbox{}, fmt.Errorf("%q is not a mail address: write it like user@contoso.com", s)
	}
	local, domain := s[:i], s[i+1:]
	if strings.HasPrefix(local, `"`) {
		unquoted, err := unquote(local)
		if err != nil {
			return Mailbox{}, fmt.Errorf("%q is not a mail address: %w", s, err)
		}
		local = unquoted
	} else if !dotString(local) {
		return Mailbox{}, fmt.Errorf("%q is not a mail address: the part before the @ needs quotes", s)
	}
	return NewMailbox(local, domain)
}

// NewMailbox makes a Mailbox of an unquoted local part and a domain as a client
// wrote it. Control characters, and more than the 64 and 255 bytes of RFC 5321,
// 4.5.3.1 are errors.
func NewMailbox(local, domain string) (Mailbox, error) {
	if len(local) > 64 || len(domain) > 255 {
		return Mailbox{}, fmt.Errorf("the address is too long: 64 bytes may stand before the @ and 255 behind it")
	}
	if local == "" || !utf8.ValidString(local) || strings.ContainsFunc(local, control) {
		return Mailbox{}, fmt.Errorf("the part before the @ is empty or holds characters that no address may hold")
	}
	if strings.HasPrefix(domain, "[") {
		lit, ok := strings.CutSuffix(domain[1:], "]")
		lit = strings.TrimPrefix(strings.ToLower(lit), "ipv6:")
		a, err := netip.ParseAddr(lit)
		if !ok || err != nil {
			return Mailbox{}, fmt.Errorf("%q is not an address literal", domain)
		}
		if a.Is6() {
			return Mailbox{local, "[IPv6:" + a.String() + "]"}, nil
		}
		return Mailbox{local, "[" + a.String() + "]"}, nil
	}
	if rr.Plain(domain) {
		return Mailbox{local, domain}, nil
	}
	d, err := CanonDomain(domain)
	return Mailbox{local, d}, err
}

func unquote(s string) (string, error) {
	if len(s) < 2 || s[len(s)-1] != '"' {
		return "", fmt.Errorf("a quote is not closed")
	}
	var b strings.Builder
	in := s[1 : len(s)-1]
	for i := 0; i < len(in); i++ {
		switch {
		case in[i] == '"':
			return "", fmt.Errorf("a quote stands inside the quotes")
		case in[i] == '\\':
			if i++; i == len(in) {
				return "", fmt.Errorf("a quote is not closed")
			}
		}
		b.WriteByte(in[i])
	}
	return b.String(), nil
}

// dotString reports whether s is a Dot-string of RFC 5321, 4.1.2 (with RFC 6531:
// characters beyond ASCII are atoms).
func dotString(s string) bool {
	if s == "" || s[0] == '.' || s[len(s)-1] == '.' || strings.Contains(s, "..") {
		return false
	}
	return !strings.ContainsFunc(s, func(r rune) bool {
		return r <= ' ' || r == 127 || strings.ContainsRune(`()<>[]:;@\,"`, r)
	})
}

func control(r rune) bool { return r < ' ' || 127 <= r && r < 160 }

// FindingCode is the permanent code of a finding: "MR101".
func FindingCode() Kind {
	return scalar{`the code of a finding like "MR101"`, func(s string) (string, error) {
		up := strings.ToUpper(s)
		digits, ok := strings.CutPrefix(up, "MR")
		if _, err := strconv.ParseUint(digits, 10, 16); !ok || err != nil || len(digits) != 3 {
			return "", fmt.Errorf("%q is not the code of a finding: write it like \"MR101\", as reports show it", s)
		}
		return up, nil
	}}
}

// Reason is a sentence for those who read reports.
func Reason() Kind {
	return scalar{"a reason in words", func(s string) (string, error) {
		if strings.TrimSpace(s) == "" {
			return "", fmt.Errorf("the reason is empty: say why the finding is accepted")
		}
		return s, nil
	}}
}
