package decide

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"

	"github.com/mailrelay/mailrelay/schema"
)

// attrs is what a test writes between the braces of a block.
type attrs map[string]any

func toCty(t testing.TB, v any) cty.Value {
	t.Helper()
	switch v := v.(type) {
	case string:
		return cty.StringVal(v)
	case bool:
		return cty.BoolVal(v)
	case int:
		return cty.NumberIntVal(int64(v))
	case []string:
		out := []cty.Value{}
		for _, s := range v {
			out = append(out, cty.StringVal(s))
		}
		return cty.TupleVal(out)
	case attrs:
		out := map[string]cty.Value{}
		for k, e := range v {
			out[k] = toCty(t, e)
		}
		return cty.ObjectVal(out)
	}
	t.Fatalf("no cty for %T", v)
	return cty.NilVal
}

// block makes a block as a configuration would.
func block(t testing.TB, addr string, a attrs) schema.Block {
	t.Helper()
	ad, err := schema.ParseAddr(addr)
	if err != nil {
		t.Fatal(err)
	}
	typ := schema.TypeNamed(schema.Types(), ad.Type)
	v, err := convert.Convert(complete(toCty(t, a), typ.Body.Type()), typ.Body.Type())
	if err != nil {
		t.Fatalf("%s: %v", addr, err)
	}
	b, err := typ.New(ad, v, hcl.Range{Filename: "test.mail.hcl", Start: hcl.Pos{Line: 7}})
	if err != nil {
		t.Fatalf("%s: %v", addr, err)
	}
	return b
}

// complete fills what an object of type want lacks with null.
func complete(v cty.Value, want cty.Type) cty.Value {
	if want.IsMapType() && v.Type().IsObjectType() {
		out := map[string]cty.Value{}
		for k, e := range v.AsValueMap() {
			out[k] = complete(e, want.ElementType())
		}
		return cty.ObjectVal(out)
	}
	if !want.IsObjectType() || !v.Type().IsObjectType() {
		return v
	}
	out := map[string]cty.Value{}
	for name, typ := range want.AttributeTypes() {
		out[name] = cty.NullVal(typ)
		if v.Type().HasAttribute(name) {
			out[name] = complete(v.GetAttr(name), typ)
		}
	}
	return cty.ObjectVal(out)
}

