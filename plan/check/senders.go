package check

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/decide"
	"github.com/mailrelay/mailrelay/schema/rr/policy"
)

// mostSenders is for how many domains it is asked whether a relay may send for them,
// where the configuration does not write their SPF records itself.
const mostSenders = 200

// senders finds SPF records that lack an address from which a relay sends mail of the
// domain (MR215): by MX, for clients who may write to any domain.
func (i *inspection) senders() {
	for _, r := range i.relays {
		if len(r.EgressAddresses) == 0 || i.sendsItself(r) == nil {
			continue
		}
		all := i.sendersOf(r)
		for n, d := range all {
			record := i.spf[d.Name+"."]
			if record != nil || n < mostSenders {
				i.lacks(r, d, record)
			}
		}
	}
}

// sendersOf are the accepted domains in whose name clients of r write to strangers.
func (i *inspection) sendersOf(r *schema.Relay) []*schema.Domain {
	var by []decide.Standing
	for _, s := range i.standings {
		if s.Connector.Relay == r.Addr() && s.Relaying >= decide.ScopedRelay && s.Opens == nil {
			by = append(by, s)
		}
	}
	if by == nil {
		return nil
	}
	var out []*schema.Domain
	for _, d := range i.index.domains {
		from := func(s decide.Standing) bool {
			spaces := s.Connector.AllowedSenderDomains
			return spaces == nil || slices.ContainsFunc(spaces, func(space string) bool {
				base, wild := strings.CutPrefix(space, "*.")
				return space == "*" || d.Name == base || wild && strings.HasSuffix(d.Name, "."+base)
			})
		}
		if !strings.HasPrefix(d.Name, "*") && slices.ContainsFunc(by, from) {
			out = append(out, d)
		}
	}
	return out
}

// lacks reports MR215. record is nil where others write it.
func (i *inspection) lacks(r *schema.Relay, d *schema.Domain, record *schema.Record) {
	var from schema.Addr
	var b schema.Block = d
	if record != nil {
		from, b = record.Zone, record
	}
	name := d.Name + "."
	texts := i.policies(policy.SPF, i.will(from, name, "TXT"))
	if len(texts) != 1 {
		return // none promises nothing, and of two MR207 tells
	}
	spf, err := policy.ReadSPF(texts[0])
	if err != nil {
		return
	}
	var missing []string
	for _, a := range r.EgressAddresses {
		if policy.Permits(name, spf, a, func(q policy.Question) policy.Answer { return i.answer(from, q) }) == policy.Refused {
			missing = append(missing, a.String())
		}
	}
	if missing != nil {
		i.add(b, "MR215", Warning, fmt.Sprintf("the SPF record of %s lacks %s of %s", d.Name, words(missing), r.Addr()),
			"Clients of the relay may write to anybody in the name of %s, and it delivers that mail from there: receivers take it as forged. The record is %q. Add %s, or let that mail leave by a smart host that the record lists.", d.Name, texts[0], terms(missing))
	}
}

func terms(addrs []string) string {
	var out []string
	for _, a := range addrs {
		kind := "ip4:"
		if strings.Contains(a, ":") {
			kind = "ip6:"
		}
		out = append(out, kind+a)
	}
	return strings.Join(out, " ")
}

// policies are the texts of an answer that are policies of that kind; none if nobody
// knows.
func (i *inspection) policies(kind policy.Kind, a Answer) []string {
	var out []string
	if a.Open || a.Set == nil {
		return nil
	}
	for _, d := range a.Set.Data {
		if text := d.Text(); policy.KindOf(a.Set.Name, text) == kind {
			out = append(out, text)
		}
	}
	return out
}

// answer answers a question of the evaluation of an SPF record.
func (i *inspection) answer(from schema.Addr, q policy.Question) policy.Answer {
	a := i.will(from, q.Name, q.Type)
	if a.Open || a.Set == nil {
		return policy.Answer{Open: a.Open}
	}
	out := policy.Answer{Found: true}
	for _, d := range a.Set.Data {
		switch q.Type {
		case "TXT":
			out.Texts = append(out.Texts, d.Text())
		case "MX":
			_, host, _ := strings.Cut(string(d), " ")
			out.Hosts = append(out.Hosts, host)
		case "A", "AAAA":
			if ip, err := netip.ParseAddr(string(d)); err == nil {
				out.Addrs = append(out.Addrs, ip)
			}
		}
	}
	return out
}
