package schema

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// maxLookups is how many look-ups the evaluation of an SPF record may cost (RFC
// 7208, 4.6.4).
const maxLookups = 10

// spfTerm is a term of an SPF record without its qualifier: "include" and
// "_spf.contoso.com". modifier is set for name=value.
type spfTerm struct {
	name, value string
	modifier    bool
}

func termsOf(text string) []spfTerm {
	var out []spfTerm
	for _, word := range strings.Fields(text)[1:] {
		i := strings.IndexAny(word, ":=/")
		switch {
		case i < 0:
			out = append(out, spfTerm{name: strings.ToLower(strings.TrimLeft(word, "+-~?"))})
		case word[i] == '=':
			out = append(out, spfTerm{strings.ToLower(word[:i]), word[i+1:], true})
		default:
			out = append(out, spfTerm{name: strings.ToLower(strings.TrimLeft(word[:i], "+-~?")), value: strings.TrimPrefix(word[i:], ":")})
		}
	}
	return out
}

// spfTerms finds terms that make receivers treat a record as broken (RFC 7208,
// 4.6). Modifiers that are not known are ignored by all.
func spfTerms(text string) error {
	known := []string{"all", "include", "a", "mx", "ptr", "ip4", "ip6", "exists"}
	for _, t := range termsOf(text) {
		switch {
		case t.modifier:
		case !slices.Contains(known, t.name):
			return fmt.Errorf("%q is not a term of SPF, and receivers would treat the record as broken: write one of %s%s", t.name, list(known), DidYouMean(t.name, known))
		case t.name == "ip4" || t.name == "ip6":
			if !spfNetwork(t.name, t.value) {
				return fmt.Errorf("%q is no network for %s, and receivers would treat the record as broken: write it like ip4:203.0.113.0/24 or ip6:2001:db8::/32", t.value, t.name)
			}
		case (t.name == "include" || t.name == "exists") && t.value == "":
			return fmt.Errorf("%q needs a domain, and receivers would treat the record as broken: write it like %s:spf.contoso.com", t.name, t.name)
		}
	}
	return nil
}

func spfNetwork(family, text string) bool {
	a, err := netip.ParseAddr(text)
	if err != nil {
		p, perr := netip.ParsePrefix(text)
		a, err = p.Addr(), perr
	}
	return err == nil && a.Is4() == (family == "ip4") && a.Zone() == ""
}

// lookups counts the look-ups of the SPF record of a name, those of included
// records too where this configuration holds them. ring is the way back to a
// record that includes itself.
func lookups(spf map[string]string, name string, path []string) (n int, ring []string) {
	if i := slices.Index(path, name); i >= 0 {
		return 0, append(slices.Clone(path[i:]), name)
	}
	text, ok := spf[name]
	if !ok || len(path) > maxLookups {
		return 0, nil
	}
	path = append(path, name)
	all := slices.ContainsFunc(termsOf(text), func(t spfTerm) bool { return t.name == "all" })
	for _, t := range termsOf(text) {
		switch {
		case t.modifier && t.name == "redirect" && !all, t.name == "include":
			n++
			inner, err := CanonDomain(t.value)
			if err != nil {
				continue
			}
			more, ring := lookups(spf, inner+".", path)
			if ring != nil {
				return 0, ring
			}
			n += more
		case !t.modifier && slices.Contains([]string{"a", "mx", "ptr", "exists"}, t.name):
			n++
		}
		if n > 1000 { // far beyond, and the ways through includes may be many
			return n, nil
		}
	}
	return n, nil
}
