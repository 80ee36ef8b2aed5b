package schema

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/mailrelay/mailrelay/schema/rr"
)

// maxLookups is how many look-ups the evaluation of an SPF record may cost (RFC
// 7208, 4.6.4).
const maxLookups = 10

// policies finds texts of which a name may hold one alone, and SPF records that
// receivers would not evaluate, as far as this configuration knows.
func (v *validation) policies() {
	type place struct {
		zone       *Zone
		name, kind string
	}
	held := map[place]*Record{} // the first of a kind at a name
	spf := map[string]string{}  // by full name
	type policy struct {
		record *Record
		name   string
		text   string
	}
	var found []policy
	for _, r := range v.written {
		z := At[*Zone](v.config, r.Zone)
		if r.Type != "TXT" || z == nil {
			continue
		}
		name := rr.Full(r.Name, z.Name)
		for _, text := range r.Values {
			kind := policyKind(name, text)
			if kind == "" {
				continue
			}
			key := place{z, name, kind}
			if first := held[key]; first != nil {
				v.report(r, "values", "Two "+kind+" records", "%s holds %s already, and a name with two of them is treated as if it had none, or as broken. %s", strings.TrimSuffix(name, "."), article(kind), oneOf(first, r))
				continue
			}
			held[key] = r
			if kind == "SPF" {
				spf[name] = text
				found = append(found, policy{r, name, text})
			}
		}
	}
	ringed := map[string]bool{}
	for _, p := range found {
		if err := spfTerms(p.text); err != nil {
			v.report(p.record, "values", "Invalid SPF record", "%s", sentence(err))
			continue
		}
		n, ring := lookups(spf, p.name, nil)
		switch {
		case ring != nil && ringed[ring[0]]:
		case ring != nil:
			for _, name := range ring {
				ringed[name] = true
			}
			v.report(p.record, "values", "SPF records in a ring", "These SPF records include each other: %s. Receivers would treat them as broken. Take one include away.", chain(ring))
		case n > maxLookups:
			v.report(p.record, "values", "Too many look-ups", "Whoever evaluates this SPF record needs %d look-ups at least, and %d are allowed (RFC 7208, 4.6.4): receivers would treat the record as broken. Take out what is no longer used, or list addresses instead of names.", n, maxLookups)
		}
	}
}

func oneOf(first, second *Record) string {
	if first == second {
		return "Write one value, with everything in it."
	}
	return fmt.Sprintf("Put everything into one value, in %s or in %s.", first.Addr(), second.Addr())
}

// policyKind says which policy a text is, of those that a name holds once.
func policyKind(name, text string) string {
	begins := func(version string) bool {
		rest, ok := strings.CutPrefix(text, version)
		return ok && (rest == "" || strings.ContainsRune(" \t;", rune(rest[0])))
	}
	switch {
	case len(text) >= 6 && strings.EqualFold(text[:6], "v=spf1") && (len(text) == 6 || text[6] == ' '):
		return "SPF"
	case strings.HasPrefix(name, "_dmarc.") && begins("v=DMARC1"):
		return "DMARC"
	case strings.HasPrefix(name, "_mta-sts.") && begins("v=STSv1"):
		return "MTA-STS"
	case strings.HasPrefix(name, "_smtp._tls.") && begins("v=TLSRPTv1"):
		return "TLS reporting"
	}
	return ""
}

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
