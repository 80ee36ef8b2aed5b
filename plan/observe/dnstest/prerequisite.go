package dnstest

import (
	"github.com/miekg/dns"

	"github.com/mailrelay/mailrelay/schema/rr"
)

// prerequisites gives the code of the first prerequisite that does not hold
// (RFC 2136, 3.2).
func (z *zone) prerequisites(section []dns.RR) int {
	type rrset struct {
		name string
		code uint16
	}
	exact := map[rrset][]dns.RR{}
	for _, r := range section {
		h := r.Header()
		name := dns.CanonicalName(h.Name)
		if h.Ttl != 0 {
			return dns.RcodeFormatError
		}
		if !dns.IsSubDomain(z.name, name) {
			return dns.RcodeNotZone
		}
		used := len(z.nodes[name]) > 0
		stands := len(z.get(name, h.Rrtype)) > 0
		anything := h.Rrtype == dns.TypeANY
		switch h.Class {
		case dns.ClassINET:
			k := rrset{name, h.Rrtype}
			exact[k] = append(exact[k], r)
			continue
		case dns.ClassANY, dns.ClassNONE:
			if h.Rdlength != 0 {
				return dns.RcodeFormatError
			}
		default:
			return dns.RcodeFormatError
		}
		switch present := h.Class == dns.ClassANY; {
		case present && anything && !used:
			return dns.RcodeNameError
		case present && !anything && !stands:
			return dns.RcodeNXRrset
		case !present && anything && used:
			return dns.RcodeYXDomain
		case !present && !anything && stands:
			return dns.RcodeYXRrset
		}
	}
	for k, want := range exact {
		if !sameSet(z.get(k.name, k.code), want) {
			return dns.RcodeNXRrset
		}
	}
	return dns.RcodeSuccess
}

// prescan looks for updates that make the whole message void (RFC 2136, 3.4.1).
func (z *zone) prescan(section []dns.RR) int {
	for _, r := range section {
		h := r.Header()
		meta := h.Rrtype == dns.TypeAXFR || h.Rrtype == dns.TypeMAILA || h.Rrtype == dns.TypeMAILB
		switch {
		case !dns.IsSubDomain(z.name, h.Name):
			return dns.RcodeNotZone
		case meta:
			return dns.RcodeFormatError
		case h.Class == dns.ClassINET && h.Rrtype != dns.TypeANY:
		case h.Class == dns.ClassANY && h.Ttl == 0 && h.Rdlength == 0:
		case h.Class == dns.ClassNONE && h.Ttl == 0 && h.Rrtype != dns.TypeANY:
		default:
			return dns.RcodeFormatError
		}
	}
	return dns.RcodeSuccess
}

// same compares data byte for byte, as Knot does.
func same(a, b dns.RR) bool {
	x, errX := rr.Wire(a)
	y, errY := rr.Wire(b)
	return errX == nil && errY == nil && a.Header().Rrtype == b.Header().Rrtype && x == y
}

// sameSet compares RRsets without regard to order.
func sameSet(have, want []dns.RR) bool {
	in := func(r dns.RR, set []dns.RR) bool {
		for _, s := range set {
			if same(r, s) {
				return true
			}
		}
		return false
	}
	for _, r := range want {
		if !in(r, have) {
			return false
		}
	}
	for _, r := range have {
		if !in(r, want) {
			return false
		}
	}
	return true
}
