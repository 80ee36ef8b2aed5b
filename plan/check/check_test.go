package check

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/lang"
)

// load reads a configuration in the language.
func load(t testing.TB, text string) *schema.Config {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "x.mail.hcl"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, diags := lang.Load(dir, lang.Options{Version: "0.1"})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	return c
}

const edge = `
relay "edge" {
  hostname         = "relay.contoso.com"
  egress_addresses = ["203.0.113.25"]
}
send_connector "out" { address_spaces = ["*"] }
`

const known = `
domain "contoso" { name = "contoso.com" }
recipients "contoso" {
  domain    = domain.contoso
  addresses = ["ann@contoso.com"]
}
`

func TestFindings(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		want       []string
	}{
		{"nothing odd", edge + known + `
receive_connector "internet" {
  relay             = relay.edge
  remote_ip_ranges  = ["0.0.0.0/0"]
  permission_groups = ["anonymous_users"]
}`, nil},
		{"an open relay", edge + known + `
receive_connector "internet" {
  relay             = relay.edge
  remote_ip_ranges  = ["192.0.2.0/24"]
  permission_groups = ["anonymous_users"]
  permission "anonymous" { allow = ["accept_any_recipient"] }
}`, []string{"error MR101 receive_connector.internet"}},
		{"an open relay that is accepted", edge + known + `
receive_connector "internet" {
  relay             = relay.edge
  remote_ip_ranges  = ["192.0.2.0/24"]
  permission_groups = ["anonymous_users"]
  permission "anonymous" { allow = ["accept_any_recipient"] }
  allow "MR101" { reason = "our second site" }
}`, []string{"error MR101 receive_connector.internet (our second site)"}},
		{"networks that are ours", `mailrelay { own_networks = ["192.0.2.0/24"] }` + edge + known + `
receive_connector "site" {
  relay             = relay.edge
  remote_ip_ranges  = ["192.0.2.0/25"]
  permission_groups = ["anonymous_users"]
  permission "anonymous" { allow = ["accept_any_recipient"] }
}`, nil},
		{"domains of everybody", edge + `
domain "all" { name = "*" }
domain "com" { name = "*.com" }
domain "uk" {
  name             = "co.uk"
  match_subdomains = true
}
domain "ours" {
  name = "*.contoso.com"
  type = "external_relay"
}`, []string{"error MR102 domain.all", "error MR102 domain.com", "error MR102 domain.uk"}},
		{"connectors for nobody", edge + known + `
receive_connector "no_ranges" {
  relay             = relay.edge
  permission_groups = ["anonymous_users"]
}
receive_connector "no_rights" {
  relay            = relay.edge
  remote_ip_ranges = ["10.0.0.0/8"]
}
allowlist "old" {
  entry "10.1.2.3" {
    owner   = "facilities"
    expires = "2026-10-31"
  }
}
receive_connector "expired" {
  relay             = relay.edge
  bindings          = ["0.0.0.0:2525"]
  allowlists        = [allowlist.old]
  permission_groups = ["anonymous_users"]
}`, []string{"warning MR103 receive_connector.expired", "warning MR103 receive_connector.no_ranges", "warning MR103 receive_connector.no_rights", "warning MR105 allowlist.old"}},
		{"a relay that trusts itself", `mailrelay { own_networks = ["203.0.113.0/24"] }` + edge + known + `
receive_connector "site" {
  relay             = relay.edge
  remote_ip_ranges  = ["203.0.113.0/24"]
  permission_groups = ["anonymous_users"]
  permission "anonymous" { allow = ["accept_any_recipient"] }
}`, []string{"warning MR104 receive_connector.site"}},
		{"allowlist entries", edge + `
allowlist "a" {
  entry "10.0.0.1" {
    owner   = "x"
    expires = "2026-11-30"
  }
  entry "10.0.0.2" { comment = "whose?" }
  entry "10.0.0.3" {
    owner   = "x"
    expires = "2027-06-30"
  }
}`, []string{"note MR106 allowlist.a", "note MR107 allowlist.a"}},
		{"no way out", `
relay "edge" { hostname = "relay.contoso.com" }
domain "contoso" {
  name = "contoso.com"
  type = "internal_relay"
}`, []string{"warning MR301 domain.contoso"}},
		{"nobody is known", edge + `domain "contoso" { name = "contoso.com" }`, []string{"warning MR302 domain.contoso"}},
		{"routes for nothing", edge + known + `
send_connector "second" {
  address_spaces = ["*"]
  smart_hosts    = ["smart.example.net"]
  cost           = 2
}
send_connector "larger" {
  address_spaces   = ["*"]
  cost             = 2
  max_message_size = "100MiB"
}
send_connector "none" {
  address_spaces = ["fabrikam.com"]
  relays         = []
}`, []string{"warning MR303 send_connector.none", "warning MR303 send_connector.second"}},
	} {
		found, err := Config(load(t, tt.text), time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC))
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, f := range found {
			line := f.Severity + " " + f.Code + " " + f.Addr.String()
			if f.Allowed != "" {
				line += " (" + f.Allowed + ")"
			}
			got = append(got, line)
			if f.Summary == "" || !strings.HasSuffix(f.Detail, ".") || !strings.HasPrefix(f.Decl, "x.mail.hcl:") {
				t.Errorf("%s: %+v", tt.name, f)
			}
		}
		if d := cmp.Diff(tt.want, got); d != "" {
			t.Errorf("%s: -want +got\n%s", tt.name, d)
		}
	}
}

func TestOpenRelaySaysWhy(t *testing.T) {
	found, err := Config(load(t, edge+`
receive_connector "internet" {
  relay             = relay.edge
  remote_ip_ranges  = ["192.0.2.0/24", "198.51.100.7", "10.0.0.0/8"]
  permission_groups = ["anonymous_users"]
  permission "anonymous" { allow = ["accept_any_recipient"] }
}`), time.Unix(0, 0))
	if err != nil || len(found) != 1 {
		t.Fatal(found, err)
	}
	for _, want := range []string{"192.0.2.0/24 and 198.51.100.7", "anonymous", "accept_any_recipient lets the client reach", "x.mail.hcl:8"} {
		if !strings.Contains(found[0].Detail, want) {
			t.Errorf("%q is not in %q", want, found[0].Detail)
		}
	}
}

// TestEveryCodeHasItsPage holds README.md against the code of this package and of
// package plan.
func TestEveryCodeHasItsPage(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	code := regexp.MustCompile(`"(MR[1-5][0-9][0-9])"`)
	page := regexp.MustCompile(`(?m)^## (MR[1-5][0-9][0-9])`)
	used := map[string]bool{}
	for _, dir := range []string{".", ".."} {
		files, err := filepath.Glob(filepath.Join(dir, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			if strings.HasSuffix(f, "_test.go") {
				continue
			}
			raw, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range code.FindAllSubmatch(raw, -1) {
				used[string(m[1])] = true
			}
		}
	}
	var pages []string
	for _, m := range page.FindAllSubmatch(readme, -1) {
		pages = append(pages, string(m[1]))
		if !used[string(m[1])] {
			t.Errorf("README.md has a page for %s, which is never found", m[1])
		}
	}
	for c := range used {
		if !slices.Contains(pages, c) {
			t.Errorf("README.md has no page for %s", c)
		}
	}
	if !slices.IsSorted(pages) {
		t.Errorf("the pages are not in order: %v", pages)
	}
}
