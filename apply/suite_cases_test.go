package apply

import (
	"fmt"
	"strings"

	"golang.org/x/net/idna"
)

// ascii is the name of a zone on the wire.
func ascii(name string) string {
	a, err := idna.Lookup.ToASCII(name)
	if err != nil {
		return name
	}
	return a
}

// entry is a record block. The first value names it.
func entry(label, name, typ string, ttl int, values ...string) string {
	quoted := make([]string, len(values))
	for i, v := range values {
		quoted[i] = hclQuote(v)
	}
	return fmt.Sprintf("record %q {\n  zone = zone.z\n  name = %q\n  type = %q\n  ttl = %d\n  values = [%s]\n}\n", label, name, typ, ttl, strings.Join(quoted, ", "))
}

func hclQuote(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "${", "$${", "%{", "%%{", "\t", `\t`, "\n", `\n`).Replace(s) + `"`
}

// one is a step with one record.
func one(name, typ string, ttl int, data string) step {
	return step{entry("x", name, typ, ttl, data), fmt.Sprintf("%s %d %s %s\n", name, ttl, typ, data), false}
}

// same is a step that means what the one before did.
func same(name, typ string, ttl int, data string, before step) step {
	return step{entry("x", name, typ, ttl, data), before.want, true}
}

// masterText cuts a text as it has to stand in a zone file.
func masterText(text string) string {
	var b strings.Builder
	for first := true; first || text != ""; first = false {
		n := min(255, len(text))
		b.WriteString(` "`)
		for _, c := range []byte(text[:n]) {
			if c < ' ' || c > '~' || c == '"' || c == '\\' {
				fmt.Fprintf(&b, `\%03d`, c)
			} else {
				b.WriteByte(c)
			}
		}
		b.WriteByte('"')
		text = text[n:]
	}
	return b.String()
}

