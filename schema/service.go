package schema

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/zclconf/go-cty/cty"
)

// Service stands for the DNS records that Microsoft 365 expects of a domain.
type Service struct {
	header
	Domain  Addr
	Zone    Addr     // zero: the zone of the domain's name
	Purpose []string // email, teams, mdm; none expects nothing
	Cloud   string
	MX      string
	DKIM    []string // two targets, or none
	Manage  bool     // the records are written; else they are expectations
	Except  []string
}

// serviceParts are the records of a service, as except and addresses name them;
// dkim stands for both of its records.
func serviceParts() []string {
	return []string{"mx", "spf", "autodiscover", "dkim", "sipfederationtls", "sip_tls", "sip", "lyncdiscover", "enterpriseregistration", "enterpriseenrollment", "msoid"}
}

func serviceType() *Type {
	return &Type{
		Name: "service", Kinds: []string{"microsoft365"},
		Doc: "The DNS records that Microsoft 365 expects of a domain, exactly. SPF is always an expectation: the record itself is its owner's.",
		Body: &Body{Attrs: []Attr{
			{Name: "domain", Kind: Ref("domain"), Required: true, Doc: "The accepted domain."},
			{Name: "zone", Kind: Ref("zone"), Doc: "The zone of its records; the one that has the domain's name if not given."},
			{Name: "purpose", Kind: Set(OneOf("email", "teams", "mdm")), Default: cty.SetValEmpty(cty.String), Doc: "What the domain is used for; with none, nothing is expected of DNS."},
			{Name: "cloud", Kind: OneOf("worldwide", "gcc", "gcc_high", "dod", "china"), Default: cty.StringVal("worldwide"), Doc: "Which of Microsoft's clouds."},
			{Name: "mx", Kind: Host(), Doc: "The MX host that Microsoft gave."},
			{Name: "dkim", Kind: List(DomainName()), Doc: "The two DKIM targets that Microsoft gave."},
			{Name: "manage", Kind: Bool(), Default: cty.True, Doc: "Whether mailrelay writes the records, or only expects them."},
			{Name: "except", Kind: Set(OneOf(serviceParts()...)), Default: cty.SetValEmpty(cty.String), Doc: "Records to leave out."},
		}},
		build: func(h header, o object) Block {
			return &Service{header: h, Domain: o.ref("domain"), Zone: o.ref("zone"), Purpose: o.strs("purpose"), Cloud: o.str("cloud"),
				MX: o.str("mx"), DKIM: o.strs("dkim"), Manage: o.flag("manage"), Except: o.strs("except")}
		},
	}
}

// part is one RRset that a service stands for.
type part struct {
	name     string // as except knows it
	key      string // as its address has it; empty: name
	owner    string // relative to the domain
	typ      string
	value    string
	or       string // other data that is met too
	contains string // an SPF term that the one SPF record must hold
	absent   bool
}

// parts are the RRsets of the purposes of s, those of except left out.
func (s *Service) parts() []part {
	var out []part
	has := func(p string) bool { return slices.Contains(s.Purpose, p) }
	us, china := s.Cloud == "gcc_high" || s.Cloud == "dod", s.Cloud == "china"
	pick := func(world, gov, cn string) string {
		switch {
		case us:
			return gov
		case china:
			return cn
		}
		return world
	}
	if has("email") {
		out = append(out,
			part{name: "mx", owner: "@", typ: "MX", value: "0 " + s.MX + "."},
			part{name: "spf", owner: "@", typ: "TXT", contains: "include:" + pick("spf.protection.outlook.com", "spf.protection.office365.us", "spf.protection.partner.outlook.cn")},
			part{name: "autodiscover", owner: "autodiscover", typ: "CNAME", value: pick("autodiscover.outlook.com.", "autodiscover-s.office365.us.", "autodiscover.partner.outlook.cn.")})
		for i, target := range s.DKIM {
			selector := fmt.Sprintf("selector%d", i+1)
			out = append(out, part{name: "dkim", key: selector, owner: selector + "._domainkey", typ: "CNAME", value: target + "."})
		}
	}
	if has("teams") {
		lync := pick("online.lync.com.", "", "online.partner.lync.cn.")
		out = append(out,
			part{name: "sipfederationtls", owner: "_sipfederationtls._tcp", typ: "SRV", value: "100 1 5061 sipfed." + lync},
			part{name: "sip_tls", owner: "_sip._tls", typ: "SRV", value: "100 1 443 sipdir." + lync},
			part{name: "sip", owner: "sip", typ: "CNAME", value: "sipdir." + lync},
			part{name: "lyncdiscover", owner: "lyncdiscover", typ: "CNAME", value: "webdir." + lync})
	}
	if has("mdm") {
		out = append(out,
			part{name: "enterpriseregistration", owner: "enterpriseregistration", typ: "CNAME", value: "enterpriseregistration.windows.net."},
			part{name: "enterpriseenrollment", owner: "enterpriseenrollment", typ: "CNAME", value: "enterpriseenrollment-s.manage.microsoft.com.", or: "enterpriseenrollment.manage.microsoft.com."})
	}
	switch {
	case len(s.Purpose) == 0:
	case china:
		out = append(out, part{name: "msoid", owner: "msoid", typ: "CNAME", value: "clientconfig.partner.microsoftonline-p.net.cn."})
	default:
		out = append(out, part{name: "msoid", owner: "msoid", typ: "CNAME", absent: true})
	}
	return slices.DeleteFunc(out, func(p part) bool { return slices.Contains(s.Except, p.name) })
}

