package reach

import (
	"fmt"
	"testing"

	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/decide"
)

// large is a configuration of many domains, half of them authoritative with a
// recipient, and of many connectors, each with ranges, senders and users of its own.
// change gives more for the connector i.
func large(t testing.TB, domains, connectors int, host string, change func(i int) attrs) *decide.Policy {
	b := []schema.Block{
		makeBlock(t, "relay.edge", attrs{"hostname": "relay.contoso.com"}),
		makeBlock(t, "send_connector.internet", attrs{"address_spaces": []string{"*"}}),
		makeBlock(t, "receive_connector.internet", attrs{"relay": "relay.edge", "remote_ip_ranges": []string{"0.0.0.0/0", "::/0"}, "permission_groups": []string{"anonymous_users"}}),
	}
	var all []string
	for i := range domains {
		name := fmt.Sprintf("d%d", i)
		domain := name + ".example"
		all = append(all, domain)
		kind := schema.InternalRelay
		if i%2 == 0 {
			kind = schema.Authoritative
			b = append(b, makeBlock(t, "recipients."+name, attrs{"domain": "domain." + name, "addresses": []string{"ann@" + domain}}))
		}
		b = append(b, makeBlock(t, "domain."+name, attrs{"name": domain, "type": kind}))
	}
	b = append(b, makeBlock(t, "send_connector.mbx", attrs{"address_spaces": all, "smart_hosts": []string{host}}))
	for i := range connectors {
		a := attrs{"relay": "relay.edge", "remote_ip_ranges": []string{fmt.Sprintf("10.%d.%d.0/24", i/256, i%256), fmt.Sprintf("172.16.%d.%d", i/256, i%256)}, "permission_groups": []string{"anonymous_users"},
			"permission": attrs{"anonymous": attrs{"allow": []string{"accept_any_recipient"}}}}
		b = append(b, makeBlock(t, fmt.Sprintf("receive_connector.c%d", i), a.with(change(i))))
	}
	p, err := decide.Compile(schema.NewConfig(b, nil))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// own are senders of a connector's own domains.
func own(domains int) func(int) attrs {
	return func(i int) attrs {
		var out []string
		for j := range 10 {
			out = append(out, fmt.Sprintf("d%d.example", (i*10+j)%domains))
		}
		return attrs{"allowed_sender_domains": out}
	}
}

func plain(int) attrs { return nil }

// scales are pairs of large configurations.
func scales(t testing.TB, domains, connectors int) map[string][2]*decide.Policy {
	before := large(t, domains, connectors, "mbx01", plain)
	limited := large(t, domains, connectors, "mbx01", own(domains))
	one := large(t, domains, connectors, "mbx01", func(i int) attrs {
		if i == 7 {
			return attrs{"remote_ip_ranges": []string{"10.0.7.0/24", "192.0.2.0/24"}}
		}
		return nil
	})
	other := large(t, domains, connectors, "mbx02", func(i int) attrs {
		return own(domains)(i + 1).with(attrs{"max_message_size": fmt.Sprintf("%dMiB", 1+i%30), "require_tls": i%3 == 0})
	})
	return map[string][2]*decide.Policy{
		"one range more":      {before, one},
		"senders are limited": {before, limited},
		"everything":          {limited, other},
		"the first plan":      {blocks{}.compile(t), limited},
	}
}

// TestLarge holds that few lines say much.
func TestLarge(t *testing.T) {
	for name, pair := range scales(t, 200, 20) {
		d := Compare(pair[0], pair[1], now())
		t.Logf("%s: %d lines", name, len(d.Lines))
		if most := map[string]int{"one range more": 2, "senders are limited": 41, "everything": 200, "the first plan": 60}[name]; len(d.Lines) > most || len(d.Lines) == 0 {
			t.Errorf("%s: %d lines", name, len(d.Lines))
		}
	}
}

func BenchmarkCompare(b *testing.B) {
	for name, pair := range scales(b, 10000, 1000) {
		b.Run(name, func(b *testing.B) {
			lines := 0
			for b.Loop() {
				lines = len(Compare(pair[0], pair[1], now()).Lines)
			}
			b.ReportMetric(float64(lines), "lines")
		})
	}
}
