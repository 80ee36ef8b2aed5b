package schema_test

import (
	"fmt"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/lang"
)

// config evaluates text, which must have no problems.
func config(t *testing.T, text string) *schema.Config {
	t.Helper()
	c, diags := lang.LoadFS(fstest.MapFS{"a.mail.hcl": {Data: []byte(text)}}, lang.Options{})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	return c
}

// Package lang never gives references that lead nowhere; a state may.
func TestValidateFindsMissingBlocks(t *testing.T) {
	c := config(t, `
zone "z" {
  name = "contoso.com"
}

record "a" {
  zone   = zone.z
  type   = "A"
  values = ["192.0.2.1"]
}

relay "edge" {
  hostname = "relay.contoso.com"
}

allowlist "apps" {
}

receive_connector "r" {
  relay      = relay.edge
  allowlists = [allowlist.apps]
}

domain "d" {
  name = "contoso.com"
}

send_connector "s" {
  address_spaces = ["*"]
  relays         = [relay.edge]
}

recipients "all" {
  domain     = domain.d
  addresses  = ["a@contoso.com"]
  deliver_to = send_connector.s
}

expect "e" {
  zone   = zone.z
  type   = "A"
  values = ["192.0.2.1"]
}
`)
	if problems := schema.Validate(c); len(problems) > 0 {
		t.Fatalf("the whole configuration has problems: %v", problems)
	}
	for _, test := range []struct {
		without string
		want    []string
	}{
		{"zone.z", []string{"expect.e: Reference to undeclared zone", "record.a: Reference to undeclared zone"}},
		{"relay.edge", []string{"receive_connector.r: Reference to undeclared relay", "send_connector.s: Reference to undeclared relay"}},
		{"allowlist.apps", []string{"receive_connector.r: Reference to undeclared allowlist"}},
		{"domain.d", []string{"recipients.all: Reference to undeclared domain"}},
		{"send_connector.s", []string{"recipients.all: Reference to undeclared send_connector"}},
		{"record.a", nil},
	} {
		t.Run(test.without, func(t *testing.T) {
			var rest []schema.Block
			for _, b := range c.Blocks {
				if b.Addr().String() != test.without {
					rest = append(rest, b)
				}
			}
			var got []string
			for _, p := range schema.Validate(schema.NewConfig(rest, nil)) {
				got = append(got, fmt.Sprintf("%s: %s", p.Addr, p.Summary))
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

// What looks like a mistake and is none.
func TestValidateAccepts(t *testing.T) {
	for _, test := range []struct{ name, text string }{
		{"nested ranges", `
receive_connector "all" {
  relay            = relay.edge
  remote_ip_ranges = ["0.0.0.0/0"]
}
receive_connector "ten" {
  relay            = relay.edge
  remote_ip_ranges = ["10.0.0.0/8", "10.1.0.0/16"]
}`},
		{"overlap within one connector", `
receive_connector "one" {
  relay            = relay.edge
  remote_ip_ranges = ["10.0.0.0-10.0.0.9", "10.0.0.5-10.0.0.20"]
}`},
		{"the same range on another binding", `
receive_connector "a" {
  relay            = relay.edge
  remote_ip_ranges = ["10.0.0.0/8"]
}
receive_connector "b" {
  relay            = relay.edge
  bindings         = ["0.0.0.0:587"]
  remote_ip_ranges = ["10.0.0.0/8"]
}`},
		{"the same range on another relay", `
relay "second" {
  hostname = "second.contoso.com"
}
receive_connector "a" {
  relay            = relay.edge
  remote_ip_ranges = ["10.0.0.0/8"]
}
receive_connector "b" {
  relay            = relay.second
  remote_ip_ranges = ["10.0.0.0/8"]
}`},
		{"two views of a zone with one RRset each", `
zone "inside" {
  name    = "contoso.com"
  servers = ["10.0.0.53"]
}
zone "outside" {
  name = "contoso.com"
}
record "inside" {
  zone   = zone.inside
  type   = "MX"
  values = ["10 mail"]
}
record "outside" {
  zone   = zone.outside
  type   = "MX"
  values = ["20 mail"]
}`},
		{"shared RRset with one TTL", `
zone "z" {
  name = "contoso.com"
}
record "a" {
  zone   = zone.z
  type   = "TXT"
  ttl    = 300
  values = ["a"]
}
record "b" {
  zone   = zone.z
  type   = "TXT"
  values = ["b"]
}
record "c" {
  zone   = zone.z
  type   = "TXT"
  ttl    = 300
  values = ["c"]
}`},
		{"recipients below the domain", `
domain "d" {
  name             = "contoso.com"
  match_subdomains = true
}
domain "w" {
  name = "*.fabrikam.com"
}
recipients "d" {
  domain    = domain.d
  addresses = ["a@contoso.com", "a@sub.contoso.com"]
  targets   = { "A@contoso.com" = "a@tenant.example.com" }
}
recipients "w" {
  domain    = domain.w
  addresses = ["a@fabrikam.com", "a@x.y.fabrikam.com"]
}`},
		{"trusted relay", `
receive_connector "trusted" {
  relay             = relay.edge
  auth_mechanisms   = ["tls", "external_authoritative"]
  permission_groups = ["exchange_servers"]
  remote_ip_ranges  = ["10.0.0.9"]
}`},
		{"admin on loopback", `
relay "local" {
  hostname = "local.contoso.com"
  admin {
    listen = "[::1]:8025"
  }
}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			config(t, "relay \"edge\" {\n  hostname = \"relay.contoso.com\"\n}\n"+test.text)
		})
	}
}
