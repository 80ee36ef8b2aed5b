package dnstest

import (
	"time"

	"github.com/miekg/dns"

	"github.com/mailrelay/mailrelay/schema/rr"
)

// handler answers what comes over one network.
type handler struct {
	*Server
	network string
}

// ServeDNS answers one message.
func (h handler) ServeDNS(w dns.ResponseWriter, q *dns.Msg) {
	fault := h.faultFor(q)
	if fault.Delay > 0 {
		select {
		case <-time.After(fault.Delay):
		case <-h.closed:
			return
		}
	}
	answer := new(dns.Msg).SetReply(q)
	answer.Compress = true
	switch {
	case fault.Lost:
	case fault.Code != 0:
		answer.Rcode = fault.Code
	case q.Opcode == dns.OpcodeUpdate:
		answer.Question = nil
		answer.Rcode = h.update(w, q, answer)
	case q.Question[0].Qtype == dns.TypeAXFR:
		h.transfer(w, q, answer)
	default:
		h.answer(q, answer)
	}
	if fault.Lost || fault.Silent {
		if fault.Hangup {
			w.Close()
		}
		return
	}
	if fault.NotAuth {
		answer.Authoritative = false
	}
	h.finish(w, q, answer, fault)
}

func (h handler) faultFor(q *dns.Msg) Fault {
	h.mu.Lock()
	f := h.fault
	h.mu.Unlock()
	if f == nil {
		return Fault{}
	}
	k := rr.Key{Name: dns.CanonicalName(q.Question[0].Name)}
	k.Type = rr.TypeOf(&dns.ANY{Hdr: dns.RR_Header{Rrtype: q.Question[0].Qtype}})
	if q.Question[0].Qtype == dns.TypeSOA {
		k.Type = "SOA"
	}
	return f(Request{Network: h.network, Update: q.Opcode == dns.OpcodeUpdate, EDNS: q.IsEdns0() != nil, Key: k})
}

// finish fits the answer to the network, signs it if the question was signed by
// a known key, and sends it.
func (h handler) finish(w dns.ResponseWriter, q, answer *dns.Msg, fault Fault) {
	size := dns.MinMsgSize
	if o := q.IsEdns0(); o != nil {
		answer.SetEdns0(dns.DefaultMsgSize, false)
		size = max(size, int(o.UDPSize()))
	}
	if h.network == "udp" {
		answer.Truncate(size)
		if fault.Truncate {
			answer.Truncated = true
			answer.Answer, answer.Ns = nil, nil
		}
	}
	if t := q.IsTsig(); t != nil && answer.IsTsig() == nil && w.TsigStatus() == nil {
		answer.SetTsig(t.Hdr.Name, t.Algorithm, 300, time.Now().Unix())
	}
	if fault.Garble != nil {
		if raw, err := answer.Pack(); err == nil {
			w.Write(fault.Garble(raw))
		}
		return
	}
	w.WriteMsg(answer) // a client that has gone is no concern of the server
}

// chain is how many aliases an answer follows.
const chain = 8

func (h handler) answer(q, a *dns.Msg) {
	h.mu.Lock()
	defer h.mu.Unlock()
	question := q.Question[0]
	z := h.zoneOf(dns.CanonicalName(question.Name))
	if z == nil || question.Qclass != dns.ClassINET {
		a.Rcode = dns.RcodeRefused
		return
	}
	a.Authoritative = true
	a.RecursionAvailable = true
	owner := question.Name
	for range chain {
		if cut := z.cut(dns.CanonicalName(owner), question.Qtype); cut != "" {
			z.refer(a, cut)
			return
		}
		types, exists := z.find(dns.CanonicalName(owner))
		if alias := types[dns.TypeCNAME]; len(alias) > 0 && question.Qtype != dns.TypeCNAME && question.Qtype != dns.TypeANY {
			a.Answer = append(a.Answer, owned(owner, alias)...)
			owner = alias[0].(*dns.CNAME).Target
			if z = h.zoneOf(dns.CanonicalName(owner)); z == nil {
				return
			}
			continue
		}
		found := len(a.Answer)
		for code, set := range types {
			if code == question.Qtype || question.Qtype == dns.TypeANY {
				a.Answer = append(a.Answer, owned(owner, set)...)
			}
		}
		if !exists {
			a.Rcode = dns.RcodeNameError
		}
		if len(a.Answer) == found {
			soa := dns.Copy(z.soa()).(*dns.SOA)
			soa.Hdr.Ttl = min(soa.Hdr.Ttl, soa.Minttl) // RFC 2308, 3
			a.Ns = []dns.RR{soa}
		}
		return
	}
	a.Rcode = dns.RcodeServerFailure
}

// owned copies records and gives them the owner that was asked for, which
// matters where a wildcard answers.
func owned(name string, set []dns.RR) []dns.RR {
	out := make([]dns.RR, len(set))
	for i, r := range set {
		out[i] = dns.Copy(r)
		out[i].Header().Name = name
	}
	return out
}
