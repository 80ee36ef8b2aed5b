package schema

import (
	"net/netip"

	"github.com/zclconf/go-cty/cty"
)

// SendConnector is a way out for mail.
type SendConnector struct {
	header
	AddressSpaces  []string
	Cost           int
	SmartHosts     []string // host or host:port, in order of preference; nil: by MX
	Port           uint16
	Relays         []Addr // nil: all; empty: none
	TLS            SendTLS
	Auth           *SendAuth
	SourceAddress  netip.Addr // invalid: the system's choice
	HELO           string     // empty: the relay's hostname
	MaxMessageSize int64      // bytes
	MaxConnections int
	MaxMessages    int // a connection
	Enabled        bool
	Verbose        bool // protocol_logging
}

// SendTLS is how a next hop must prove itself.
type SendTLS struct {
	Mode        string // none, opportunistic, required
	Verify      string // none, certificate, domain, dane, mta_sts
	Domain      string // for Verify "domain"; the left-most label may be anything
	CA          string // PEM file of roots; empty: the system's
	Certificate string // PEM file of the client's own certificate
	Key         Secret
}

// SendAuth is how the relay logs on at a next hop.
type SendAuth struct {
	Username string
	Password Secret
}

func sendType() *Type {
	tls := &Body{Attrs: []Attr{
		{Name: "mode", Kind: OneOf("none", "opportunistic", "required"), Default: cty.StringVal("opportunistic"), Doc: "Whether TLS is used, or demanded."},
		{Name: "verify", Kind: OneOf("none", "certificate", "domain", "dane", "mta_sts"), Default: cty.StringVal("none"), Doc: "How the next hop must prove itself. dane: by the TLSA records of each host that has them, as a validating resolver shows them (trusted_resolvers in mailrelay); mta_sts: by the policy of the domain."},
		{Name: "domain", Kind: DomainName(), Doc: "The name that its certificate must bear with verify = \"domain\"."},
		{Name: "ca", Kind: Path(true), Doc: "PEM file of roots of its own."},
		{Name: "certificate", Kind: Path(true), Doc: "PEM file of the client certificate."},
		{Name: "key", Kind: SecretKind(true), Doc: "The client certificate's key, PEM."},
	}}
	auth := &Body{Attrs: []Attr{
		{Name: "username", Kind: Text(), Required: true, Doc: "The name to log on with."},
		{Name: "password", Kind: SecretKind(true), Required: true, Doc: "Its password."},
	}}
	return &Type{
		Name: "send_connector", Counted: true,
		Doc: "A way out for mail: for which domains, to which hosts, how protected.",
		Body: &Body{
			Attrs: []Attr{
				{Name: "address_spaces", Kind: SomeSet(AddressSpace()), Required: true, Doc: "The domains it is for."},
				{Name: "cost", Kind: Int(1, 100), Default: cty.NumberIntVal(1), Doc: "Of two equally specific, the lower cost wins."},
				{Name: "smart_hosts", Kind: Some(HostPort(0)), Doc: "Next hops in order of preference; by MX if not given."},
				{Name: "port", Kind: Int(1, 65535), Default: cty.NumberIntVal(25), Doc: "The port of the next hop."},
				{Name: "relays", Kind: Set(Ref("relay")), Doc: "The relays that use it; all if not given."},
				{Name: "source_address", Kind: Address(), Doc: "The local address of its connections."},
				{Name: "helo", Kind: Host(), Doc: "The name in EHLO; the relay's hostname if not given."},
				{Name: "max_message_size", Kind: Size(1, 1<<40), Default: cty.StringVal("35MiB"), Doc: "The largest message it takes."},
				{Name: "max_connections", Kind: Int(1, 100000), Default: cty.NumberIntVal(20), Doc: "The most connections at a time."},
				{Name: "max_messages_per_connection", Kind: Int(1, 1<<31-1), Default: cty.NumberIntVal(100), Doc: "The most messages in a connection."},
				{Name: "enabled", Kind: Bool(), Default: cty.True, Doc: "Whether it is used."},
				protocolLogging("send.csv"),
			},
			Blocks: []Nested{
				{Name: "tls", Body: tls, Doc: "How its connections are protected."},
				{Name: "auth", Body: auth, Doc: "How it logs on at the next hop."},
			},
		},
		build: func(h header, o object) Block {
			c := &SendConnector{
				header: h, AddressSpaces: o.strs("address_spaces"), Cost: o.num("cost"), SmartHosts: o.strs("smart_hosts"),
				Port: uint16(o.num("port")), Relays: o.refs("relays"), HELO: o.str("helo"), MaxMessageSize: o.size("max_message_size"),
				MaxConnections: o.num("max_connections"), MaxMessages: o.num("max_messages_per_connection"), Enabled: o.flag("enabled"),
				Verbose: o.str("protocol_logging") == "verbose",
			}
			if o.has("source_address") {
				c.SourceAddress, _ = netip.ParseAddr(o.str("source_address"))
			}
			if o.has("relays") && c.Relays == nil {
				c.Relays = []Addr{} // none, and not all
			}
			t := o.subOr("tls", tls)
			c.TLS = SendTLS{Mode: t.str("mode"), Verify: t.str("verify"), Domain: t.str("domain"), CA: t.str("ca"), Certificate: t.str("certificate"), Key: t.secret("key")}
			if a, ok := o.sub("auth"); ok {
				c.Auth = &SendAuth{Username: a.str("username"), Password: a.secret("password")}
			}
			return c
		},
	}
}
