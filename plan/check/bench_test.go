package check

import (
	"fmt"
	"strings"
	"testing"

	"github.com/mailrelay/mailrelay/schema/rr"
)

// BenchmarkWorld judges 10,000 domains with an MX and an SPF record each.
func BenchmarkWorld(b *testing.B) {
	var names strings.Builder
	sets := map[rr.Key]rr.Set{}
	for n := range 10000 {
		name := fmt.Sprintf("d%05d.example", n)
		fmt.Fprintf(&names, "%q, ", name)
		for _, s := range []rr.Set{rr.NewSet(name+".", "MX", 300, "10 relay.contoso.com."), rr.NewSet(name+".", "TXT", 300, `"v=spf1 ip4:203.0.113.25 -all"`)} {
			sets[s.Key()] = s
		}
	}
	for k, s := range records(b, relayAt) {
		sets[k] = s
	}
	c := load(b, strings.Replace(edge, `address_spaces = ["*"]`, "\n  address_spaces = [\"*\"]\n  smart_hosts = [\"smart.example.net\"]\n", 1)+printers+`
receive_connector "internet" {
  relay             = relay.edge
  remote_ip_ranges  = ["0.0.0.0/0"]
  permission_groups = ["anonymous_users"]
}
locals { all = toset([`+names.String()+`]) }
zone "z" {
  for_each = local.all
  name     = each.key
}
domain "d" {
  for_each = local.all
  name     = each.key
  type     = "external_relay"
}
record "mx" {
  for_each = local.all
  zone     = zone.z[each.key]
  type     = "MX"
  values   = ["10 relay.contoso.com."]
}
record "spf" {
  for_each = local.all
  zone     = zone.z[each.key]
  type     = "TXT"
  values   = ["v=spf1 ip4:203.0.113.25 -all"]
}
`)
	l := lookup(sets)
	b.Run("config alone", func(b *testing.B) {
		for b.Loop() {
			if found, err := Config(c, today); err != nil || found != nil {
				b.Fatal(found[:min(3, len(found))], err)
			}
		}
	})
	b.Run("world", func(b *testing.B) {
		for b.Loop() {
			if found, err := World(c, Facts{Now: l, Then: l}, today); err != nil || found != nil {
				b.Fatal(found[:min(3, len(found))], err)
			}
		}
	})
}
