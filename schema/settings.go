package schema

import (
	"github.com/zclconf/go-cty/cty"
	"go4.org/netipx"
)

// Settings is the mailrelay block.
type Settings struct {
	header
	RequiredVersion string
	Resolvers       []string // address:port; nil: the system's
	// TrustedResolvers are believed when they say that an answer is secure by DNSSEC;
	// address:port. nil: the system's, if they are on the same machine.
	TrustedResolvers []string
	OwnNetworks      []netipx.IPRange
	StatePath        string // directory; empty: .mailrelay beside the configuration, if StateURL is none
	StateURL         Secret // address of the state in PostgreSQL
}

// Own is the set of OwnNetworks.
func (s *Settings) Own() *netipx.IPSet {
	var b netipx.IPSetBuilder
	for _, r := range s.OwnNetworks {
		b.AddRange(r)
	}
	set, err := b.IPSet()
	if err != nil { // ranges were read as valid ones
		return &netipx.IPSet{}
	}
	return set
}

// ownNetworks are the private, unique local, loopback and link-local ranges.
func ownNetworks() cty.Value {
	return words("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "127.0.0.0/8", "169.254.0.0/16", "::1", "fc00::/7", "fe80::/10")
}

func settingsType() *Type {
	return &Type{
		Name: "mailrelay", Nameless: true,
		Doc: "What concerns the configuration as a whole.",
		Body: &Body{
			Attrs: []Attr{
				{Name: "required_version", Kind: Text(), Doc: "Which versions of mailrelay may read this configuration."},
				{Name: "resolvers", Kind: List(HostPort(53)), Doc: "Resolvers used to find name servers, address[:port]; the system's if not given."},
				{Name: "trusted_resolvers", Kind: List(HostPort(53)), Doc: "Resolvers that validate DNSSEC and to which the way is safe, address[:port]: relays ask them for what tls { verify = \"dane\" } needs; the system's, if they are on the relay's own machine, if not given."},
				{Name: "own_networks", Kind: Set(IPRange()), Default: ownNetworks(), Doc: "The networks that are ours: a right to relay from outside them is an open relay."},
			},
			Blocks: []Nested{{Name: "state", Doc: "Where applied revisions live.", Variants: []Variant{
				{Label: "file", Body: &Body{Attrs: []Attr{{Name: "path", Kind: Path(false), Required: true, Doc: "The directory, relative to the configuration."}}}, Doc: "A directory."},
				{Label: "postgres", Body: &Body{Attrs: []Attr{{Name: "url", Kind: SecretKind(false), Required: true, Doc: "postgres://USER@HOST/DATABASE, with options as libpq has them."}}}, Doc: "A PostgreSQL database, for pipelines and for more than one relay machine."},
			}}},
		},
		build: func(h header, o object) Block {
			s := &Settings{header: h, RequiredVersion: o.str("required_version"), Resolvers: o.strs("resolvers"), TrustedResolvers: o.strs("trusted_resolvers"), OwnNetworks: o.ranges("own_networks")}
			if state, ok := o.sub("state"); ok {
				if f, ok := state.sub("file"); ok {
					s.StatePath = f.str("path")
				}
				if p, ok := state.sub("postgres"); ok {
					s.StateURL = p.secret("url")
				}
			}
			return s
		},
	}
}
