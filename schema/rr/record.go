package rr

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/miekg/dns"
)

// Record makes a record that can be put on the wire. TXT is cut into strings of
// at most 255 bytes. d must be canonical, as Parse and Read give it.
func Record(name, typ string, ttl uint32, d Data) (dns.RR, error) {
	h, err := header(name, typ, ttl)
	if err != nil {
		return nil, err
	}
	var r dns.RR
	switch {
	case typ == "TXT":
		r = textRecord(h, d)
	case formOf(typ).words == 0:
		hexed := strings.Fields(string(d))
		if len(hexed) < 2 {
			return nil, fmt.Errorf("%s %s: %q is not record data", name, typ, shorten(string(d)))
		}
		r = &dns.RFC3597{Hdr: h, Rdata: strings.Join(hexed[2:], "")}
	default:
		r, err = dns.NewRR(". 0 IN " + typ + " " + string(d))
		if err != nil || r == nil {
			return nil, fmt.Errorf("%s %s: %q is not record data: %w", name, typ, shorten(string(d)), err)
		}
		*r.Header() = h
	}
	// What does not read back as the same would be seen as a difference for ever.
	if got := Read(r); got != d || r.Header().Rrtype != h.Rrtype {
		return nil, fmt.Errorf("%s %s: %q is not record data in canonical form", name, typ, shorten(string(d)))
	}
	return r, nil
}

func header(name, typ string, ttl uint32) (dns.RR_Header, error) {
	code, err := Code(typ)
	if err != nil {
		return dns.RR_Header{}, err
	}
	if _, err := canonName(name); err != nil {
		return dns.RR_Header{}, err
	}
	return dns.RR_Header{Name: name, Rrtype: code, Class: dns.ClassINET, Ttl: ttl}, nil
}

// Collect makes a Set of those records that are of the type of k, whoever owns
// them, and gives the data of each as read (see Wire) in the order of Set.Data.
// The TTL is the lowest (RFC 2181, 5.2). Set is nil if there are none.
func Collect(k Key, records []dns.RR) (*Set, []string, error) {
	type value struct {
		data Data
		wire string
	}
	var values []value
	var ttl uint32
	for _, r := range records {
		if TypeOf(r) != k.Type {
			continue
		}
		b, err := rdata(r)
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", r.Header().Name, err)
		}
		if t := r.Header().Ttl; len(values) == 0 || t < ttl {
			ttl = t
		}
		values = append(values, value{dataOf(r, b), hex.EncodeToString(b)})
	}
	if len(values) == 0 {
		return nil, nil, nil
	}
	slices.SortStableFunc(values, func(a, b value) int { return strings.Compare(string(a.data), string(b.data)) })
	values = slices.CompactFunc(values, func(a, b value) bool { return a.data == b.data })
	s := &Set{Name: k.Name, Type: k.Type, TTL: ttl}
	wire := make([]string, len(values))
	for i, v := range values {
		s.Data = append(s.Data, v.data)
		wire[i] = v.wire
	}
	return s, wire, nil
}
