package schema

import (
	"strings"
)

// domains finds domains that are declared twice, and more than one default.
func (v *validation) domains() {
	names := map[string]*Domain{}
	var def *Domain
	for _, d := range All[*Domain](v.config) {
		if first := names[d.Name]; first != nil {
			v.report(d, "name", "Duplicate domain", "%s accepts %s already. Merge the two blocks.", first.Addr(), d.Name)
		} else {
			names[d.Name] = d
		}
		switch {
		case d.Default && def != nil:
			v.report(d, "default", "Two default domains", "%s is the default domain already, and postmaster and bounces can bear one name only. Write default = true in one of the two.", def.Addr())
		case d.Default:
			def = d
		}
	}
}

// recipients finds addresses outside their domain, addresses that two blocks
// claim, and targets for addresses that are not listed.
func (v *validation) recipients() {
	owner := map[string]*Recipients{}
	for _, r := range All[*Recipients](v.config) {
		d := At[*Domain](v.config, r.Domain)
		own := make(map[string]bool, len(r.Addresses))
		clash := false
		for _, a := range r.Addresses {
			key := folded(a)
			own[key] = true
			if d != nil && !d.holds(a[strings.LastIndexByte(a, '@')+1:]) {
				v.report(r, "addresses", "Recipient outside its domain", "%s is not in %s (%s). Put it into the recipients of its own domain, or correct it.", a, d.Addr(), d.Name)
			}
			if first := owner[key]; first != nil && first != r && !clash {
				clash = true
				v.report(r, "addresses", "Recipient listed twice", "%s lists %s already, so it is not clear where its mail goes. Take it out of one of the two.", first.Addr(), a)
			}
			owner[key] = r
		}
		for from := range r.Targets {
			if !own[folded(from)] {
				v.report(r, "targets", "Target for an unknown recipient", "targets says where mail for %s goes, and addresses does not list it. Add it to addresses, or take it out of targets.", from)
			}
		}
	}
}

// holds reports whether the domain name is accepted as part of d.
func (d *Domain) holds(name string) bool {
	base, wild := strings.CutPrefix(d.Name, "*.")
	switch {
	case d.Name == "*", name == base:
		return true
	case wild || d.MatchSubdomains:
		return strings.HasSuffix(name, "."+base)
	}
	return false
}

// folded is a mail address as it compares: local parts without case.
func folded(address string) string { return strings.ToLower(address) }
