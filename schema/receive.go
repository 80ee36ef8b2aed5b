package schema

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/zclconf/go-cty/cty"
	"go4.org/netipx"
)

// ReceiveConnector says who may hand mail to a relay, and what they may do.
type ReceiveConnector struct {
	header
	Relay                   Addr
	Bindings                []string // address:port or unix:/path
	RemoteIPRanges          []netipx.IPRange
	Allowlists              []Addr
	AuthMechanisms          []string
	PermissionGroups        []string
	Permissions             []Permission // sorted by principal
	TLSClientNames          []string
	AllowedSenderDomains    []string // nil: no limit
	AllowedRecipientDomains []string // nil: no limit
	RequireTLS              bool

	MaxMessageSize    int64 // bytes
	MaxRecipients     int   // a message
	MaxHeaderSize     int64 // bytes
	MaxSessionSize    int64 // bytes; zero: no limit
	MaxMessages       int   // a connection; zero: no limit
	MaxLogonFailures  int
	MaxConnections    int
	MaxPerSource      int
	MessageRateLimit  int // a minute and address; zero: no limit
	ConnectionTimeout time.Duration
	InactivityTimeout time.Duration
	TarpitInterval    time.Duration

	UsersFile     string
	ProxyProtocol []netipx.IPRange
	BareNewline   string // "reject" or "normalize"
	Verbose       bool   // protocol_logging
}

// Permission is what one principal is explicitly allowed and denied.
type Permission struct {
	Principal   string // anonymous, authenticated, partner, externally_secured or user:NAME
	Allow, Deny []string
}

// Rights are the rights of Exchange without their ms-Exch- prefix.
func Rights() []string {
	return []string{
		"accept_any_recipient", "accept_any_sender", "accept_authentication_flag",
		"accept_authoritative_domain_sender", "accept_exch50", "accept_headers_forest",
		"accept_headers_organization", "accept_headers_routing", "bypass_anti_spam",
		"bypass_message_size_limit", "smtp_submit",
	}
}

// Right is one of Rights; submit stands for smtp_submit.
func Right() Kind {
	return scalar{"a right like accept_any_recipient", func(s string) (string, error) {
		low := strings.ReplaceAll(strings.ToLower(s), "-", "_")
		low = strings.TrimPrefix(low, "ms_exch_")
		if short := strings.TrimPrefix(low, "smtp_"); slices.Contains(Rights(), short) {
			low = short // ms-Exch-SMTP-Accept-Any-Recipient
		}
		if low == "submit" {
			low = "smtp_submit"
		}
		if slices.Contains(Rights(), low) {
			return low, nil
		}
		return "", fmt.Errorf("%q is not a right: write one of %s%s", s, list(Rights()), DidYouMean(low, Rights()))
	}}
}

// Principal is whom a permission is for.
func Principal() Kind {
	known := []string{"anonymous", "authenticated", "partner", "externally_secured"}
	return scalar{"a principal: " + list(known) + " or user:NAME", func(s string) (string, error) {
		if user, ok := strings.CutPrefix(s, "user:"); ok && user != "" {
			return s, nil
		}
		if slices.Contains(known, s) {
			return s, nil
		}
		return "", fmt.Errorf("%q is not a principal: write one of %s, or user:NAME%s", s, list(known), DidYouMean(s, known))
	}}
}

func words(ss ...string) cty.Value {
	var out []cty.Value
	for _, s := range ss {
		out = append(out, cty.StringVal(s))
	}
	return cty.SetVal(out)
}

