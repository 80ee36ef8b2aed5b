package decide

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mailrelay/mailrelay/schema"
)

func proxied(t *testing.T, proxies ...string) *Policy {
	return compile(t,
		block(t, "relay.edge", attrs{"hostname": "relay.contoso.com"}),
		block(t, "domain.contoso", attrs{"name": "contoso.com", "type": "internal_relay"}),
		block(t, "receive_connector.printers", attrs{"relay": "relay.edge", "remote_ip_ranges": []string{"10.1.0.0/16"}, "permission_groups": []string{"anonymous_users"},
			"permission": attrs{"anonymous": attrs{"allow": []string{"accept_any_recipient"}}}, "proxy_protocol": proxies}),
		block(t, "receive_connector.others", attrs{"relay": "relay.edge", "remote_ip_ranges": []string{"10.9.0.0/16"}, "permission_groups": []string{"anonymous_users"}}),
		block(t, "receive_connector.submission", attrs{"relay": "relay.edge", "bindings": []string{"0.0.0.0:587"}, "remote_ip_ranges": []string{"10.0.0.0/8"}}),
	)
}

func TestProxied(t *testing.T) {
	p := proxied(t, "10.9.9.1", "2001:db8::1")
	submission := netip.MustParseAddrPort("192.0.2.1:587")
	six := netip.MustParseAddrPort("[2001:db8::25]:25")
	for _, tt := range []struct {
		remote string
		local  netip.AddrPort
		want   bool
	}{
		{"10.9.9.1", local, true},
		{"::ffff:10.9.9.1", local, true},
		{"10.9.9.2", local, false},
		{"10.9.9.1", submission, false},
		{"2001:db8::1", six, true},
	} {
		if got := p.Proxied(Client{Remote: netip.MustParseAddr(tt.remote), Local: tt.local}); got != tt.want {
			t.Errorf("%s at %s: %v", tt.remote, tt.local, got)
		}
	}
}

// TestProxySpeaks holds that a proxy speaks for the clients of those connectors
// alone that name it.
func TestProxySpeaks(t *testing.T) {
	p := proxied(t, "10.9.9.1")
	for _, tt := range []struct {
		remote, proxy string
		code          int
		connector     string
	}{
		{"10.1.0.1", "", 250, "receive_connector.printers"},
		{"10.1.0.1", "10.9.9.1", 250, "receive_connector.printers"},
		{"10.1.0.1", "::ffff:10.9.9.1", 250, "receive_connector.printers"},
		{"10.1.0.1", "10.9.9.2", 554, ""},
		{"10.9.0.1", "10.9.9.1", 554, ""},
		{"192.0.2.9", "10.9.9.1", 554, ""},
	} {
		c := Client{Remote: netip.MustParseAddr(tt.remote), Local: local}
		if tt.proxy != "" {
			c.Proxy = netip.MustParseAddr(tt.proxy)
		}
		v := p.Recipient(c, mailbox(t, "a@contoso.com"), mailbox(t, "b@fabrikam.com"))
		connector := ""
		if v.Connector != nil {
			connector = v.Connector.Block.Addr().String()
		}
		if v.Code != tt.code || connector != tt.connector {
			t.Errorf("%s by %s: %v at %q", tt.remote, tt.proxy, v.Reply, connector)
		}
	}
}

// TestExplainTellsOfProxies: a verdict about a proxy's own address says what the
// relay asks of it first.
func TestExplainTellsOfProxies(t *testing.T) {
	p := proxied(t, "10.9.9.1")
	for remote, want := range map[string]bool{"10.9.9.1": true, "10.9.9.2": false} {
		_, why := p.Explain(Client{Remote: netip.MustParseAddr(remote), Local: local}, mailbox(t, "a@contoso.com"), mailbox(t, "b@contoso.com"))
		if got := slices.ContainsFunc(why, func(b Because) bool { return strings.Contains(b.Text, "PROXY header") }); got != want {
			t.Errorf("%s: %v", remote, why)
		}
	}
}

// TestProxyThatIsNotOurs is an open relay: whoever is there says he is a printer.
func TestProxyThatIsNotOurs(t *testing.T) {
	own := schema.NewConfig(nil, nil).Settings().Own()
	for proxy, want := range map[string]Relaying{"10.9.9.1": ScopedRelay, "203.0.113.0/24": OpenRelay} {
		for _, s := range proxied(t, proxy).Standings(own, time.Time{}) {
			if s.Connector.Addr().Name != "printers" {
				continue
			}
			foreign := s.Foreign.Contains(netip.MustParseAddr("203.0.113.7"))
			if s.Relaying != want || foreign != (want == OpenRelay) {
				t.Errorf("%s: %s, foreign %v", proxy, s.Relaying, s.Foreign.Ranges())
			}
			if want == OpenRelay && len(s.Because) == 0 {
				t.Error("no reason is given")
			}
		}
	}
}
