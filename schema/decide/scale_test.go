package decide

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/mailrelay/mailrelay/schema"
)

// large is a configuration of n domains, every other one with a recipient, and of n
// ranges: half of them remote_ip_ranges of ten connectors, half in allowlists.
func large(t testing.TB, n int) *schema.Config {
	blocks := []schema.Block{
		block(t, "relay.edge", attrs{"hostname": "relay.contoso.com"}),
		block(t, "send_connector.internet", attrs{"address_spaces": []string{"*"}}),
		block(t, "receive_connector.internet", attrs{"relay": "relay.edge", "remote_ip_ranges": []string{"0.0.0.0/0", "::/0"}, "permission_groups": []string{"anonymous_users"}}),
	}
	for i := range n {
		name := fmt.Sprintf("d%d", i)
		domain := name + ".example"
		kind := schema.InternalRelay
		if i%2 == 0 {
			kind = schema.Authoritative
			blocks = append(blocks, block(t, "recipients."+name, attrs{"domain": "domain." + name, "addresses": []string{"ann@" + domain}}))
		}
		blocks = append(blocks, block(t, "domain."+name, attrs{"name": domain, "type": kind}))
	}
	relaying := attrs{"anonymous": attrs{"allow": []string{"accept_any_recipient"}}}
	for c := range 10 {
		var bare, listed []string
		for i := range n / 20 {
			bare = append(bare, fmt.Sprintf("10.%d.%d.%d", c, i/256, i%256))
			listed = append(listed, fmt.Sprintf("10.%d.%d.0/24", 10+c*20+i/256, i%256))
		}
		name := fmt.Sprintf("c%d", c)
		blocks = append(blocks, block(t, "allowlist."+name, attrs{"addresses": listed}),
			block(t, "receive_connector."+name, attrs{"relay": "relay.edge", "remote_ip_ranges": bare, "allowlists": []string{"allowlist." + name},
				"permission_groups": []string{"anonymous_users"}, "permission": relaying}))
	}
	return schema.NewConfig(blocks, nil)
}

// TestLarge holds that the benchmarks measure what they are about.
func TestLarge(t *testing.T) {
	c := large(t, 1000)
	if p := schema.Validate(c); len(p) > 0 {
		t.Fatal(p)
	}
	p, err := Compile(c)
	if err != nil {
		t.Fatal(err)
	}
	for _, q := range queries(t, 1000) {
		if v := p.Recipient(q.client, q.from, q.to); v.Code != q.code {
			t.Errorf("%s: got %d %s at %v, want %d", q.name, v.Code, v.Text, v.Connector.Block.Addr(), q.code)
		}
	}
}

type query struct {
	name     string
	client   Client
	from, to schema.Mailbox
	code     int
}

func queries(t testing.TB, n int) []query {
	from := func(addr string) Client { return Client{Local: local, Remote: netip.MustParseAddr(addr)} }
	sender, far := mailbox(t, "a@example.org"), mailbox(t, "x@far.example.net")
	last := n - n%2 - 2
	return []query{
		{"accept", from("198.51.100.7"), sender, mailbox(t, fmt.Sprintf("ann@d%d.example", last)), 250},
		{"relay", from("10.3.0.7"), sender, far, 250},
		{"relay by allowlist", from("10.10.9.7"), sender, far, 250},
		{"refuse unknown", from("198.51.100.7"), sender, mailbox(t, fmt.Sprintf("bob@d%d.example", last)), 550},
		{"refuse relay", from("198.51.100.7"), sender, far, 550},
	}
}

// BenchmarkLarge decides and compiles with 10,000 domains and 10,000 ranges.
// Decisions are for one core; decisions/s is what to read.
func BenchmarkLarge(b *testing.B) {
	const n = 10_000
	c := large(b, n)
	p, err := Compile(c)
	if err != nil {
		b.Fatal(err)
	}
	for _, q := range queries(b, n) {
		b.Run(q.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if v := p.Recipient(q.client, q.from, q.to); v.Code != q.code {
					b.Fatal(v)
				}
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "decisions/s")
		})
	}
	b.Run("compile", func(b *testing.B) {
		for b.Loop() {
			if _, err := Compile(c); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("validate", func(b *testing.B) {
		for b.Loop() {
			if p := schema.Validate(c); len(p) > 0 {
				b.Fatal(p)
			}
		}
	})
}
