package observe

import (
	"fmt"
	"strings"

	"github.com/miekg/dns"

	"github.com/mailrelay/mailrelay/plan"
	"github.com/mailrelay/mailrelay/schema/rr"
)

// question makes the message that asks for k.
func question(k rr.Key, recurse bool) (*dns.Msg, error) {
	code, err := rr.Code(k.Type)
	if err != nil {
		return nil, err
	}
	return ask(k.Name, code, recurse), nil
}

func ask(name string, code uint16, recurse bool) *dns.Msg {
	q := new(dns.Msg).SetQuestion(dns.Fqdn(name), code)
	q.RecursionDesired = recurse
	q.SetEdns0(payload, false)
	return q
}

// authority puts into o what a server that should be authoritative for zone
// answered. Only the RRset of the owner itself counts, not where aliases lead.
func authority(o *plan.Observation, zone string, a *dns.Msg) {
	if a.Rcode != dns.RcodeSuccess && a.Rcode != dns.RcodeNameError {
		o.Code, o.Err = dns.RcodeToString[a.Rcode], rcodeWords(a.Rcode, zone)
		return
	}
	records := ownedBy(a.Answer, o.Key.Name)
	if !a.Authoritative {
		cut := delegation(a, o.Key.Name, zone)
		switch {
		case cut == "":
			o.Code = plan.Lame
			o.Err = fmt.Sprintf("the server is not authoritative for %s: correct the delegation of the zone, or name its own servers with servers = [...]", zone)
			return
		case o.Key.Type != "NS" || !strings.EqualFold(cut, o.Key.Name):
			o.Code = plan.Delegated
			o.Err = fmt.Sprintf("%s is delegated away from %s: configure a zone %q and put the record there", strings.TrimSuffix(cut, "."), zone, strings.TrimSuffix(cut, "."))
			return
		}
		records = ownedBy(a.Ns, o.Key.Name)
	}
	fill(o, records)
	if none(o, a); o.Set == nil && o.Key.Type == "MX" {
		o.Negative = negative(a)
	}
}

// none says in which way there is none.
func none(o *plan.Observation, a *dns.Msg) {
	switch {
	case o.Err != "" || o.Set != nil || o.CNAME != "":
	case a.Rcode == dns.RcodeNameError:
		o.Code = plan.NoName
	default:
		o.Code = plan.NoData
	}
}

// negative is for how many seconds a may be kept, which says that there is none
// (RFC 2308, 5); zero if it does not say.
func negative(a *dns.Msg) uint32 {
	for _, r := range a.Ns {
		if soa, ok := r.(*dns.SOA); ok {
			return min(soa.Hdr.Ttl, soa.Minttl)
		}
	}
	return 0
}

// delegation finds the name below zone that an answer refers to other servers,
// empty if it refers nothing.
func delegation(a *dns.Msg, name, zone string) string {
	for _, r := range a.Ns {
		owner := r.Header().Name
		below := dns.IsSubDomain(dns.Fqdn(zone), owner) && !strings.EqualFold(owner, dns.Fqdn(zone))
		if r.Header().Rrtype == dns.TypeNS && below && dns.IsSubDomain(owner, name) {
			return owner
		}
	}
	return ""
}

// world puts into o what a resolver answered. Aliases are followed: the Set is
// what somebody who asks for the name gets in the end.
func world(o *plan.Observation, a *dns.Msg) {
	switch a.Rcode {
	case dns.RcodeSuccess, dns.RcodeNameError:
	case dns.RcodeServerFailure:
		o.Code = "SERVFAIL"
		o.Err = fmt.Sprintf("the resolver could not find out (SERVFAIL): the name servers of %s do not answer, or its signatures are wrong", o.Key.Name)
		return
	default:
		o.Code = dns.RcodeToString[a.Rcode]
		o.Err = fmt.Sprintf("the resolver answered %s: name one that answers questions from here, in the mailrelay block", dns.RcodeToString[a.Rcode])
		return
	}
	owner := o.Key.Name
	for range len(a.Answer) + 1 {
		records := ownedBy(a.Answer, owner)
		target := ""
		for _, r := range records {
			if alias, ok := r.(*dns.CNAME); ok && o.Key.Type != "CNAME" {
				target = alias.Target
				o.Through = append(o.Through, rr.Read(alias))
			}
		}
		if target == "" {
			fill(o, records)
			if len(o.Through) > 0 {
				o.CNAME = o.Through[0]
			}
			if none(o, a); o.Set == nil {
				o.Negative = negative(a)
			}
			return
		}
		owner = target
	}
	o.Code, o.Err = plan.Looped, "the aliases lead in a circle"
}

// fill puts the records of one owner into o.
func fill(o *plan.Observation, records []dns.RR) {
	set, wire, err := rr.Collect(o.Key, records)
	if err != nil {
		o.Code, o.Err = plan.Garbage, fmt.Sprintf("the answer cannot be read: %v", err)
		return
	}
	o.Set, o.Wire = set, wire
	if o.Key.Type == "CNAME" {
		return
	}
	for _, r := range records {
		if r.Header().Rrtype == dns.TypeCNAME {
			o.CNAME = rr.Read(r)
		}
	}
}

func ownedBy(records []dns.RR, name string) []dns.RR {
	var out []dns.RR
	for _, r := range records {
		if strings.EqualFold(r.Header().Name, name) && r.Header().Class == dns.ClassINET {
			out = append(out, r)
		}
	}
	return out
}

// rcodeWords says what an answer without content means.
func rcodeWords(code int, zone string) string {
	switch code {
	case dns.RcodeServerFailure:
		return fmt.Sprintf("the server answered SERVFAIL: it has not loaded %s, or its copy has expired; look at its log", zone)
	case dns.RcodeRefused:
		return fmt.Sprintf("the server refused the question (REFUSED): it does not serve %s, or not to this machine", zone)
	case dns.RcodeNotAuth:
		return fmt.Sprintf("the server answered NOTAUTH: it does not serve %s", zone)
	}
	return fmt.Sprintf("the server answered %s, which is no answer to a question about %s", dns.RcodeToString[code], zone)
}
