package policy

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// MaxLookups is how many look-ups the evaluation of an SPF record may cost, and
// MaxVoid how many of them may find nothing (RFC 7208, 4.6.4).
const (
	MaxLookups = 10
	MaxVoid    = 2
)

// Record is an SPF record: its terms in their order.
type Record []Term

// Term is one term of an SPF record in canonical form, so that == tells whether
// two terms are the same.
type Term struct {
	Qualifier byte // '+', '?', '~' or '-'; 0 for a modifier (name=value)
	Name      string
	// Domain is what include, exists, a, mx, ptr and modifiers name, in lower case
	// unless it holds macros, without a final dot; empty: the record's own name.
	Domain string
	Net    netip.Prefix // of ip4 and ip6, without host bits
	// Bits are the lengths of the networks around the addresses of a and mx; 32 and
	// 128 unless given, 0 for other terms.
	Bits4, Bits6 int
}

// Mechanisms are the names of the terms that a sender can match (RFC 7208, 5).
func Mechanisms() []string {
	return []string{"all", "include", "a", "mx", "ptr", "ip4", "ip6", "exists"}
}

// UnknownTerm is the error about a term that is none of SPF.
type UnknownTerm struct{ Name string }

func (e *UnknownTerm) Error() string {
	return fmt.Sprintf("%q is not a term of SPF, and receivers would treat the record as broken", e.Name)
}

// isSPF reports whether receivers take a text for an SPF record (RFC 7208, 4.5).
func isSPF(text string) bool {
	const version = "v=spf1"
	return len(text) >= len(version) && strings.EqualFold(text[:len(version)], version) &&
		(len(text) == len(version) || text[len(version)] == ' ')
}

// ReadSPF reads the text of an SPF record. The error is about the first term for
// which receivers would treat the record as broken (permerror; RFC 7208, 4.6); the
// record holds the others all the same.
func ReadSPF(text string) (Record, error) {
	if !isSPF(text) {
		return nil, fmt.Errorf("%q is no SPF record: one begins with v=spf1 and a space", text)
	}
	var r Record
	var first error
	once := map[string]bool{}
	for word := range strings.SplitSeq(text[len("v=spf1"):], " ") {
		if word == "" {
			continue
		}
		t, err := readTerm(word)
		if err == nil && t.Modifier() && (t.Name == "redirect" || t.Name == "exp") {
			if once[t.Name] {
				err = fmt.Errorf("%s stands twice, and receivers would treat the record as broken: leave one", t.Name)
			}
			once[t.Name] = true
		}
		switch {
		case err == nil:
			r = append(r, t)
		case first == nil:
			first = err
		}
	}
	return r, first
}

// Modifier reports whether t is a modifier and no mechanism.
func (t Term) Modifier() bool { return t.Qualifier == 0 }

func readTerm(word string) (Term, error) {
	end := strings.IndexAny(word, ":=/")
	if end > 0 && word[end] == '=' && modifierName(word[:end]) {
		t := Term{Name: strings.ToLower(word[:end]), Domain: domain(word[end+1:])}
		if t.Domain == "" && (t.Name == "redirect" || t.Name == "exp") {
			return t, fmt.Errorf("%q needs a domain, and receivers would treat the record as broken: write it like %s=spf.contoso.com", t.Name, t.Name)
		}
		return t, nil
	}
	t := Term{Qualifier: '+'}
	if strings.IndexByte("+-~?", word[0]) >= 0 {
		t.Qualifier, word = word[0], word[1:]
	}
	end = strings.IndexAny(word, ":/=")
	if end < 0 {
		end = len(word)
	}
	t.Name = strings.ToLower(word[:end])
	if !slices.Contains(Mechanisms(), t.Name) || end < len(word) && word[end] == '=' {
		return t, &UnknownTerm{t.Name}
	}
	return t.with(word[end:])
}

// with reads what stands behind the name of a mechanism.
func (t Term) with(rest string) (Term, error) {
	value, given := strings.CutPrefix(rest, ":")
	broken := func(format string, args ...any) (Term, error) {
		return t, fmt.Errorf(format+", and receivers would treat the record as broken", args...)
	}
	switch t.Name {
	case "all":
		if rest != "" {
			return broken("%q has something behind all", "all"+rest)
		}
		return t, nil
	case "ip4", "ip6":
		p, ok := network(t.Name, value)
		if !given || !ok {
			return t, fmt.Errorf("%q is no network for %s, and receivers would treat the record as broken: write it like ip4:203.0.113.0/24 or ip6:2001:db8::/32", value, t.Name)
		}
		t.Net = p
		return t, nil
	case "a", "mx":
		if !given {
			value = rest
		}
		name, ok := t.lengths(value)
		if !ok {
			return broken("%q does not end with prefix lengths, like a:contoso.com/24//64", t.Name+rest)
		}
		t.Domain = domain(name)
	default:
		t.Domain = domain(value)
	}
	switch {
	case t.Domain == "" && (t.Name == "include" || t.Name == "exists" || given):
		return t, fmt.Errorf("%q needs a domain, and receivers would treat the record as broken: write it like %s:spf.contoso.com", t.Name, t.Name)
	case t.Domain != "" && !given:
		return broken("%q holds a slash where none may be", t.Name+rest)
	case t.Name != "a" && t.Name != "mx" && strings.Contains(outside(t.Domain), "/"):
		return broken("%q names no domain", t.Name+rest)
	}
	for _, c := range []byte(t.Domain) {
		if c <= ' ' || c > '~' {
			return broken("%q holds a character that no domain can", t.Name+rest)
		}
	}
	return t, nil
}

