package dnstest

import "github.com/miekg/dns"

// cut is the name below the zone, at or above name, that is delegated to other
// servers, empty if there is none. What the parent knows of a cut itself is its DS
// (RFC 4035, 3.1.4.1).
func (z *zone) cut(name string, code uint16) string {
	cut := ""
	for at := name; at != z.name; {
		if len(z.nodes[at][dns.TypeNS]) > 0 && (at != name || code != dns.TypeDS) {
			cut = at
		}
		next, _ := dns.NextLabel(at, 0)
		at = at[next:]
	}
	return cut
}

// refer makes of a the answer that others know: their names, and the addresses
// that stand in the zone. Where aliases led there, it stays authoritative.
func (z *zone) refer(a *dns.Msg, cut string) {
	a.Authoritative = len(a.Answer) > 0
	a.Ns = owned(cut, z.nodes[cut][dns.TypeNS])
	for _, r := range a.Ns {
		glue := z.nodes[dns.CanonicalName(r.(*dns.NS).Ns)]
		for _, code := range []uint16{dns.TypeA, dns.TypeAAAA} {
			for _, address := range glue[code] {
				a.Extra = append(a.Extra, dns.Copy(address))
			}
		}
	}
}

// bundle is how many records one message of a transfer holds. A hundred of the
// longest that tests have stay below 64 KiB.
const bundle = 100

// transfer sends a whole zone but for the last records, which it puts into a.
func (h handler) transfer(w dns.ResponseWriter, q, a *dns.Msg) {
	all := h.content(dns.CanonicalName(q.Question[0].Name))
	if all == nil || h.network != "tcp" || q.IsTsig() != nil {
		a.Rcode = dns.RcodeRefused
		return
	}
	a.Authoritative = true
	for ; len(all) > bundle; all = all[bundle:] {
		part := a.Copy()
		part.Answer = all[:bundle]
		w.WriteMsg(part)
	}
	a.Answer = all
}

// content is a zone as it is transferred: between two copies of its SOA. It is nil
// for a zone that the server does not have.
func (s *Server) content(name string) []dns.RR {
	s.mu.Lock()
	defer s.mu.Unlock()
	z := s.zones[name]
	if z == nil {
		return nil
	}
	out := []dns.RR{z.soa()}
	for _, types := range z.nodes {
		for code, set := range types {
			if code != dns.TypeSOA {
				out = append(out, set...)
			}
		}
	}
	return append(out, z.soa())
}
