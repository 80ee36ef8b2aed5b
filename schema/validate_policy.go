package schema

import (
	"fmt"
	"strings"

	"github.com/mailrelay/mailrelay/schema/rr"
)

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