func compile(t testing.TB, blocks ...schema.Block) *Policy {
	t.Helper()
	p, err := Compile(schema.NewConfig(blocks, nil))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func contoso(t testing.TB) *Policy {
	return compile(t,
		block(t, "relay.edge", attrs{"hostname": "relay.contoso.com"}),
		block(t, "domain.contoso", attrs{"name": "contoso.com", "type": "internal_relay", "default": true}),
		block(t, "domain.fabrikam", attrs{"name": "fabrikam.com"}),
		block(t, "domain.below", attrs{"name": "*.wild.example", "type": "external_relay"}),
		block(t, "allowlist.apps", attrs{"addresses": []string{"10.30.0.0/24"}, "entry": attrs{
			"10.20.0.77": attrs{"expires": "2027-06-30"},
			"10.1.2.3":   attrs{"require_tls": true},
		}}),
		block(t, "receive_connector.internet", attrs{"relay": "relay.edge", "remote_ip_ranges": []string{"0.0.0.0/0", "::/0"}, "permission_groups": []string{"anonymous_users"}}),
		block(t, `receive_connector.device["printers"]`, attrs{"relay": "relay.edge", "remote_ip_ranges": []string{"10.20.0.0/24", "10.21.4.17"},
			"permission_groups": []string{"anonymous_users"}, "allowed_sender_domains": []string{"contoso.com"},
			"permission": attrs{"anonymous": attrs{"allow": []string{"accept_any_recipient"}}}}),
		block(t, "receive_connector.application", attrs{"relay": "relay.edge", "allowlists": []string{"allowlist.apps"},
			"permission_groups": []string{"anonymous_users"}, "permission": attrs{"anonymous": attrs{"allow": []string{"accept_any_recipient"}}}}),
		block(t, "send_connector.exo", attrs{"address_spaces": []string{"contoso.mail.onmicrosoft.com"}, "smart_hosts": []string{"contoso-com.mail.protection.outlook.com"}}),
		block(t, "send_connector.mbx", attrs{"address_spaces": []string{"contoso.com"}, "smart_hosts": []string{"mbx01.corp.contoso.com"}, "max_message_size": "10MiB"}),
		block(t, "send_connector.internet", attrs{"address_spaces": []string{"*"}}),
		block(t, "recipients.cloud", attrs{"domain": "domain.contoso", "addresses": []string{"Ann@contoso.com"}, "deliver_to": "send_connector.exo", "rewrite_domain": "contoso.mail.onmicrosoft.com"}),
		block(t, "recipients.fabrikam", attrs{"domain": "domain.fabrikam", "addresses": []string{"bob@fabrikam.com"}, "targets": attrs{"bob@fabrikam.com": "robert@elsewhere.example"}}),
	)
}

func mailbox(t testing.TB, s string) schema.Mailbox {
	t.Helper()
	if s == "" || strings.EqualFold(s, "postmaster") {
		return schema.Mailbox{Local: s}
	}
	m, err := schema.ParseMailbox(s)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

var local = netip.MustParseAddrPort("192.0.2.1:25")

func TestRecipient(t *testing.T) {
	p := contoso(t)
	day := time.Date(2027, 6, 30, 23, 59, 0, 0, time.UTC)
	for _, tt := range []struct {
		name, client, from, to string
		at                     time.Time
		tls                    bool
		code                   int
		status                 [3]int
		connector, via, rcpt   string
	}{
		{name: "printer reaches the world", client: "10.20.0.9", from: "mfp3@contoso.com", to: "someone@elsewhere.example", code: 250, status: [3]int{2, 1, 5}, connector: `receive_connector.device["printers"]`, via: "send_connector.internet", rcpt: "someone@elsewhere.example"},
		{name: "printer with a foreign sender", client: "10.20.0.9", from: "mfp3@other.example", to: "someone@elsewhere.example", code: 550, status: [3]int{5, 7, 60}, connector: `receive_connector.device["printers"]`},
		{name: "printer with the null sender may not relay", client: "10.20.0.9", to: "someone@elsewhere.example", code: 550, status: [3]int{5, 7, 60}, connector: `receive_connector.device["printers"]`},
		{name: "printer with the null sender reaches us", client: "10.20.0.9", to: "x@contoso.com", code: 250, status: [3]int{2, 1, 5}, connector: `receive_connector.device["printers"]`, via: "send_connector.mbx", rcpt: "x@contoso.com"},
		{name: "stranger does not", client: "198.51.100.7", from: "a@example.org", to: "someone@elsewhere.example", code: 550, status: [3]int{5, 7, 54}, connector: "receive_connector.internet"},
		{name: "stranger over IPv6 does not", client: "2001:db8::7", from: "a@example.org", to: "someone@elsewhere.example", code: 550, status: [3]int{5, 7, 54}, connector: "receive_connector.internet"},
		{name: "IPv4 in IPv6 is IPv4", client: "::ffff:10.20.0.9", from: "mfp3@contoso.com", to: "someone@elsewhere.example", code: 250, status: [3]int{2, 1, 5}, connector: `receive_connector.device["printers"]`, via: "send_connector.internet", rcpt: "someone@elsewhere.example"},
		{name: "stranger reaches us", client: "198.51.100.7", from: "a@example.org", to: "x@contoso.com", code: 250, status: [3]int{2, 1, 5}, connector: "receive_connector.internet", via: "send_connector.mbx", rcpt: "x@contoso.com"},
		{name: "cloud recipient is rewritten, case kept", client: "198.51.100.7", from: "a@example.org", to: "ANN@contoso.com", code: 250, status: [3]int{2, 1, 5}, connector: "receive_connector.internet", via: "send_connector.exo", rcpt: "ANN@contoso.mail.onmicrosoft.com"},
		{name: "tag is kept in a rewritten address", client: "198.51.100.7", from: "a@example.org", to: "ann+news@contoso.com", code: 250, status: [3]int{2, 1, 5}, connector: "receive_connector.internet", via: "send_connector.exo", rcpt: "ann+news@contoso.mail.onmicrosoft.com"},
		{name: "authoritative knows", client: "198.51.100.7", from: "a@example.org", to: "BOB+x@fabrikam.com", code: 250, status: [3]int{2, 1, 5}, connector: "receive_connector.internet", via: "send_connector.internet", rcpt: "robert@elsewhere.example"},
		{name: "authoritative refuses the unknown", client: "198.51.100.7", from: "a@example.org", to: "bobo@fabrikam.com", code: 550, status: [3]int{5, 1, 1}, connector: "receive_connector.internet"},
		{name: "subdomain is another domain", client: "198.51.100.7", from: "a@example.org", to: "x@sub.contoso.com", code: 550, status: [3]int{5, 7, 54}, connector: "receive_connector.internet"},
		{name: "below a wildcard", client: "198.51.100.7", from: "a@example.org", to: "x@a.b.wild.example", code: 250, status: [3]int{2, 1, 5}, connector: "receive_connector.internet", via: "send_connector.internet", rcpt: "x@a.b.wild.example"},
		{name: "entry on its last day", client: "10.20.0.77", at: day, from: "a@x.example", to: "b@elsewhere.example", code: 250, status: [3]int{2, 1, 5}, connector: "receive_connector.application", via: "send_connector.internet", rcpt: "b@elsewhere.example"},
		{name: "expired entry leaves the wider range", client: "10.20.0.77", at: day.Add(time.Minute), from: "a@x.example", to: "b@elsewhere.example", code: 550, status: [3]int{5, 7, 60}, connector: `receive_connector.device["printers"]`},
		{name: "entry that needs TLS", client: "10.1.2.3", from: "a@x.example", to: "b@elsewhere.example", code: 530, status: [3]int{5, 7, 0}, connector: "receive_connector.application"},
		{name: "entry that has TLS", client: "10.1.2.3", tls: true, from: "a@x.example", to: "b@elsewhere.example", code: 250, status: [3]int{2, 1, 5}, connector: "receive_connector.application", via: "send_connector.internet", rcpt: "b@elsewhere.example"},
		{name: "bare postmaster is the default domain's", client: "198.51.100.7", from: "a@example.org", to: "Postmaster", code: 250, status: [3]int{2, 1, 5}, connector: "receive_connector.internet", via: "send_connector.mbx", rcpt: "Postmaster@contoso.com"},
		{name: "address literal is foreign", client: "198.51.100.7", from: "a@example.org", to: "x@[192.0.2.1]", code: 550, status: [3]int{5, 7, 54}, connector: "receive_connector.internet"},
		{name: "percent hack is a local part", client: "198.51.100.7", from: "a@example.org", to: "x%elsewhere.example@fabrikam.com", code: 550, status: [3]int{5, 1, 1}, connector: "receive_connector.internet"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := Client{Local: local, Remote: netip.MustParseAddr(tt.client), TLS: tt.tls, At: tt.at}
			if c.Remote.Is6() && !c.Remote.Is4In6() {
				c.Local = netip.MustParseAddrPort("[2001:db8::1]:25")
			}
			v, why := p.Explain(c, mailbox(t, tt.from), mailbox(t, tt.to))
			if v != p.Recipient(c, mailbox(t, tt.from), mailbox(t, tt.to)) {
				t.Error("Explain and Recipient disagree")
			}
			var connector, via string
			if v.Connector != nil {
				connector = v.Connector.Block.Addr().String()
			}
			if v.Route != nil {
				via = v.Route.Connector.Addr().String()
			}
			if v.Code != tt.code || v.Enhanced != tt.status || connector != tt.connector || via != tt.via || v.Rewritten.String() != tt.rcpt {
				t.Errorf("got %d %v %q via %q as %q at %s\nbecause %v", v.Code, v.Enhanced, v.Text, via, v.Rewritten, connector, why)
			}
			if len(why) < 2 || !strings.Contains(why[0].String(), "test.mail.hcl:7: ") {
				t.Errorf("reasons do not name their line: %v", why)
			}
		})
	}
}

// TestRights holds the effect of each group on each principal against the table
// of rights that Exchange documents for its permission groups.
func TestRights(t *testing.T) {
	want := map[string]string{
		"anonymous_users anonymous":           "S AS AD HR",
		"exchange_users authenticated":        "S AR HR BA",
		"exchange_servers externally_secured": "S AS AD AR HR BA BS AF X5",
		"partners partner":                    "S HR",
	}
	short := []struct {
		right Right
		name  string
	}{{Submit, "S"}, {AnySender, "AS"}, {AuthoritativeSender, "AD"}, {AnyRecipient, "AR"}, {HeadersRouting, "HR"}, {HeadersOrganization, "HO"}, {HeadersForest, "HF"}, {BypassAntiSpam, "BA"}, {BypassSize, "BS"}, {AuthenticationFlag, "AF"}, {Exch50, "X5"}}
	for _, group := range []string{"anonymous_users", "exchange_users", "exchange_servers", "exchange_legacy_servers", "partners"} {
		for _, principal := range []string{"anonymous", "authenticated", "externally_secured", "partner"} {
			var got []string
			for _, s := range short {
				if groupRights(group, principal)&s.right != 0 {
					got = append(got, s.name)
				}
			}
			if g := strings.Join(got, " "); g != want[group+" "+principal] {
				t.Errorf("%s gives %s %q, want %q", group, principal, g, want[group+" "+principal])
			}
		}
	}
	for _, name := range schema.Rights() {
		if rightNamed(name) == 0 {
			t.Errorf("right %s has no bit", name)
		}
	}
}

func TestPrincipals(t *testing.T) {
	connector := func(a attrs) *Policy {
		a["relay"], a["remote_ip_ranges"] = "relay.edge", []string{"10.0.0.0/8"}
		return compile(t, block(t, "relay.edge", attrs{"hostname": "relay.contoso.com"}),
			block(t, "domain.contoso", attrs{"name": "contoso.com", "type": "internal_relay"}), block(t, "receive_connector.x", a))
	}
	relay := attrs{"allow": []string{"accept_any_recipient", "accept_any_sender"}}
	for _, tt := range []struct {
		name   string
		attrs  attrs
		client Client
		code   int
	}{
		{"no group", attrs{}, Client{}, 530},
		{"deny beats allow", attrs{"permission_groups": []string{"anonymous_users"}, "permission": attrs{"anonymous": attrs{"allow": []string{"accept_any_recipient"}, "deny": []string{"accept_any_recipient"}}}}, Client{}, 550},
		{"deny beats group", attrs{"permission_groups": []string{"anonymous_users"}, "permission": attrs{"anonymous": attrs{"deny": []string{"submit"}}}}, Client{}, 530},
		{"anonymous rights are not those of who logged on", attrs{"permission_groups": []string{"anonymous_users"}, "permission": attrs{"anonymous": relay}}, Client{User: "scanner"}, 530},
		{"authenticated lacks accept_any_sender", attrs{"permission_groups": []string{"exchange_users"}}, Client{User: "scanner"}, 550},
		{"authenticated", attrs{"permission_groups": []string{"exchange_users"}, "permission": attrs{"authenticated": relay}}, Client{User: "scanner"}, 250},
		{"one user", attrs{"permission_groups": []string{"exchange_users"}, "permission": attrs{"user:scanner": relay}}, Client{User: "Scanner"}, 250},
		{"another user", attrs{"permission_groups": []string{"exchange_users"}, "permission": attrs{"user:scanner": relay}}, Client{User: "copier"}, 550},
		{"one user is denied", attrs{"permission_groups": []string{"exchange_users"}, "permission": attrs{"authenticated": relay, "user:scanner": attrs{"deny": []string{"accept_any_recipient"}}}}, Client{User: "scanner"}, 550},
		{"externally secured", attrs{"auth_mechanisms": []string{"tls", "external_authoritative"}, "permission_groups": []string{"exchange_servers"}}, Client{}, 250},
		{"exchange_servers without the mechanism", attrs{"permission_groups": []string{"exchange_servers"}}, Client{}, 530},
		{"partner", attrs{"permission_groups": []string{"partners"}, "tls_client_names": []string{"*.fabrikam.com"}, "permission": attrs{"partner": relay}}, Client{TLS: true, Partner: true, Names: []string{"mail.Fabrikam.com"}}, 250},
		{"partner with another name", attrs{"permission_groups": []string{"partners"}, "tls_client_names": []string{"*.fabrikam.com"}, "permission": attrs{"partner": relay}}, Client{TLS: true, Partner: true, Names: []string{"mail.contoso.com"}}, 530},
		{"partner whose certificate is not verified", attrs{"permission_groups": []string{"partners"}, "tls_client_names": []string{"*.fabrikam.com"}, "permission": attrs{"partner": relay}}, Client{TLS: true, Names: []string{"mail.fabrikam.com"}}, 530},
		{"TLS required", attrs{"require_tls": true, "permission_groups": []string{"anonymous_users"}, "permission": attrs{"anonymous": relay}}, Client{}, 530},
		{"own domain spoofed", attrs{"permission_groups": []string{"anonymous_users"}, "permission": attrs{"anonymous": relay}, "allowed_recipient_domains": []string{"*.elsewhere.example"}}, Client{}, 550},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.client.Local, tt.client.Remote = local, netip.MustParseAddr("10.1.1.1")
			v, why := connector(tt.attrs).Explain(tt.client, mailbox(t, "a@foreign.example"), mailbox(t, "b@far.example"))
			if v.Code != tt.code {
				t.Errorf("got %d %s, want %d\nbecause %v", v.Code, v.Text, tt.code, why)
			}
		})
	}
}

