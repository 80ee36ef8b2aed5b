package schema

import "github.com/zclconf/go-cty/cty"

// Zone is a DNS zone that mailrelay looks at, and writes if Update says how.
type Zone struct {
	header
	Name    string   // A-labels, lower case, without the final dot
	Servers []string // address:port to ask instead of the NS set
	RFC2136 *RFC2136 // nil if it is not written by dynamic update
	File    string   // the master file that is edited; empty if none is
}

// Manual reports whether a person writes the zone.
func (z *Zone) Manual() bool { return z.RFC2136 == nil && z.File == "" }

// RFC2136 is how a zone is written by dynamic update.
type RFC2136 struct {
	Server string // host:port; empty means the SOA's MNAME
	TSIG   *TSIG  // nil sends unsigned updates
}

// TSIG is the key that signs updates (RFC 8945).
type TSIG struct {
	Name      string // with the final dot
	Algorithm string // hmac-sha256, hmac-sha384, hmac-sha512
	Secret    Secret // base64, as in a key file of BIND
}

func zoneType() *Type {
	tsig := &Body{Attrs: []Attr{
		{Name: "name", Kind: DomainName(), Required: true, Doc: "The key's name."},
		{Name: "algorithm", Kind: OneOf("hmac-sha256", "hmac-sha384", "hmac-sha512"), Default: cty.StringVal("hmac-sha256"), Doc: "The key's algorithm."},
		{Name: "secret", Kind: SecretKind(false), Required: true, Doc: "The key itself, base64."},
	}}
	rfc2136 := &Body{
		Attrs: []Attr{
			{Name: "server", Kind: HostPort(53), Doc: "Where updates go, host[:port]; the SOA's MNAME if not given."},
		},
		Blocks: []Nested{{Name: "tsig", Body: tsig, Doc: "The key that signs updates."}},
	}
	zonefile := &Body{Attrs: []Attr{
		{Name: "path", Kind: Path(false), Required: true, Doc: "The file, relative to the configuration."},
	}}
	hosted := "Hosted DNS is not written by this version: use update \"manual\" until then, and the plan says which lines to enter there."
	return &Type{
		Name: "zone",
		Doc:  "A DNS zone in which records are expected or written.",
		Body: &Body{
			Attrs: []Attr{
				{Name: "name", Kind: DomainName(), Required: true, Doc: "The zone's domain name."},
				{Name: "servers", Kind: List(HostPort(53)), Doc: "Name servers to ask instead of the zone's NS set, address[:port]."},
			},
			Blocks: []Nested{{Name: "update", Doc: "How the zone is written; a person does it if not given.", Variants: []Variant{
				{Label: "rfc2136", Body: rfc2136, Doc: "Dynamic update (RFC 2136)."},
				{Label: "manual", Body: &Body{}, Doc: "A person edits the zone."},
				{Label: "zonefile", Body: zonefile, Doc: "A master file is edited in place: other lines and comments stay, and the serial is raised. The name server shows it once somebody reloads the zone there."},
				{Label: "route53", Later: hosted}, {Label: "azure_dns", Later: hosted},
				{Label: "cloudflare", Later: hosted}, {Label: "google_cloud_dns", Later: hosted},
			}}},
		},
		build: func(h header, o object) Block {
			z := &Zone{header: h, Name: o.str("name"), Servers: o.strs("servers")}
			update, ok := o.sub("update")
			if !ok {
				return z
			}
			if f, ok := update.sub("zonefile"); ok {
				z.File = f.str("path")
			}
			u, ok := update.sub("rfc2136")
			if !ok {
				return z
			}
			z.RFC2136 = &RFC2136{Server: u.str("server")}
			if t, ok := u.sub("tsig"); ok {
				z.RFC2136.TSIG = &TSIG{Name: t.str("name") + ".", Algorithm: t.str("algorithm"), Secret: t.secret("secret")}
			}
			return z
		},
	}
}
