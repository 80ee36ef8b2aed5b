package schema

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/zclconf/go-cty/cty"

	"github.com/mailrelay/mailrelay/schema/rr"
)

// Methods of proving that a domain is ours.
const (
	ByTXT   = "txt"   // a TXT record whose text is the token
	ByCNAME = "cname" // an alias whose name is the token, and its target
	ByMX    = "mx"    // an MX record to a host below "invalid.", which routes nothing
)

// Verification is the proof of ownership that a domain is to show.
type Verification struct {
	Method string // ByTXT, ByCNAME or ByMX
	Value  string // the token of whoever asks for it; empty: mailrelay issues one
	Name   string // relative to the domain, "@" for the domain itself
	Zone   Addr   // zero: the zone with the longest name that holds the domain, if there is one
	Keep   bool   // the record stays when the domain is verified
	Within time.Duration
}

func verificationBlock() Nested {
	duration, def := within("48h")
	return Nested{Name: "verification", Doc: "The proof that the domain is yours. Until it is seen, mail for a domain that is new waits with its sender.", Body: &Body{Attrs: []Attr{
		{Name: "method", Kind: OneOf(ByTXT, ByCNAME, ByMX), Default: cty.StringVal(ByTXT), Doc: "The type of record that is the proof."},
		{Name: "value", Kind: Text(), Doc: "The token of whoever asks for the proof; mailrelay issues one if not given."},
		{Name: "name", Kind: RecordName(), Default: cty.StringVal("@"), Doc: "Where the proof stands, relative to the domain."},
		{Name: "zone", Kind: Ref("zone"), Doc: "The zone it stands in; if not given, the one with the longest name that holds the domain's."},
		{Name: "keep", Kind: Bool(), Default: cty.True, Doc: "Whether the proof stays when the domain is verified."},
		{Name: "within", Kind: duration, Default: def, Doc: "After this long unverified it is reported as overdue."},
	}}}
}

func (o object) verification() *Verification {
	v, ok := o.sub("verification")
	if !ok {
		return nil
	}
	return &Verification{Method: v.str("method"), Value: v.str("value"), Name: v.str("name"), Zone: v.ref("zone"), Keep: v.flag("keep"), Within: v.duration("within")}
}

// Base is the domain's name without the asterisk of a wildcard; empty for "*".
func (d *Domain) Base() string {
	if d.Name == "*" {
		return ""
	}
	return strings.TrimPrefix(d.Name, "*.")
}

// Overlaps reports whether a name may be accepted as part of either domain.
func (d *Domain) Overlaps(o *Domain) bool {
	return d.Name == "*" || o.Name == "*" || d.holds(o.Base()) || o.holds(d.Base())
}

// Proof is where the ownership of a domain is proved.
type Proof struct {
	Domain *Domain // which has a Verification
	Zone   *Zone   // nil: no zone of the configuration holds it, and somebody else writes it
	Key    rr.Key
}

// Addr is the address of the record: domain.contoso.verification.
func (p Proof) Addr() Addr { return ProofAddr(p.Domain.addr) }

// ProofAddr is the address of the proof of the domain at a.
func ProofAddr(a Addr) Addr {
	a.Part = "verification"
	return a
}

// Proofs are those of all domains that have a verification block, sorted by
// address.
func (c *Config) Proofs() []Proof {
	var out []Proof
	for _, d := range All[*Domain](c) {
		if d.Verification != nil && d.Base() != "" {
			zone, _ := c.proofZone(d)
			name := d.Base() + "."
			if d.Verification.Name != "@" {
				name = d.Verification.Name + "." + name
			}
			out = append(out, Proof{d, zone, rr.Key{Name: name, Type: strings.ToUpper(d.Verification.Method)}})
		}
	}
	return out
}

// proofZone is the zone in which the proof of d stands, nil if none holds it.
// several says that two views of the zone do, and none is named.
func (c *Config) proofZone(d *Domain) (z *Zone, several bool) {
	if named := d.Verification.Zone; !named.IsZero() {
		return At[*Zone](c, named), false
	}
	for name, more := d.Base(), true; more; _, name, more = strings.Cut(name, ".") {
		if zones := c.zones[name]; len(zones) > 0 {
			return zones[0], len(zones) > 1
		}
	}
	return nil, false
}

// Record is the proof as a record that mailrelay writes; Zone must not be nil.
func (p Proof) Record(token string) *Record {
	return &Record{header: p.header(), Zone: p.Zone.addr, Name: p.relative(), Type: p.Key.Type, Values: p.values(token)}
}

// Expect is the proof as an expectation, at its full name.
func (p Proof) Expect(token string) *Expect {
	return &Expect{header: p.header(), Name: strings.TrimSuffix(p.Key.Name, "."), Type: p.Key.Type, Values: p.values(token), Within: p.Domain.Verification.Within}
}