// lengths cuts the prefix lengths, /24, //64 or /24//64, off the value of a or mx.
func (t *Term) lengths(value string) (name string, ok bool) {
	t.Bits4, t.Bits6 = 32, 128
	macros := strings.LastIndexByte(value, '}') + 1 // a slash may stand in a macro
	slash := strings.IndexByte(value[macros:], '/')
	if slash < 0 {
		return value, true
	}
	name, tail := value[:macros+slash], value[macros+slash:]
	four, six, dual := strings.Cut(tail, "//")
	if dual {
		if t.Bits6, ok = prefixLength(six, 128); !ok {
			return name, false
		}
	}
	if four != "" {
		if t.Bits4, ok = prefixLength(strings.TrimPrefix(four, "/"), 32); !ok {
			return name, false
		}
	}
	return name, true
}

func prefixLength(s string, most int) (int, bool) {
	n, err := strconv.Atoi(s)
	return n, err == nil && n >= 0 && n <= most && strconv.Itoa(n) == s
}

func network(family, text string) (netip.Prefix, bool) {
	host, length, sized := strings.Cut(text, "/")
	a, err := netip.ParseAddr(host)
	if err != nil || a.Is4() != (family == "ip4") || a.Zone() != "" {
		return netip.Prefix{}, false
	}
	bits, ok := a.BitLen(), true
	if sized {
		bits, ok = prefixLength(length, bits)
	}
	return netip.PrefixFrom(a, bits).Masked(), ok
}

// domain is a domain-spec in canonical form. The case of macros has a meaning.
func domain(s string) string {
	s = strings.TrimSuffix(s, ".")
	if strings.ContainsRune(s, '%') {
		return s
	}
	return strings.ToLower(s)
}

// outside is s without what stands in the braces of macros.
func outside(s string) string {
	var b strings.Builder
	depth := false
	for i := range len(s) {
		switch {
		case s[i] == '{':
			depth = true
		case s[i] == '}':
			depth = false
		case !depth:
			b.WriteByte(s[i])
		}
	}
	return b.String()
}

func modifierName(s string) bool {
	for i, c := range []byte(strings.ToLower(s)) {
		letter := c >= 'a' && c <= 'z'
		if !letter && (i == 0 || (c < '0' || c > '9') && strings.IndexByte("-_.", c) < 0) {
			return false
		}
	}
	return s != ""
}

// Macros reports whether the domain of t depends on the message, so that only who
// gets one knows it (RFC 7208, 7).
func (t Term) Macros() bool { return strings.ContainsRune(t.Domain, '%') }

// String writes the term as it stands in a record.
func (t Term) String() string {
	if t.Modifier() {
		return t.Name + "=" + t.Domain
	}
	if t.Qualifier == '+' {
		return t.Mechanism()
	}
	return string(t.Qualifier) + t.Mechanism()
}

// Mechanism writes the term without its qualifier.
func (t Term) Mechanism() string {
	s := t.Name
	switch {
	case t.Net.IsValid() && t.Net.IsSingleIP():
		return s + ":" + t.Net.Addr().String()
	case t.Net.IsValid():
		return s + ":" + t.Net.String()
	case t.Domain != "":
		s += ":" + t.Domain
	}
	if t.Name == "a" || t.Name == "mx" {
		if t.Bits4 != 32 {
			s += fmt.Sprintf("/%d", t.Bits4)
		}
		if t.Bits6 != 128 {
			s += fmt.Sprintf("//%d", t.Bits6)
		}
	}
	return s
}

// String writes the record.
func (r Record) String() string {
	var b strings.Builder
	b.WriteString("v=spf1")
	for _, t := range r {
		b.WriteString(" " + t.String())
	}
	return b.String()
}

// Effective are the mechanisms that receivers get to, the redirect if they follow
// it, and the explanation: not what stands behind all, no modifier that nobody
// knows (RFC 7208, 5.1, 6).
func (r Record) Effective() Record {
	all := slices.IndexFunc(r, func(t Term) bool { return t.Name == "all" && !t.Modifier() })
	var out Record
	for i, t := range r {
		switch {
		case t.Modifier() && (t.Name == "exp" || t.Name == "redirect" && all < 0), !t.Modifier() && (all < 0 || i <= all):
			out = append(out, t)
		}
	}
	return out
}
