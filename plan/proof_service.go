package plan

import (
	"slices"
	"strings"

	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/revision"
	"github.com/mailrelay/mailrelay/schema/rr"
)

// service is what is in service before the plan: no verification stops it.
type service struct {
	plan    *Plan
	views   views
	domains []*schema.Domain // whose mail is accepted
	hosts   []string         // of the relays of the configuration, lower case
	running bool             // a relay runs something that this state does not know
}

func (p *Plan) serving(c *schema.Config, base *revision.Revision, views views) (*service, error) {
	s := &service{plan: p, views: views}
	if p.Base != "" {
		force, err := base.InForce()
		if err != nil {
			return nil, err
		}
		for _, d := range schema.All[*schema.Domain](force) {
			if !force.Gated[d.Addr()] {
				s.domains = append(s.domains, d)
			}
		}
		return s, nil
	}
	for _, r := range schema.All[*schema.Relay](c) {
		s.hosts = append(s.hosts, strings.ToLower(r.Hostname))
	}
	s.running = slices.ContainsFunc(p.Seen.Nodes, func(n Node) bool { return n.Live && n.Revision != "" })
	return s, nil
}

// domain reports whether mail for names of d may be accepted already. Where a
// state tells, it does. Where there is none it may have been lost: then a relay
// that runs, a token that mailrelay issued, and an MX that leads to a relay of the
// configuration, or that could not be seen, say that d is in service.
func (s *service) domain(d *schema.Domain, at schema.Proof) bool {
	if s.plan.Base != "" {
		return slices.ContainsFunc(s.domains, d.Overlaps)
	}
	zone := schema.Addr{}
	if at.Zone != nil {
		zone = at.Zone.Addr()
	}
	if v := s.views.at(zone, at.Key); v.open == "" && v.set != nil {
		for _, data := range v.set.Data {
			if at.Key.Type == "TXT" && strings.HasPrefix(data.Text(), schema.IssuedText) || strings.HasPrefix(string(data), "32767 mailrelay-verification-") {
				return true
			}
		}
	}
	return s.running || slices.ContainsFunc(MXNames(d), func(name string) bool {
		v := s.views.at(zone, rr.Key{Name: name, Type: "MX"})
		return v.open != "" || leads(v.set, s.hosts)
	})
}

// MXNames are the full names whose MX leads mail for d.
func MXNames(d *schema.Domain) []string {
	names := []string{d.Base() + "."}
	if d.MatchSubdomains || d.Name != d.Base() {
		names = append(names, "*."+d.Base()+".")
	}
	return names
}

// leads reports whether an MX RRset leads mail to one of the hosts.
func leads(set *rr.Set, hosts []string) bool {
	if set == nil || set.Type != "MX" {
		return false
	}
	return slices.ContainsFunc(set.Data, func(d rr.Data) bool {
		_, host, _ := strings.Cut(string(d), " ")
		return slices.Contains(hosts, strings.ToLower(strings.TrimSuffix(host, ".")))
	})
}
