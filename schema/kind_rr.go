package schema

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// rrTypes are the record types with a form that package rr knows.
func rrTypes() []string {
	return []string{"A", "AAAA", "CAA", "CNAME", "DS", "MX", "NS", "PTR", "SRV", "SSHFP", "TLSA", "TXT"}
}

// RRType is a DNS record type, or TYPEn of RFC 3597.
func RRType() Kind {
	return scalar{"a record type: " + list(rrTypes()) + " or TYPEn", func(s string) (string, error) {
		up := strings.ToUpper(s)
		if slices.Contains(rrTypes(), up) {
			return up, nil
		}
		if n, ok := strings.CutPrefix(up, "TYPE"); ok {
			if code, err := strconv.ParseUint(n, 10, 16); err == nil && code > 0 {
				return "TYPE" + strconv.FormatUint(code, 10), nil
			}
		}
		return "", fmt.Errorf("%q is not a record type known here: write one of %s, or TYPEn%s", s, list(rrTypes()), DidYouMean(up, rrTypes()))
	}}
}

// ExpectName is a name relative to a zone, or a full name.
func ExpectName() Kind {
	return scalar{"a name relative to the zone, or a full name", func(s string) (string, error) {
		return RecordName().(scalar).canon(strings.TrimSuffix(s, "."))
	}}
}