func receiveType() *Type {
	permission := &Body{Attrs: []Attr{
		{Name: "allow", Kind: Set(Right()), Default: cty.SetValEmpty(cty.String), Doc: "Rights that the principal has besides those of its groups."},
		{Name: "deny", Kind: Set(Right()), Default: cty.SetValEmpty(cty.String), Doc: "Rights that it has not, whatever allows them."},
	}}
	users := &Body{Attrs: []Attr{
		{Name: "file", Kind: Path(true), Required: true, Doc: "File of name:hash lines, hashes by bcrypt. It is read at each log-on; one that cannot be read leaves the users as they were."},
	}}
	dur, _ := within("1m")
	size := Size(1, 1<<40)
	count := Int(1, math.MaxInt32)
	return &Type{
		Name: "receive_connector", Counted: true,
		Doc: "Who may hand mail to a relay, and what they may do.",
		Body: &Body{
			Attrs: []Attr{
				{Name: "relay", Kind: Ref("relay"), Required: true, Doc: "The relay it belongs to."},
				{Name: "bindings", Kind: SomeSet(Binding()), Default: words("0.0.0.0:25", "[::]:25"), Doc: "Where it listens."},
				{Name: "remote_ip_ranges", Kind: Set(IPRange()), Default: cty.SetValEmpty(cty.String), Doc: "The clients it is for; the most specific range wins."},
				{Name: "allowlists", Kind: Set(Ref("allowlist")), Default: cty.SetValEmpty(cty.String), Doc: "Allowlists whose addresses it is for too."},
				{Name: "auth_mechanisms", Kind: Set(OneOf("tls", "basic_auth", "basic_auth_require_tls", "external_authoritative")), Default: words("tls"), Doc: "What clients may prove themselves by."},
				{Name: "permission_groups", Kind: Set(OneOf("anonymous_users", "exchange_users", "exchange_servers", "exchange_legacy_servers", "partners")), Default: cty.SetValEmpty(cty.String), Doc: "The groups that have their usual rights here. exchange_servers are the clients of external_authoritative; nobody is one of exchange_legacy_servers."},
				{Name: "tls_client_names", Kind: Set(AddressSpace()), Default: cty.SetValEmpty(cty.String), Doc: "The names of which a verified client certificate must bear one to be a partner."},
				{Name: "allowed_sender_domains", Kind: Set(AddressSpace()), Doc: "The only domains of senders, if given."},
				{Name: "allowed_recipient_domains", Kind: Set(AddressSpace()), Doc: "The only domains of recipients, if given."},
				{Name: "require_tls", Kind: Bool(), Default: cty.False, Doc: "Whether mail is taken under TLS alone."},
				{Name: "max_message_size", Kind: size, Default: cty.StringVal("35MiB"), Doc: "The largest message."},
				{Name: "max_recipients_per_message", Kind: count, Default: cty.NumberIntVal(200), Doc: "The most recipients of a message."},
				{Name: "max_header_size", Kind: size, Default: cty.StringVal("256KiB"), Doc: "The largest header of a message."},
				{Name: "max_session_size", Kind: size, Doc: "The most bytes of messages in a connection."},
				{Name: "max_messages_per_connection", Kind: count, Doc: "The most messages in a connection."},
				{Name: "max_logon_failures", Kind: count, Default: cty.NumberIntVal(3), Doc: "A connection ends after so many failed log-ons."},
				{Name: "max_inbound_connections", Kind: count, Default: cty.NumberIntVal(5000), Doc: "The most connections at a time."},
				{Name: "max_inbound_connections_per_source", Kind: count, Default: cty.NumberIntVal(20), Doc: "The most connections of one address at a time."},
				{Name: "message_rate_limit", Kind: count, Doc: "The most messages a minute from one address."},
				{Name: "connection_timeout", Kind: dur, Default: cty.StringVal("10m"), Doc: "The longest a connection may last while it is busy."},
				{Name: "connection_inactivity_timeout", Kind: dur, Default: cty.StringVal("5m"), Doc: "The longest a connection may be silent."},
				{Name: "tarpit_interval", Kind: Duration(0, 10*time.Minute), Default: cty.StringVal("5s"), Doc: "How long a refusal to relay is held back."},
				{Name: "proxy_protocol", Kind: Set(IPRange()), Default: cty.SetValEmpty(cty.String), Doc: "The proxies (load balancers) whose PROXY header (version 1 or 2) is believed when it names one of the clients of this connector. Whoever connects from there to one of its bindings must begin with that header; one from elsewhere is refused."},
				{Name: "bare_newline", Kind: OneOf("reject", "normalize"), Default: cty.StringVal("reject"), Doc: "What is done with a CR or LF that stands alone."},
				protocolLogging("receive.csv"),
			},
			Blocks: []Nested{
				{Name: "permission", Label: Principal(), Body: permission, Doc: "Rights of one principal beyond the groups. smtp_submit lets it send mail at all; accept_any_recipient to any domain, and not to accepted ones alone; accept_any_sender with senders whose domain is not accepted; accept_authoritative_domain_sender with senders of our authoritative domains; bypass_message_size_limit lifts max_message_size. Without accept_headers_routing Received and Resent-* are taken out of its mail, without accept_headers_organization X-MS-Exchange-Organization-*, without accept_headers_forest X-MS-Exchange-Forest-*. bypass_anti_spam, accept_authentication_flag and accept_exch50 are stored and change nothing here."},
				{Name: "users", Body: users, Doc: "Who may log on."},
			},
		},
		build: func(h header, o object) Block {
			c := &ReceiveConnector{
				header: h, Relay: o.ref("relay"), Bindings: o.strs("bindings"),
				RemoteIPRanges: o.ranges("remote_ip_ranges"), Allowlists: o.refs("allowlists"),
				AuthMechanisms: o.strs("auth_mechanisms"), PermissionGroups: o.strs("permission_groups"),
				TLSClientNames: o.strs("tls_client_names"), RequireTLS: o.flag("require_tls"),
				AllowedSenderDomains: o.limit("allowed_sender_domains"), AllowedRecipientDomains: o.limit("allowed_recipient_domains"),
				MaxMessageSize: o.size("max_message_size"), MaxRecipients: o.num("max_recipients_per_message"), MaxHeaderSize: o.size("max_header_size"),
				MaxSessionSize: o.size("max_session_size"), MaxMessages: o.num("max_messages_per_connection"), MaxLogonFailures: o.num("max_logon_failures"),
				MaxConnections: o.num("max_inbound_connections"), MaxPerSource: o.num("max_inbound_connections_per_source"), MessageRateLimit: o.num("message_rate_limit"),
				ConnectionTimeout: o.duration("connection_timeout"), InactivityTimeout: o.duration("connection_inactivity_timeout"), TarpitInterval: o.duration("tarpit_interval"),
				ProxyProtocol: o.ranges("proxy_protocol"), BareNewline: o.str("bare_newline"),
				Verbose: o.str("protocol_logging") == "verbose",
			}
			o.each("permission", func(principal string, o object) {
				c.Permissions = append(c.Permissions, Permission{principal, o.strs("allow"), o.strs("deny")})
			})
			if u, ok := o.sub("users"); ok {
				c.UsersFile = u.str("file")
			}
			return c
		},
	}
}

// protocolLogging is the attribute of connectors that asks for the protocol log.
func protocolLogging(file string) Attr {
	return Attr{Name: "protocol_logging", Kind: OneOf("none", "verbose"), Default: cty.StringVal("none"), Doc: "verbose writes each line of its conversations, but no passwords, to " + file + " in the directory of the relay's log block, in the form of Exchange's protocol log."}
}
