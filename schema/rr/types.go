package rr

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/miekg/dns"
)

// Code is the number of a record type: one of the twelve that have a form of
// their own here, or TYPEn of RFC 3597, 5. A TYPEn that is one of the twelve, or
// that no zone may hold as a record of its own, is an error that says what to
// write instead.
func Code(typ string) (uint16, error) {
	if code, ok := named(typ); ok {
		return code, nil
	}
	digits, ok := strings.CutPrefix(typ, "TYPE")
	n, err := strconv.ParseUint(digits, 10, 16)
	if !ok || err != nil || n == 0 {
		return 0, fmt.Errorf("%q is not a record type: write one of A, AAAA, CAA, CNAME, DS, MX, NS, PTR, SRV, SSHFP, TLSA, TXT or TYPEn", typ)
	}
	code := uint16(n)
	switch name := dns.TypeToString[code]; {
	case isNamed(name):
		return 0, fmt.Errorf("%s is the number of %s: write type %q", typ, name, name)
	case code == dns.TypeSOA:
		return 0, fmt.Errorf("%s is SOA, which the name server keeps itself: leave it out", typ)
	case code == dns.TypeOPT, 128 <= code && code <= 255: // RFC 6895, 3.1
		return 0, fmt.Errorf("%s is a type of questions, not of records: write another type", typ)
	}
	return code, nil
}

// TypeOf is the type of r as Set.Type holds it: a name only for the twelve types
// with a form of their own, TYPEn for all others, whatever names they have
// elsewhere.
func TypeOf(r dns.RR) string {
	code := r.Header().Rrtype
	if name := dns.TypeToString[code]; isNamed(name) {
		return name
	}
	return "TYPE" + strconv.Itoa(int(code))
}

// named gives the number of a type with a form of its own.
func named(typ string) (uint16, bool) {
	if !isNamed(typ) {
		return 0, false
	}
	return dns.StringToType[typ], true
}

func isNamed(typ string) bool {
	switch typ {
	case "A", "AAAA", "CAA", "CNAME", "DS", "MX", "NS", "PTR", "SRV", "SSHFP", "TLSA", "TXT":
		return true
	}
	return false
}
