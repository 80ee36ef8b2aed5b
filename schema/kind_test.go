package schema_test

import (
	"strings"
	"testing"
	"time"

	"github.com/zclconf/go-cty/cty"

	"github.com/mailrelay/mailrelay/schema"
)

// Each text becomes want, and want stays as it is. Where want begins with "!",
// the text is refused with an error that holds the rest.
func TestKinds(t *testing.T) {
	day := 24 * time.Hour
	for _, test := range []struct {
		name string
		kind schema.Kind
		text string
		want string
	}{
		{"one of", schema.OneOf("a", "bee"), "BEE", "bee"},
		{"one of", schema.OneOf("a", "bee"), "bees", `!Did you mean "bee"?`},

		{"duration", schema.Duration(time.Second, 30*day), "90m", "1h30m"},
		{"duration", schema.Duration(time.Second, 30*day), "7d", "168h"},
		{"duration", schema.Duration(time.Second, 30*day), "60s", "1m"},
		{"duration", schema.Duration(time.Second, 30*day), "31d", "!out of range"},
		{"duration", schema.Duration(time.Second, 30*day), "0s", "!out of range"},
		{"duration", schema.Duration(time.Second, 30*day), "-1m", "!out of range"},
		{"duration", schema.Duration(time.Second, 30*day), "soon", "!is not a duration"},
		{"duration", schema.Duration(time.Second, 30*day), "1.5d", "!is not a duration"},

		{"size", schema.Size(1, 1<<40), "10MiB", "10MiB"},
		{"size", schema.Size(1, 1<<40), "2048KB", "2000KiB"},
		{"size", schema.Size(1, 1<<40), "10485760", "10MiB"},
		{"size", schema.Size(1, 1<<40), "1000", "1000"},
		{"size", schema.Size(1, 1<<40), "0", "!out of range"},
		{"size", schema.Size(1, 1<<40), "-1", "!is not a size"},

		{"date", schema.Date(), "2027-06-30", "2027-06-30"},
		{"date", schema.Date(), "2027-02-30", "!is not a date"},

		{"domain", schema.DomainName(), "Bücher.Example.", "xn--bcher-kva.example"},
		{"domain", schema.DomainName(), "_dmarc.contoso.com", "_dmarc.contoso.com"},
		{"domain", schema.DomainName(), "", "!is not a domain name"},
		{"domain", schema.DomainName(), "a..b", "!each part"},
		{"domain", schema.DomainName(), "a b.com", "!may not stand there"},
		{"domain", schema.DomainName(), strings.Repeat("a", 64) + ".com", "!is not a domain name"},
		{"domain", schema.DomainName(), strings.Repeat("abcdefg.", 32) + "com", "!is not a domain name"},

		{"host", schema.Host(), "Relay.Contoso.com", "relay.contoso.com"},
		{"host", schema.Host(), "relay", "!not a full host name"},
		{"host", schema.Host(), "192.0.2.1", "!is an address"},

		{"record name", schema.RecordName(), "@", "@"},
		{"record name", schema.RecordName(), "*", "*"},
		{"record name", schema.RecordName(), "*.Dev", "*.dev"},
		{"record name", schema.RecordName(), "www.contoso.com.", "!is a full name"},
		{"record name", schema.RecordName(), "*.a b", "!may not stand there"},

		{"space", schema.AddressSpace(), "*", "*"},
		{"space", schema.AddressSpace(), "*.COM", "*.com"},
		{"space", schema.AddressSpace(), "a.*.com", "!may not stand there"},

		{"host and port", schema.HostPort(53), "NS1.contoso.com", "ns1.contoso.com:53"},
		{"host and port", schema.HostPort(53), "2001:DB8::1", "[2001:db8::1]:53"},
		{"host and port", schema.HostPort(0), "mail.contoso.com:2525", "mail.contoso.com:2525"},
		{"host and port", schema.HostPort(0), "mail.contoso.com:0", "!is not a host"},
		{"host and port", schema.HostPort(0), "mail.contoso.com:70000", "!is not a host"},

		{"mail address", schema.MailAddress(), "User@CONTOSO.com", "User@contoso.com"},
		{"mail address", schema.MailAddress(), `"a b"@contoso.com`, `"a b"@contoso.com`},
		{"mail address", schema.MailAddress(), `"ab"@contoso.com`, `ab@contoso.com`},
		{"mail address", schema.MailAddress(), "a b@contoso.com", "!needs quotes"},
		{"mail address", schema.MailAddress(), "contoso.com", "!is not a mail address"},
		{"mail address", schema.MailAddress(), "a\n@contoso.com", "!needs quotes"},
		{"mail address", schema.MailAddress(), "\"a\r\n\"@contoso.com", "!no address may hold"},
		{"mail address", schema.MailAddress(), strings.Repeat("a", 65) + "@contoso.com", "!too long"},

		{"address", schema.Address(), "::ffff:192.0.2.1", "192.0.2.1"},
		{"address", schema.Address(), "fe80::1%eth0", "!is not an IP address"},
		{"range", schema.IPRange(), "10.0.0.0-10.0.0.255", "10.0.0.0/24"},
		{"range", schema.IPRange(), "10.0.0.0 - 10.0.0.9", "10.0.0.0-10.0.0.9"},
		{"range", schema.IPRange(), "10.0.0.1/32", "10.0.0.1"},
		{"range", schema.IPRange(), "10.0.0.1/24", "!write 10.0.0.0/24"},
		{"range", schema.IPRange(), "10.0.0.9-10.0.0.1", "!must not be above"},
		{"range", schema.IPRange(), "10.0.0.9-2001:db8::1", "!one family"},
		{"range", schema.IPRange(), "::ffff:10.0.0.0/104", "!IPv4 inside IPv6"},
		{"binding", schema.Binding(), "[::]:25", "[::]:25"},
		{"binding", schema.Binding(), "unix:/run/a.sock", "unix:/run/a.sock"},
		{"binding", schema.Binding(), "unix:a.sock", "!is not a binding"},
		{"binding", schema.Binding(), "0.0.0.0:0", "!is not a binding"},

		{"record type", schema.RRType(), "mx", "MX"},
		{"record type", schema.RRType(), "type065", "TYPE65"},
		{"record type", schema.RRType(), "TYPE65536", "!is not a record type"},

		{"path", schema.Path(true), "/etc/a", "/etc/a"},
		{"path", schema.Path(true), `C:\mail\a`, `C:\mail\a`},
		{"path", schema.Path(true), `\\server\share`, `\\server\share`},
		{"path", schema.Path(true), "a", "!absolute path"},
		{"path", schema.Path(false), "", "!is empty"},

		{"right", schema.Right(), "submit", "smtp_submit"},
		{"right", schema.Right(), "ms-Exch-SMTP-Submit", "smtp_submit"},
		{"right", schema.Right(), "ms-Exch-SMTP-Accept-Any-Recipient", "accept_any_recipient"},
		{"right", schema.Right(), "ms-Exch-Accept-Headers-Routing", "accept_headers_routing"},
		{"right", schema.Right(), "ms-Exch-Bypass-Anti-Spam", "bypass_anti_spam"},
		{"right", schema.Right(), "accept_any_recipent", `!Did you mean "accept_any_recipient"?`},
		{"principal", schema.Principal(), "user:scanner", "user:scanner"},
		{"principal", schema.Principal(), "user:", "!is not a principal"},

		{"reference", schema.Ref("zone"), "zone.contoso", "zone.contoso"},
		{"reference", schema.Ref("zone"), "relay.edge", "!is not a zone"},
	} {
		t.Run(test.name+" "+test.text, func(t *testing.T) {
			got, err := test.kind.Canon(cty.StringVal(test.text))
			if wanted, bad := strings.CutPrefix(test.want, "!"); bad {
				if err == nil || !strings.Contains(err.Error(), wanted) {
					t.Fatalf("got %#v, %v, want an error with %q", got, err, wanted)
				}
				return
			}
			if err != nil || got.AsString() != test.want {
				t.Fatalf("got %#v, %v, want %q", got, err, test.want)
			}
			if again, err := test.kind.Canon(got); err != nil || !again.RawEquals(got) {
				t.Errorf("the canonical %q becomes %#v, %v", test.want, again, err)
			}
		})
	}
}

func TestInt(t *testing.T) {
	kind := schema.Int(0, 10)
	for _, test := range []struct {
		v  cty.Value
		ok bool
	}{
		{cty.Zero, true}, {cty.NumberIntVal(10), true}, {cty.NumberIntVal(11), false},
		{cty.NumberFloatVal(1.5), false}, {cty.NumberIntVal(-1), false},
		{cty.MustParseNumberVal("1e1000000"), false}, {cty.PositiveInfinity, false},
	} {
		if _, err := kind.Canon(test.v); (err == nil) != test.ok {
			t.Errorf("Canon(%#v): %v, want success %v", test.v, err, test.ok)
		} else if err != nil && len(err.Error()) > 200 {
			t.Errorf("Canon: the message has %d bytes", len(err.Error()))
		}
	}
}
