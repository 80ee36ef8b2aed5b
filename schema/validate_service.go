package schema

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// exceptName is what a service among the owners of records would leave out with
// except; empty if none is of a service.
func exceptName(records ...*Record) string {
	for _, r := range records {
		key, ok := strings.CutPrefix(r.addr.Part, "record[")
		name, err := strconv.Unquote(strings.TrimSuffix(key, "]"))
		switch {
		case !ok || err != nil || r.addr.Type != "service":
		case strings.HasPrefix(name, "selector"):
			return "dkim"
		default:
			return name
		}
	}
	return ""
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
		case zone != nil && !zone.holds(d.Name):
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
		say("", "Missing MX host", "The MX host cannot be computed: copy it from Microsoft's admin centre, mx = \"…\", which looks like %s. Or leave the record out with except = [\"mx\"].", mxLike)
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
