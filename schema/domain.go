package schema

import (
	"strings"
	"time"

	"github.com/zclconf/go-cty/cty"
	"golang.org/x/net/publicsuffix"
)

// Types of accepted domains.
const (
	Authoritative = "authoritative"  // unknown recipients are refused here
	InternalRelay = "internal_relay" // known recipients as listed, others by send connector
	ExternalRelay = "external_relay" // all by send connector
)

// Domain is an accepted domain (the block "domain").
type Domain struct {
	header
	Name            string // may begin with "*."; "*" is everything
	Kind            string // Authoritative, InternalRelay or ExternalRelay
	MatchSubdomains bool
	Default         bool
	Stage           Addr          // zero: none
	Verification    *Verification // nil: no proof of ownership is asked for
}

// Public reports whether d holds names that everybody can own: it is everything, or
// everything below a public suffix like com or co.uk.
func (d *Domain) Public() bool {
	base, wild := strings.CutPrefix(d.Name, "*.")
	if d.Name == "*" || !wild && !d.MatchSubdomains {
		return d.Name == "*"
	}
	suffix, icann := publicsuffix.PublicSuffix(base)
	return suffix == base && (icann || !strings.Contains(base, "."))
}

// Recipients are known recipients of a domain.
type Recipients struct {
	header
	Domain        Addr
	Addresses     []string // user@domain; local parts compare without case
	DeliverTo     Addr     // zero: by address space
	RewriteDomain string
	Targets       map[string]string // address -> routing address
}

func domainType() *Type {
	return &Type{
		Name: "domain", Counted: true,
		Doc: "A domain for which mail is accepted.",
		Body: &Body{
			Attrs: []Attr{
				{Name: "name", Kind: AcceptedName(), Required: true, Doc: "The domain; may begin with \"*.\"."},
				{Name: "type", Kind: OneOf(Authoritative, InternalRelay, ExternalRelay), Default: cty.StringVal(Authoritative), Doc: "Whether every recipient is known here."},
				{Name: "match_subdomains", Kind: Bool(), Default: cty.False, Doc: "Whether names below it are accepted too."},
				{Name: "default", Kind: Bool(), Doc: "Whether postmaster and bounces bear this domain; a sole domain is the default by itself."},
				{Name: "stage", Kind: Ref("stage"), Doc: "The stage it is in."},
			},
			Blocks: []Nested{verificationBlock()},
		},
		build: func(h header, o object) Block {
			return &Domain{header: h, Name: o.str("name"), Kind: o.str("type"), MatchSubdomains: o.flag("match_subdomains"), Default: o.flag("default"), Stage: o.ref("stage"), Verification: o.verification()}
		},
	}
}

func recipientsType() *Type {
	return &Type{
		Name: "recipients", Counted: true,
		Doc: "The known recipients of a domain, and where their mail goes.",
		Body: &Body{Attrs: []Attr{
			{Name: "domain", Kind: Ref("domain"), Required: true, Doc: "The domain whose recipients they are."},
			{Name: "addresses", Kind: Set(MailAddress()), Required: true, Doc: "The addresses; local parts compare without case."},
			{Name: "deliver_to", Kind: Ref("send_connector"), Doc: "Where their mail goes; by address space if not given."},
			{Name: "rewrite_domain", Kind: DomainName(), Doc: "The domain that takes the place of theirs in RCPT TO."},
			{Name: "targets", Kind: Map(MailAddress(), MailAddress()), Doc: "From address to routing address."},
		}},
		build: func(h header, o object) Block {
			r := &Recipients{header: h, Domain: o.ref("domain"), Addresses: o.strs("addresses"), DeliverTo: o.ref("deliver_to"), RewriteDomain: o.str("rewrite_domain")}
			if o.has("targets") {
				r.Targets = map[string]string{}
				for k, v := range o.get("targets").AsValueMap() {
					r.Targets[k] = v.AsString()
				}
			}
			return r
		},
	}
}

// within is the range that most durations of the relay may have.
func within(def string) (Kind, cty.Value) {
	return Duration(time.Second, 10000*time.Hour), cty.StringVal(def)
}
