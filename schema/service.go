package schema

import (
	"fmt"
	"regexp"
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
	var found *Zone
	for _, z := range All[*Zone](c) {
		if z.Name == d.Name {
			if found != nil {
				return nil
			}
			found = z
		}
	}
	return found
}

// implied gives the blocks that s stands for.
func (s *Service) implied(c *Config) (records []*Record, expects []*Expect) {
	zone, domain := c.ServiceZone(s), At[*Domain](c, s.Domain)
	if zone == nil || domain == nil {
		return nil, nil
	}
	ttl := uint32(3600)
	for _, p := range s.parts() {
		a := s.addr
		a.Part = fmt.Sprintf("record[%q]", p.name)
		if p.key != "" {
			a.Part = fmt.Sprintf("record[%q]", p.key)
		}
		h := header{addr: a, value: s.value, decl: s.decl}
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

// validateServices finds what a service cannot stand for.
func validateServices(c *Config) []Problem {
	var out []Problem
	for _, s := range All[*Service](c) {
		say := func(attr, summary, format string, args ...any) {
			out = append(out, Problem{s.addr, attr, summary, fmt.Sprintf(format, args...)})
		}
		d := At[*Domain](c, s.Domain)
		if d == nil {
			continue // a dangling reference is a problem of its own
		}
		zone := c.ServiceZone(s)
		switch {
		case strings.HasPrefix(d.Name, "*"):
			say("domain", "Invalid domain", "%s is %s, and a service stands for the records of one domain. Refer to a domain without an asterisk.", d.addr, d.Name)
			continue
		case len(s.Purpose) == 0:
		case zone == nil && s.Zone.IsZero():
			say("", "Unclear zone", "Its records stand in the zone that is called %s, and there is none, or several. Declare one, or name it with zone = zone.NAME.", d.Name)
		case zone != nil && zone.Name != d.Name && !strings.HasSuffix(d.Name, "."+zone.Name):
			say("zone", "Invalid zone", "%s is %s, and the domain %s does not lie in it. Refer to its own zone.", zone.addr, zone.Name, d.Name)
		}
		s.validateMail(say)
		if us := s.Cloud == "gcc_high" || s.Cloud == "dod"; us && (slices.Contains(s.Purpose, "teams") || slices.Contains(s.Purpose, "mdm")) ||
			s.Cloud == "china" && slices.Contains(s.Purpose, "mdm") {
			say("purpose", "Unknown records", "Which records teams and mdm need in the cloud %s is not known to this version. Leave the purpose out, and write them as expect blocks, as Microsoft's admin centre shows them.", s.Cloud)
		}
	}
	return out
}

// validateMail checks the shape of what cannot be computed.
func (s *Service) validateMail(say func(attr, summary, format string, args ...any)) {
	wants := func(name string) bool {
		return slices.Contains(s.Purpose, "email") && !slices.Contains(s.Except, name)
	}
	mx, mxLike := `^[a-z0-9-]+\.(mail\.protection\.outlook\.com|[a-z]-v1\.mx\.microsoft)$`, "contoso-com.mail.protection.outlook.com or contoso-com.x-v1.mx.microsoft"
	switch s.Cloud {
	case "gcc_high", "dod":
		mx, mxLike = `^[a-z0-9-]+\.mail\.protection\.office365\.us$`, "contoso-com.mail.protection.office365.us"
	case "china":
		mx, mxLike = `^[a-z0-9-]+\.mail\.protection\.partner\.outlook\.cn$`, "contoso-com.mail.protection.partner.outlook.cn"
	}
	switch {
	case s.MX == "" && wants("mx"):
		say("", "Missing MX host", "The MX host cannot be computed: copy it from Microsoft's admin centre, mx = %q, or leave the record out with except = [\"mx\"].", mxLike)
	case s.MX != "" && !regexp.MustCompile(mx).MatchString(s.MX):
		say("mx", "Invalid MX host", "%q is not an MX host of the cloud %s, which looks like %s. Copy it from Microsoft's admin centre.", s.MX, s.Cloud, mxLike)
	}
	switch {
	case len(s.DKIM) == 0 && wants("dkim"):
		say("", "Missing DKIM targets", "The DKIM targets cannot be computed: copy both from Microsoft, dkim = [\"selector1-…\", \"selector2-…\"], or leave the records out with except = [\"dkim\"].")
	case len(s.DKIM) != 0 && len(s.DKIM) != 2:
		say("dkim", "Invalid DKIM targets", "There are two, for selector1 and selector2, and %d is given.", len(s.DKIM))
	}
	suffix := `\.onmicrosoft\.com|\.[a-z]-v1\.dkim\.mail\.microsoft`
	if s.Cloud != "worldwide" && s.Cloud != "gcc" {
		suffix = `\.[a-z0-9.-]+`
	}
	for i, target := range s.DKIM {
		if !regexp.MustCompile(fmt.Sprintf(`^selector%d-[a-z0-9-]+\._domainkey\.[a-z0-9-]+(%s)$`, i+1, suffix)).MatchString(target) {
			say("dkim", "Invalid DKIM target", "%q is not the target of selector%d, which looks like selector%d-contoso-com._domainkey.contoso.onmicrosoft.com. Copy both from Microsoft, in their order.", target, i+1, i+1)
		}
	}
}
