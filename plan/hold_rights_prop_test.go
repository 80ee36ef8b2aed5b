package plan

import (
	"net/netip"
	"testing"
	"time"

	"github.com/zclconf/go-cty/cty"
	"pgregory.net/rapid"

	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/decide"
)

// relaying draws what TestRightsGoAtOnce changes beside a site: devices that may
// relay, by their addresses or by a list, in a connector of their own or in one that
// lost the right.
func (w *at) relaying(t *rapid.T, c *schema.Config) *schema.Config {
	draw := func(name string, of ...string) string { return rapid.SampledFrom(of).Draw(t, name) }
	var more []schema.Block
	addresses := words(rapid.SliceOfDistinct(rapid.SampledFrom([]string{"172.16.0.1", "172.16.0.2"}), func(s string) string { return s }).Draw(t, "list"))
	more = append(more, w.block(schema.Addr{Type: "allowlist", Name: "l"}, map[string]cty.Value{"addresses": addresses}))
	if kind := draw("devices", "relay", "relay", "mail", ""); kind != "" {
		attrs := map[string]cty.Value{"relay": cty.StringVal("relay.edge"), "permission_groups": words([]string{"anonymous_users"}),
			"remote_ip_ranges": words([]string{draw("devices at", "172.16.1.0/24", "172.16.1.0/25")}), "allowlists": words([]string{"allowlist.l"}),
			"bindings": words([]string{draw("listens at", "127.0.0.1:25", "0.0.0.0:25")})}
		if kind == "relay" {
			attrs["permission"] = cty.ObjectVal(map[string]cty.Value{"anonymous": cty.ObjectVal(map[string]cty.Value{"allow": words([]string{relayRight}), "deny": words(nil)})})
		}
		more = append(more, w.block(schema.Addr{Type: "receive_connector", Name: "devices"}, attrs))
	}
	return w.with(c, more...)
}

// TestRightsGoAtOnce draws sequences of configurations and of times. Whatever is kept
// for mail that follows an old MX: nobody may relay who may not by what was asked
// for.
func TestRightsGoAtOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := &at{newWorld(t), now}
		relay := func(c *schema.Config, client string) bool {
			p, err := decide.Compile(c)
			if err != nil {
				t.Fatal(err)
			}
			return p.Recipient(decide.Client{Local: netip.MustParseAddrPort("127.0.0.1:25"), Remote: netip.MustParseAddr(client), At: w.now},
				schema.Mailbox{Local: "s", Domain: "outside.example"}, schema.Mailbox{Local: "r", Domain: "foreign.example"}).OK()
		}
		for range rapid.IntRange(2, 4).Draw(t, "steps") {
			c := w.relaying(t, w.site(t))
			w.apply(w.plan(c))
			force, err := w.base.InForce()
			if err != nil {
				t.Fatal(err)
			}
			for _, client := range []string{"10.0.0.1", "172.16.0.1", "172.16.0.2", "172.16.1.1", "172.16.1.200"} {
				if relay(force, client) && !relay(c, client) {
					t.Fatalf("%s may relay still", client)
				}
			}
			w.now = w.now.Add(time.Duration(rapid.SampledFrom([]int{0, 30, 601}).Draw(t, "passes")) * time.Second)
		}
	})
}