func (p Proof) header() header {
	return header{addr: p.Addr(), obj: p.Domain.obj, decl: p.Domain.decl}
}

// relative is the owner name in the zone.
func (p Proof) relative() string {
	name, ok := strings.CutSuffix(p.Key.Name, "."+p.Zone.Name+".")
	if !ok {
		return "@"
	}
	return name
}

// Data is the record data of the proof with a token: what stands in DNS. The error
// is about the token.
func (p Proof) Data(token string) (rr.Data, error) {
	text, err := p.Domain.Verification.data(token)
	if err != nil {
		return "", err
	}
	return rr.Parse(p.Key.Type, ".", text)
}

func (p Proof) values(token string) []string {
	text, err := p.Domain.Verification.data(token)
	if err != nil {
		text = token // which validation refuses
	}
	return []string{text}
}

// data gives the zone-file form of a token. An MX may be written with its
// preference, as a host, or as the bare token of Microsoft.
func (v *Verification) data(token string) (string, error) {
	switch v.Method {
	case ByCNAME:
		return strings.TrimSuffix(token, ".") + ".", nil
	case ByMX:
		words := strings.Fields(token)
		if len(words) == 1 {
			words = []string{"32767", words[0]}
		}
		if len(words) != 2 {
			return "", fmt.Errorf("%q is no token: write the host, like ms12345678.msv1.invalid, or what stands before its first dot", token)
		}
		host := strings.ToLower(strings.TrimSuffix(words[1], "."))
		if !strings.Contains(host, ".") {
			host += ".msv1.invalid"
		}
		if !strings.HasSuffix(host, ".invalid") {
			return "", fmt.Errorf("%q would lead mail there: a proof by MX names a host below \"invalid\", which takes none, like ms12345678.msv1.invalid", token)
		}
		return words[0] + " " + host + ".", nil
	}
	return token, nil
}

// Issued is a token as mailrelay issues it, of a code that nobody can guess.
func (v *Verification) Issued(code string) string {
	if v.Method == ByMX {
		return "mailrelay-verification-" + code + ".invalid"
	}
	return IssuedText + code
}

// IssuedText is what a TXT record begins with whose token mailrelay issued.
const IssuedText = "mailrelay-verification="

// proofRecords are the proofs in zones, as far as they can be written: with an
// example of a token where mailrelay will issue one.
func (c *Config) proofRecords() []*Record {
	var out []*Record
	for _, p := range c.Proofs() {
		v := p.Domain.Verification
		token := v.Value
		if token == "" {
			token = v.Issued("abcdefghijklmnopqrstuvwxyz")
		}
		_, err := p.Data(token)
		if err == nil && p.Zone != nil && p.Zone.holds(p.Domain.Base()) && (v.Method != ByCNAME || v.Name != "@") {
			out = append(out, p.Record(token))
		}
	}
	return out
}

// proves reports whether r is the proof of a domain.
func (r *Record) proves() bool { return r.addr.Type == "domain" }

// proofs finds proofs that nobody could show, or that would change where mail
// goes.
func (v *validation) proofs() {
	for _, d := range All[*Domain](v.config) {
		p := d.Verification
		if p == nil {
			continue
		}
		if d.Base() == "" {
			v.report(d, "verification", "Nothing to verify", "The name is \"*\", every domain there is, and nobody can prove that they own those. Leave verification out, or name the domains.")
			continue
		}
		zone, several := v.config.proofZone(d)
		switch {
		case several:
			v.report(d, "verification", "Unclear zone", "There are several zones called %s, so it is not clear in which of them the proof stands. Name it with zone = zone.NAME.", zone.Name)
		case zone != nil && !zone.holds(d.Base()):
			v.report(d, "verification.zone", "Invalid zone", "%s is %s, and the domain %s does not lie in it. Refer to its own zone, or leave zone out.", zone.addr, zone.Name, d.Name)
		}
		switch {
		case p.Method == ByCNAME && (p.Name == "@" || p.Value == ""):
			v.report(d, "verification.method", "Incomplete verification", "A proof by CNAME is a name below the domain and the host it leads to, and both come from whoever asks for it. Write name = \"…\" and value = \"…\", or method = \"txt\".")
			continue
		case p.Method == ByMX && p.Name != "@":
			v.report(d, "verification.name", "Name of a proof by MX", "A proof by MX stands at the domain itself. Leave name out.")
		}
		if labels := strings.Split(p.Name, "."); slices.Contains(labels, "*") {
			v.report(d, "verification.name", "Wildcard as a proof", "A record at %q answers for every name that does not exist, and proves nothing. Write a name without an asterisk.", p.Name)
		}
		if p.Value == "" {
			continue
		}
		text, err := p.data(p.Value)
		if err == nil {
			_, err = rr.Parse(strings.ToUpper(p.Method), ".", text)
		}
		if err != nil {
			v.report(d, "verification.value", "Invalid proof", "%s", sentence(err))
		}
	}
}