// texts are the stories of TXT records: at the top of the zone beside what others
// have there, and at a name of their own.
func texts() []story {
	var out []story
	add := func(name, text string) {
		s := story{name: name}
		for _, owner := range []string{"@", "_txt.deep"} {
			line := fmt.Sprintf("%s 3600 TXT%s\n", owner, masterText(text))
			s.steps = append(s.steps, step{entry("x", owner, "TXT", 3600, text), line, false})
		}
		s.steps = append(s.steps, step{entry("x", "@", "TXT", 3600, text+"x"), fmt.Sprintf("@ 3600 TXT%s\n", masterText(text+"x")), false})
		out = append(out, s)
	}
	for _, n := range []int{0, 1, 254, 255, 256, 509, 510, 511, 764, 765, 766} {
		add(fmt.Sprintf("text of %d bytes", n), strings.Repeat("0123456789", 77)[:n])
	}
	add("text with quotes", `say "it" and ""`)
	add("text with backslashes", `\ \\ \" \097 \`)
	add("text with semicolons", `v=DKIM1; k=rsa; p=MIG;; `)
	add("text with spaces", "  before, between   and after  ")
	add("text with a tab", "\ta\tb")
	add("text beyond ASCII", "Grüße, \u65e5\u672c")
	add("text of a template", "100% ${not} %{this}")
	return out
}

const spf = `v=spf1 ip4:203.0.113.25 include:spf.protection.outlook.com -all`

func stories() []story {
	mail := one("@", "MX", 300, "10 mail.contoso.net.")
	null := one("@", "MX", 300, "0 .")
	long := spf[:len(spf)-4] + strings.Repeat("include:_spf.fabrikam.com ", 9) + "~all"
	return []story{
		{name: "SPF", steps: []step{
			{entry("x", "@", "TXT", 3600, spf), `@ 3600 TXT "` + spf + `"`, false},
			{entry("x", "@", "TXT", 3600, long), "@ 3600 TXT" + masterText(long), false},
			{entry("x", "@", "TXT", 3600, spf, "ours too"), `@ 3600 TXT "` + spf + "\"\n@ 3600 TXT \"ours too\"", false},
		}},
		{name: "two blocks share a set", steps: []step{
			{entry("a", "t", "TXT", 60, "a") + entry("b", "t", "TXT", 60, "b"), "t 60 TXT a\nt 60 TXT b", false},
			{entry("b", "t", "TXT", 60, "b", "c"), "t 60 TXT b\nt 60 TXT c", false},
			{entry("a", "t", "TXT", 60, "c", "b"), "t 60 TXT b\nt 60 TXT c", false},
		}},
		{name: "null MX and back", steps: []step{mail, null, mail}},
		{name: "null MX first", steps: []step{null, mail}},
		{name: "preference only", steps: []step{mail, one("@", "MX", 300, "20 mail.contoso.net.")}},
		{name: "TTL only", steps: []step{mail, one("@", "MX", 60, "10 mail.contoso.net."), one("@", "MX", 86400, "10 mail.contoso.net.")}},
		{name: "case of data", steps: []step{mail, same("@", "MX", 300, "10 Mail.CONTOSO.net.", mail), same("@", "mx", 300, "010 mail.contoso.NET.", mail), one("@", "MX", 300, "10 mail.contoso.org.")}},
		{name: "case of names", steps: []step{
			one("www", "A", 60, "192.0.2.1"), same("WWW", "A", 60, "192.0.2.1", one("www", "A", 60, "192.0.2.1")), one("w3", "A", 60, "192.0.2.1"),
		}},
		{name: "case of others", foreign: "Old.Case A 192.0.2.7\nold.case TXT Others\n", steps: []step{
			{entry("x", "old.case", "TXT", 3600, "ours"), "old.case 3600 TXT ours", false},
			{entry("x", "OLD.case", "TXT", 3600, "Ours"), "old.case 3600 TXT Ours", false},
		}},
		{name: "alias to address to alias", steps: []step{one("www", "CNAME", 60, "host.contoso.net."), one("www", "A", 60, "192.0.2.1"), one("www", "CNAME", 60, "host.contoso.net.")}},
		{name: "alias to mail and text", steps: []step{
			one("www", "CNAME", 60, "host.contoso.net."),
			{entry("x", "www", "MX", 60, "10 mail.contoso.net.") + entry("y", "www", "TXT", 60, "t"), "www 60 MX 10 mail.contoso.net.\nwww 60 TXT t", false},
			one("www", "CNAME", 60, "ns1"),
		}},
		{name: "several addresses", steps: []step{
			{entry("x", "h", "A", 60, "192.0.2.2", "192.0.2.1") + entry("y", "h", "AAAA", 60, "2001:DB8:0::1"), "h 60 A 192.0.2.1\nh 60 A 192.0.2.2\nh 60 AAAA 2001:db8::1", false},
			{entry("x", "h", "A", 60, "192.0.2.1", "192.0.2.2") + entry("y", "h", "AAAA", 60, "2001:db8::1"), "h 60 A 192.0.2.1\nh 60 A 192.0.2.2\nh 60 AAAA 2001:db8::1", true},
			{entry("x", "h", "A", 60, "192.0.2.3", "192.0.2.1") + entry("y", "h", "AAAA", 60, "::ffff:192.0.2.1"), "h 60 A 192.0.2.1\nh 60 A 192.0.2.3\nh 60 AAAA ::ffff:192.0.2.1", false},
		}},
		{name: "MX with its address", steps: []step{
			{entry("x", "@", "MX", 60, "10 mx") + entry("y", "mx", "A", 60, "192.0.2.1"), "@ 60 MX 10 mx\nmx 60 A 192.0.2.1", false},
			{entry("x", "@", "MX", 60, "10 mx2") + entry("y", "mx2", "A", 60, "192.0.2.1"), "@ 60 MX 10 mx2\nmx2 60 A 192.0.2.1", false},
		}},
		{name: "SRV", steps: []step{
			one("_sip._tls", "SRV", 3600, "100 1 443 sipdir.online.lync.com."), one("_sip._tls", "SRV", 3600, "100 2 443 sipdir.online.lync.com."),
			one("_sip._tls", "SRV", 3600, "100 2 5061 sipdir.online.lync.com."), one("_sip._tls", "SRV", 3600, "0 0 0 ."),
		}},
		{name: "CAA", steps: []step{
			one("@", "CAA", 3600, `0 issue "ca.example.net; account=1"`), same("@", "CAA", 3600, `0 ISSUE  "ca.example.net; account=1"`, one("@", "CAA", 3600, `0 issue "ca.example.net; account=1"`)),
			one("@", "CAA", 3600, `128 issue ";"`), one("@", "CAA", 3600, `128 iodef "mailto:a@contoso.net"`),
		}},
		{name: "TLSA", steps: []step{
			one("_25._tcp.mx", "TLSA", 3600, "3 1 1 0D6FCE13243AA7B1D5A3F8C6E4B2A1900D6FCE13243AA7B1D5A3F8C6E4B2A190"),
			one("_25._tcp.mx", "TLSA", 3600, "2 0 1 0d6fce13243aa7b1d5a3f8c6e4b2a1900d6fce13243aa7b1d5a3f8c6e4b2a190"),
			one("_25._tcp.mx", "TLSA", 3600, "2 0 0 0d6fce13"),
		}},
		{name: "SSHFP", steps: []step{
			one("h", "SSHFP", 3600, "4 2 123456789abcdef67890123456789abcdef67890123456789abcdef123456789"),
			one("h", "SSHFP", 3600, "1 1 dd465c09cfa51fb45020cc83316fff21b9ec74ac"),
		}},
		{name: "PTR", zone: "2.0.192.in-addr.arpa", steps: []step{one("25", "PTR", 3600, "relay.contoso.net."), one("25", "PTR", 3600, "mail.contoso.net.")}},
		{name: "unknown type", steps: []step{
			one("x", "TYPE65280", 60, `\# 4 c0000219`), same("x", "TYPE65280", 60, `\# 4 C000 0219`, one("x", "TYPE65280", 60, `\# 4 c0000219`)),
			one("x", "TYPE65280", 60, `\# 0`), one("x", "TYPE65280", 60, `\# 1 ff`),
		}},
		{name: "child zone", foreign: "other NS ns.fabrikam.com.\n", steps: []step{
			{entry("x", "child", "NS", 3600, "ns1.fabrikam.com.", "ns1"), "child 3600 NS ns1\nchild 3600 NS ns1.fabrikam.com.", false},
			{entry("x", "child", "NS", 60, "ns1.fabrikam.com.") + entry("y", "child", "DS", 60, "12345 13 2 49fd46e6c4b45c55d4ac69cbd3cd34ac1afe51de1e0e5f3b8e6d0a2c2f3d4e5f"),
				"child 60 NS ns1.fabrikam.com.\nchild 60 DS 12345 13 2 49fd46e6c4b45c55d4ac69cbd3cd34ac1afe51de1e0e5f3b8e6d0a2c2f3d4e5f", false},
			{entry("x", "child", "NS", 60, "ns1.fabrikam.com.") + entry("y", "child", "DS", 60, "12345 13 4 "+strings.Repeat("ab", 48)),
				"child 60 NS ns1.fabrikam.com.\nchild 60 DS 12345 13 4 " + strings.Repeat("ab", 48), false},
		}},
		{name: "our wildcard", foreign: "x.w TXT others\n", steps: []step{
			one("*.w", "TXT", 60, "wild"), one("*.w", "TXT", 60, "wilder"), one("*", "MX", 60, "10 mail.contoso.net."), one("*", "CNAME", 60, "host.contoso.net."),
		}},
		{name: "below a wildcard", foreign: "*.w TXT wild\n*.w A 192.0.2.7\n", steps: []step{
			one("x.w", "A", 60, "192.0.2.1"), one("x.w", "A", 60, "192.0.2.7"), one("a.b.w", "TXT", 60, "ours"), one("a.b.w", "TXT", 3600, "wild"),
		}},
		{name: "both wildcard and name", steps: []step{
			{entry("x", "*.w", "A", 60, "192.0.2.1") + entry("y", "h.w", "A", 60, "192.0.2.1"), "*.w 60 A 192.0.2.1\nh.w 60 A 192.0.2.1", false},
			{entry("x", "*.w", "A", 60, "192.0.2.1") + entry("y", "i.w", "A", 60, "192.0.2.1"), "*.w 60 A 192.0.2.1\ni.w 60 A 192.0.2.1", false},
		}},
		{name: "empty names between", steps: []step{one("a.b.c", "A", 60, "192.0.2.1"), one("b.c", "A", 60, "192.0.2.1"), one("z.a.b.c", "A", 60, "192.0.2.1")}},
		{name: "names beyond ASCII", zone: "bücher.example", steps: []step{
			{entry("x", "Straße", "CNAME", 60, "münchen.de."), "xn--strae-oqa 60 CNAME xn--mnchen-3ya.de.", false},
			{entry("x", "xn--strae-oqa", "CNAME", 60, "München.de."), "xn--strae-oqa 60 CNAME xn--mnchen-3ya.de.", true},
			{entry("x", "straße", "CNAME", 60, "groß"), "xn--strae-oqa 60 CNAME xn--gro-7ka", false},
		}},
		{name: "name servers of the zone", foreign: "", steps: []step{
			{entry("x", "ns1.sub", "A", 60, "192.0.2.1") + entry("y", "@", "MX", 3600, "10 ns1.sub"), "ns1.sub 60 A 192.0.2.1\n@ 3600 MX 10 ns1.sub", false},
		}},
		many(),
	}
}

// many is a zone of 1,200 records, which no one update can hold.
func many() story {
	every := func(text string) step {
		var config, want strings.Builder
		fmt.Fprintf(&config, `
locals {
  hosts = toset([for i in range(400) : format("h%%d", i)])
}
record "a" {
  for_each = local.hosts
  zone     = zone.z
  name     = each.key
  type     = "A"
  values   = ["192.0.2.1"]
}
record "mx" {
  for_each = local.hosts
  zone     = zone.z
  name     = each.key
  type     = "MX"
  values   = ["10 ${each.key}"]
}
record "txt" {
  for_each = local.hosts
  zone     = zone.z
  name     = "_${each.key}"
  type     = "TXT"
  values   = [%q]
}
`, text)
		for i := range 400 {
			fmt.Fprintf(&want, "h%[1]d A 192.0.2.1\nh%[1]d MX 10 h%[1]d\n_h%[1]d TXT %[2]q\n", i, text)
		}
		return step{config.String(), want.String(), false}
	}
	return story{name: "1200 records", steps: []step{every(strings.Repeat("x", 250)), every(strings.Repeat("y", 240))}}
}
