package rr

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParse(t *testing.T) {
	for _, tt := range []struct {
		typ, text string
		want      Data
	}{
		{"A", " 192.0.2.25 ", "192.0.2.25"},
		{"AAAA", "2001:DB8:0::25", "2001:db8::25"},
		{"AAAA", "::ffff:192.0.2.1", "::ffff:192.0.2.1"},
		{"CAA", `0 ISSUE ca.example.net`, `0 issue "ca.example.net"`},
		{"CAA", `128 issue "ca.example.net; account=1"`, `128 issue "ca.example.net; account=1"`},
		{"CAA", `0 issue ";"`, `0 issue ";"`},
		{"CNAME", "WWW", "www.contoso.com."},
		{"CNAME", "@", "contoso.com."},
		{"CNAME", "25.0/26.113.0.203.in-addr.arpa.", "25.0/26.113.0.203.in-addr.arpa."},
		{"DS", "12345 13 2 49FD 46E6", "12345 13 2 49fd46e6"},
		{"MX", "010 Mail.Contoso.COM.", "10 mail.contoso.com."},
		{"MX", "0 .", "0 ."},
		{"MX", "10\tbücher", "10 xn--bcher-kva.contoso.com."},
		{"NS", "ns1", "ns1.contoso.com."},
		{"PTR", "relay.contoso.com.", "relay.contoso.com."},
		{"SRV", "100 1 443 sipdir.online.lync.com.", "100 1 443 sipdir.online.lync.com."},
		{"SSHFP", "4 2 ABCDEF", "4 2 abcdef"},
		{"TLSA", "3 1 1 ABCD", "3 1 1 abcd"},
		{"TYPE65280", `\# 4 C000 0219`, `\# 4 c0000219`},
		{"TYPE65280", `\# 0`, `\# 0`},
		{"TXT", `v=spf1 -all`, `v=spf1 -all`},
		{"TXT", ` "quoted"; \ é `, ` "quoted"; \\ \195\169 `},
		{"TXT", "", ""},
	} {
		t.Run(tt.typ+" "+tt.text, func(t *testing.T) {
			got, err := Parse(tt.typ, "contoso.com", tt.text)
			if err != nil || got != tt.want {
				t.Errorf("Parse = %q, %v, want %q", got, err, tt.want)
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	long := strings.Repeat("a", 64)
	for _, tt := range []struct{ typ, text, say string }{
		{"A", "mail.contoso.com", `"mail.contoso.com" is not an IPv4 address: an A record is an IPv4 address, like 192.0.2.25`},
		{"A", "192.0.2.1 192.0.2.2", "is not an IPv4 address"},
		{"A", "", "too few parts"},
		{"A", "192.0.2.1\n192.0.2.2", "more than one line"},
		{"A", "192.0.2.1 ; relay", "comment"},
		{"AAAA", "192.0.2.1", "is not an IPv6 address"},
		{"AAAA", "fe80::1%eth0", "is not an IPv6 address"},
		{"CAA", `0 issue "a" "b"`, "in quotes"},
		{"CAA", `256 issue "a"`, "from 0 to 255"},
		{"CAA", `0 is-sue "a"`, "is not a tag"},
		{"CAA", `0 issue "a`, "in quotes"},
		{"CAA", `0 issue "` + strings.Repeat("a", 256) + `"`, "more than 255 characters"},
		{"CAA", `0 issue "a\b"`, "backslash"},
		{"CNAME", "two words", "may not stand"},
		{"DS", "1 13 2 xyz", "is not hex"},
		{"DS", "1 13 2 abc", "is not hex"},
		{"MX", "mail.contoso.com.", "an MX record is a preference and a host, like 10 mail.contoso.com."},
		{"MX", "65536 mail", "from 0 to 65535"},
		{"MX", "-1 mail", "from 0 to 65535"},
		{"MX", "+1 mail", "from 0 to 65535"},
		{"MX", "IN MX 10 mail", `"IN" is not a number`},
		{"MX", "3600 IN MX 10 mail", "may not stand"},
		{"MX", "10 " + long, "1 to 63 characters"},
		{"MX", "10 " + strings.Repeat("abcdefg.", 40), "at most 253"},
		{"MX", "10 a..b.", "1 to 63 characters"},
		{"MX", "10 mail\x00", "control character"},
		{"MX", "10 mail\xff", "control character"},
		{"MX", `10 "mail"`, "may not stand"},
		{"SRV", "1 443 sip", "too few parts"},
		{"TXT", strings.Repeat("x", 65280), "at most 65279"},
		{"TYPE65280", "c0000219", `write \#`},
		{"TYPE65280", `\# 3 c0000219`, "says 3 bytes and holds 4"},
		{"TYPE65280", `\# 4 c000021`, `write \#`},
		{"TYPE65280", `\# 65536 00`, `write \#`},
		{"TYPE15", `\# 1 00`, `write type "MX"`},
		{"TYPE6", `\# 1 00`, "SOA"},
		{"TYPE255", `\# 1 00`, "type of questions"},
		{"TYPE0", `\# 1 00`, "not a record type"},
		{"SPF", "v=spf1", "not a record type"},
	} {
		t.Run(tt.typ+" "+shorten(tt.text), func(t *testing.T) {
			got, err := Parse(tt.typ, "contoso.com", tt.text)
			if err == nil || !strings.Contains(err.Error(), tt.say) {
				t.Errorf("Parse = %q, %v, want an error with %q", got, err, tt.say)
			}
		})
	}
}

func TestParseTextAtTheLimit(t *testing.T) {
	text := strings.Repeat("x", 65279)
	d, err := Parse("TXT", "contoso.com", text)
	if err != nil {
		t.Fatal(err)
	}
	r, err := Record("contoso.com.", "TXT", 60, d)
	if err != nil {
		t.Fatal(err)
	}
	w, err := Wire(r)
	if err != nil || len(w) != 2*maxRdata {
		t.Errorf("Wire has %d digits (%v), want %d", len(w), err, 2*maxRdata)
	}
}

// A CAA value of the largest length is a record.
func TestParseQuotedAtTheLimit(t *testing.T) {
	d, err := Parse("CAA", "contoso.com", "0 issue "+strings.Repeat("a", 255))
	if err != nil {
		t.Fatal(err)
	}
	r, err := Record("contoso.com.", "CAA", 60, d)
	if err != nil {
		t.Fatal(err)
	}
	if got := Read(r); got != d {
		t.Errorf("Read = %q, want %q", got, d)
	}
}

func TestFull(t *testing.T) {
	got := []string{
		Full("@", "contoso.com"), Full("WWW", "Contoso.com."), Full("", "contoso.com"),
		Full("25.113.0.203.in-addr.arpa", ""), Full("relay.contoso.com.", ""),
	}
	want := []string{
		"contoso.com.", "www.contoso.com.", "contoso.com.",
		"25.113.0.203.in-addr.arpa.", "relay.contoso.com.",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
