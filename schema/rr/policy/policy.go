// Package policy reads the mail policies that TXT records hold: SPF (RFC 7208),
// DMARC (RFC 7489), MTA-STS (RFC 8461), TLS reporting (RFC 8460) and DKIM keys (RFC
// 6376). It is the only place that reads their texts, and says how two of them
// differ in what receivers make of them.
//
// Texts come from anybody's name server. Whatever they hold, nothing here panics,
// and what cannot be read is an error that says why receivers cannot either.
package policy

import "strings"

// Kind is a policy, as people call it.
type Kind string

// The policies that are read here.
const (
	None   Kind = "" // another text
	SPF    Kind = "SPF"
	DMARC  Kind = "DMARC"
	MTASTS Kind = "MTA-STS"
	TLSRPT Kind = "TLS-RPT"
	DKIM   Kind = "DKIM"
)

// KindOf says which policy a TXT record with that text is at name, which is full,
// in lower case and with the final dot.
func KindOf(name, text string) Kind {
	switch {
	case isSPF(text):
		return SPF
	case strings.HasPrefix(name, "_dmarc.") && begins(text, "v=DMARC1"):
		return DMARC
	case strings.HasPrefix(name, "_mta-sts.") && begins(text, "v=STSv1"):
		return MTASTS
	case strings.HasPrefix(name, "_smtp._tls.") && begins(text, "v=TLSRPTv1"):
		return TLSRPT
	case strings.Contains(name, "._domainkey.") && isDKIM(text):
		return DKIM
	}
	return None
}

// begins reports whether text is a list of tags that has the version first. The
// version itself knows case (RFC 7489, 6.4; RFC 8461, 3.1; RFC 8460, 3).
func begins(text, version string) bool {
	rest, ok := strings.CutPrefix(text, version)
	return ok && (rest == "" || strings.ContainsRune(" \t;", rune(rest[0])))
}