func TestListeners(t *testing.T) {
	p := compile(t, block(t, "relay.a", attrs{"hostname": "a.contoso.com"}), block(t, "relay.b", attrs{"hostname": "b.contoso.com"}),
		block(t, "receive_connector.wild", attrs{"relay": "relay.a", "remote_ip_ranges": []string{"0.0.0.0/0"}}),
		block(t, "receive_connector.one", attrs{"relay": "relay.a", "bindings": []string{"192.0.2.9:25"}, "remote_ip_ranges": []string{"10.0.0.5-10.0.0.200"}}),
		block(t, "receive_connector.inner", attrs{"relay": "relay.a", "bindings": []string{"192.0.2.9:25"}, "remote_ip_ranges": []string{"10.0.0.9-10.0.0.30"}}),
		block(t, "receive_connector.sock", attrs{"relay": "relay.b", "bindings": []string{"unix:/run/mail.sock"}, "remote_ip_ranges": []string{"127.0.0.1"}}))
	for _, tt := range []struct{ relay, local, unix, remote, want string }{
		{"a", "192.0.2.1:25", "", "10.0.0.7", "wild"},
		{"a", "192.0.2.9:25", "", "10.0.0.7", "one"},
		{"a", "192.0.2.9:25", "", "10.0.0.17", "inner"},
		{"a", "192.0.2.9:25", "", "10.0.0.1", ""}, // a specific listener has no wider one behind it
		{"a", "192.0.2.1:587", "", "10.0.0.7", ""},
		{"a", "[2001:db8::1]:25", "", "2001:db8::2", ""},
		{"b", "192.0.2.1:25", "", "10.0.0.7", ""},
		{"b", "", "/run/mail.sock", "", "sock"},
	} {
		c := Client{Relay: schema.Addr{Type: "relay", Name: tt.relay}, Unix: tt.unix}
		if tt.local != "" {
			c.Local = netip.MustParseAddrPort(tt.local)
		}
		if tt.remote != "" {
			c.Remote = netip.MustParseAddr(tt.remote)
		}
		got := ""
		if r := p.Receive(c); r != nil {
			got = r.Block.Addr().Name
		}
		if got != tt.want {
			t.Errorf("%+v: got %q", tt, got)
		}
	}
}

