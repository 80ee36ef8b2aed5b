package dnstest

import (
	"errors"
	"time"

	"github.com/miekg/dns"
)

// update does what an UPDATE asks for (RFC 2136, 3) and gives the code of the
// answer. It adds a TSIG to the answer only where the signature is at fault.
func (h handler) update(w dns.ResponseWriter, q, answer *dns.Msg) int {
	if code, bad := signature(w, q); bad != 0 {
		t := q.IsTsig()
		answer.SetTsig(t.Hdr.Name, t.Algorithm, 300, time.Now().Unix())
		answer.IsTsig().Error = bad
		return code
	}
	if h.secured && q.IsTsig() == nil {
		return dns.RcodeRefused
	}
	zs := q.Question[0]
	if zs.Qtype != dns.TypeSOA {
		return dns.RcodeFormatError
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	z := h.zones[dns.CanonicalName(zs.Name)]
	if z == nil || zs.Qclass != dns.ClassINET {
		return dns.RcodeNotAuth
	}
	if code := z.prerequisites(q.Answer); code != dns.RcodeSuccess {
		return code
	}
	if code := z.prescan(q.Ns); code != dns.RcodeSuccess {
		return code
	}
	next := z.clone()
	if next.apply(q.Ns) {
		next.raise()
	}
	h.zones[z.name] = next
	return dns.RcodeSuccess
}

// signature gives the codes of RFC 8945, 5.2 for a signature that does not hold,
// zeros for one that does and for none.
func signature(w dns.ResponseWriter, q *dns.Msg) (code int, tsig uint16) {
	err := w.TsigStatus()
	switch {
	case q.IsTsig() == nil || err == nil:
		return dns.RcodeSuccess, 0
	case errors.Is(err, dns.ErrTime):
		return dns.RcodeNotAuth, dns.RcodeBadTime
	case errors.Is(err, dns.ErrSecret), errors.Is(err, dns.ErrKeyAlg):
		return dns.RcodeNotAuth, dns.RcodeBadKey
	}
	return dns.RcodeNotAuth, dns.RcodeBadSig
}

// apply makes the changes in their order (RFC 2136, 3.4.2) and reports whether
// there was any.
func (z *zone) apply(updates []dns.RR) bool {
	changed := false
	for _, r := range updates {
		h := r.Header()
		switch h.Class {
		case dns.ClassINET:
			changed = z.add(r) || changed
		case dns.ClassANY:
			changed = z.drop(h.Name, h.Rrtype) || changed
		case dns.ClassNONE:
			changed = z.dropOne(r) || changed
		}
	}
	return changed
}

// add adds one record. An alias beside other data, and other data beside an
// alias, are ignored in silence (RFC 2136, 3.4.2.2), and so is data that is there
// already, whatever its TTL.
func (z *zone) add(r dns.RR) bool {
	h := r.Header()
	types := z.nodes[dns.CanonicalName(h.Name)]
	if h.Rrtype == dns.TypeSOA {
		return false // the serial is the server's own
	}
	_, alias := types[dns.TypeCNAME]
	if h.Rrtype == dns.TypeCNAME && len(types) > 0 && !alias || h.Rrtype != dns.TypeCNAME && alias {
		return false
	}
	var set []dns.RR
	if h.Rrtype != dns.TypeCNAME {
		for _, old := range z.get(h.Name, h.Rrtype) {
			if same(old, r) {
				return false
			}
			old = dns.Copy(old)
			old.Header().Ttl = h.Ttl // an RRset has one TTL (RFC 2181, 5.2)
			set = append(set, old)
		}
	}
	z.put(h.Name, h.Rrtype, append(set, dns.Copy(r)))
	return true
}

// drop deletes an RRset, or with the type ANY all of a name. The SOA and the NS
// of the zone itself stay (RFC 2136, 3.4.2.3).
func (z *zone) drop(name string, code uint16) bool {
	changed := false
	for t := range z.nodes[dns.CanonicalName(name)] {
		stays := dns.CanonicalName(name) == z.name && (t == dns.TypeSOA || t == dns.TypeNS)
		if (t == code || code == dns.TypeANY) && !stays {
			z.put(name, t, nil)
			changed = true
		}
	}
	return changed
}

// dropOne deletes one record. The SOA and the last NS of the zone stay (RFC 2136,
// 3.4.2.4).
func (z *zone) dropOne(r dns.RR) bool {
	h := r.Header()
	set := z.get(h.Name, h.Rrtype)
	var left []dns.RR
	for _, old := range set {
		if !same(old, r) {
			left = append(left, old)
		}
	}
	last := len(left) == 0 && h.Rrtype == dns.TypeNS && dns.CanonicalName(h.Name) == z.name
	if len(left) == len(set) || h.Rrtype == dns.TypeSOA || last {
		return false
	}
	z.put(h.Name, h.Rrtype, left)
	return true
}