// ServiceZone is the zone in which the records of s stand, nil if there is none
// or if it is not clear which.
func (c *Config) ServiceZone(s *Service) *Zone {
	if !s.Zone.IsZero() {
		return At[*Zone](c, s.Zone)
	}
	d := At[*Domain](c, s.Domain)
	if d == nil {
		return nil
	}
	if zones := c.zones[d.Name]; len(zones) == 1 {
		return zones[0]
	}
	return nil
}

// implied gives the blocks that s stands for.
func (s *Service) implied(c *Config) (records []*Record, expects []*Expect) {
	zone, domain := c.ServiceZone(s), At[*Domain](c, s.Domain)
	if zone == nil || domain == nil || !zone.holds(domain.Name) {
		return nil, nil
	}
	ttl := uint32(3600)
	for _, p := range s.parts() {
		a := s.addr
		a.Part = fmt.Sprintf("record[%q]", p.name)
		if p.key != "" {
			a.Part = fmt.Sprintf("record[%q]", p.key)
		}
		h := header{addr: a, obj: s.obj, decl: s.decl}
		name := relative(p.owner, domain.Name, zone.Name)
		if s.Manage && !p.absent && p.contains == "" {
			r := &Record{header: h, Zone: zone.addr, Name: name, Type: p.typ, Values: []string{p.value}, TTL: &ttl, Exclusive: true}
			if p.or != "" {
				r.Or = []string{p.or}
			}
			records = append(records, r)
			continue
		}
		e := &Expect{header: h, Zone: zone.addr, Name: name, Type: p.typ, Absent: p.absent, Contains: p.contains, Within: 48 * time.Hour}
		if p.value != "" {
			e.Values = []string{p.value}
		}
		if p.or != "" {
			e.Or = []string{p.or}
		}
		expects = append(expects, e)
	}
	return records, expects
}

// holds reports whether name lies in the zone, as far as names tell.
func (z *Zone) holds(name string) bool {
	return name == z.Name || strings.HasSuffix(name, "."+z.Name)
}

// relative gives an owner that is relative to domain as one relative to zone,
// which is the domain or above it.
func relative(owner, domain, zone string) string {
	sub := strings.TrimSuffix(strings.TrimSuffix(domain, zone), ".")
	switch {
	case sub == "":
		return owner
	case owner == "@":
		return sub
	}
	return owner + "." + sub
}

// Records are the record blocks, and the records that other blocks stand for,
// sorted by address.
func (c *Config) Records() []*Record {
	out := All[*Record](c)
	for _, s := range All[*Service](c) {
		r, _ := s.implied(c)
		out = append(out, r...)
	}
	slices.SortFunc(out, func(a, b *Record) int { return a.addr.Compare(b.addr) })
	return out
}

// Expects are the expect blocks, and the expectations that other blocks stand
// for, sorted by address.
func (c *Config) Expects() []*Expect {
	out := All[*Expect](c)
	for _, s := range All[*Service](c) {
		_, e := s.implied(c)
		out = append(out, e...)
	}
	slices.SortFunc(out, func(a, b *Expect) int { return a.addr.Compare(b.addr) })
	return out
}