func TestRoute(t *testing.T) {
	p := compile(t, block(t, "relay.a", attrs{"hostname": "a.contoso.com"}), block(t, "relay.b", attrs{"hostname": "b.contoso.com"}),
		block(t, "send_connector.all", attrs{"address_spaces": []string{"*"}, "max_message_size": "50MiB"}),
		block(t, "send_connector.tree", attrs{"address_spaces": []string{"*.contoso.com"}, "cost": 2}),
		block(t, "send_connector.cheap", attrs{"address_spaces": []string{"*.contoso.com"}, "relays": []string{"relay.b"}}),
		block(t, "send_connector.off", attrs{"address_spaces": []string{"m.contoso.com"}, "enabled": false}),
		block(t, "send_connector.small", attrs{"address_spaces": []string{"m.contoso.com"}, "max_message_size": "1KiB"}))
	for _, tt := range []struct {
		relay, domain string
		size          int64
		want          string
	}{
		{"a", "contoso.com", 0, "tree"},
		{"b", "contoso.com", 0, "cheap"},
		{"a", "x.contoso.com", 0, "tree"},
		{"a", "xcontoso.com", 0, "all"},
		{"a", "m.contoso.com", 1024, "small"},
		{"a", "m.contoso.com", 1025, "tree"},
		{"a", "m.contoso.com", 40 << 20, "all"},
		{"a", "m.contoso.com", 60 << 20, ""},
	} {
		relay := schema.Addr{Type: "relay", Name: tt.relay}
		got := ""
		if r, _ := p.Route(relay, schema.Mailbox{Local: "x", Domain: tt.domain}, tt.size); r != nil {
			got = r.Connector.Addr().Name
		}
		if got != tt.want {
			t.Errorf("%+v: got %q", tt, got)
		}
	}
	if got := p.Largest(schema.Addr{Type: "relay", Name: "a"}, schema.Mailbox{Local: "x", Domain: "m.contoso.com"}); got != 50<<20 {
		t.Errorf("Largest = %d", got)
	}
}

func BenchmarkRecipient(b *testing.B) {
	p := contoso(b)
	from, accept, refuse := mailbox(b, "mfp3@contoso.com"), mailbox(b, "ann@contoso.com"), mailbox(b, "x@elsewhere.example")
	for name, to := range map[string]schema.Mailbox{"accept": accept, "refuse": refuse} {
		b.Run(name, func(b *testing.B) {
			c := Client{Local: local, Remote: netip.MustParseAddr("198.51.100.7")}
			b.ReportAllocs()
			for b.Loop() {
				if v := p.Recipient(c, from, to); v.Code == 0 {
					b.Fatal(v)
				}
			}
		})
	}
}
