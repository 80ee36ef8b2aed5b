package decide

import (
	"net/netip"
	"testing"

	"pgregory.net/rapid"

	"github.com/mailrelay/mailrelay/schema"
)

// TestStretches holds that stretches say who answers, and are sorted and apart.
func TestStretches(t *testing.T) {
	addresses := []string{"0.0.0.0", "10.0.255.255", "10.1.0.0", "10.1.2.3", "10.1.255.255", "10.2.0.0", "255.255.255.255", "::", "2001:db8::1", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"}
	answered := 0
	rapid.Check(t, func(rt *rapid.T) {
		_, p := configuration(t, rt)
		relay := schema.Addr{Type: "relay", Name: "edge"}
		all := p.Stretches(relay, Listener{Local: local}, client(rt).At)
		for i, s := range all {
			if i > 0 && !all[i-1].Range.To().Less(s.Range.From()) || s.Range.To().Less(s.Range.From()) || s.Connector == nil {
				rt.Fatalf("%v", all)
			}
		}
		for _, text := range addresses {
			a := netip.MustParseAddr(text)
			want := p.Receive(Client{Relay: relay, Local: local, Remote: a})
			var got *Receive
			for _, s := range all {
				if s.Range.Contains(a) {
					got = s.Connector
				}
			}
			if got != want {
				rt.Fatalf("%s is answered by %v, and the stretches are %v", a, want, all)
			}
			if want != nil {
				answered++
			}
		}
	})
	if answered == 0 {
		t.Error("nobody is answered, so the test shows nothing")
	}
}

// TestClasses holds that the answer depends on nothing but the classes of sender and
// recipient, and on the lists of the connector.
func TestClasses(t *testing.T) {
	same := 0
	rapid.Check(t, func(rt *rapid.T) {
		_, p := configuration(t, rt)
		c := client(rt)
		r := p.Receive(c)
		if r == nil {
			return
		}
		from, to := address(rt, "from"), address(rt, "to")
		for range 20 {
			f, d := address(rt, "from"), address(rt, "to")
			if p.SenderClass(f) != p.SenderClass(from) || r.TakesSender(f.Domain) != r.TakesSender(from.Domain) ||
				p.RecipientClass(d) != p.RecipientClass(to) || r.TakesRecipient(p.Home(d).Domain) != r.TakesRecipient(p.Home(to).Domain) {
				continue
			}
			one, other := p.Recipient(c, from, to), p.Recipient(c, f, d)
			if one.Code != other.Code || one.Enhanced != other.Enhanced {
				rt.Fatalf("<%s> to <%s> gets %v, and <%s> to <%s> %v", from, to, one.Reply, f, d, other.Reply)
			}
			if f != from || d != to {
				same++
			}
		}
	})
	if same == 0 {
		t.Error("no two messages have the same classes, so the test shows nothing")
	}
}

func TestLacks(t *testing.T) {
	p := compile(t, block(t, "relay.edge", attrs{"hostname": "relay.contoso.com"}),
		block(t, "receive_connector.plain", attrs{"relay": "relay.edge", "auth_mechanisms": []string{}, "remote_ip_ranges": []string{"10.0.0.1"}}),
		block(t, "receive_connector.tls", attrs{"relay": "relay.edge", "remote_ip_ranges": []string{"10.0.0.2"}}),
		block(t, "receive_connector.users", attrs{"relay": "relay.edge", "auth_mechanisms": []string{"tls", "basic_auth", "basic_auth_require_tls"}, "users": attrs{"file": "/u"}, "remote_ip_ranges": []string{"10.0.0.3"}}))
	for _, tt := range []struct {
		remote string
		client Client
		want   Lack
	}{
		{"10.0.0.1", Client{}, 0},
		{"10.0.0.1", Client{TLS: true, User: "ann"}, NoTLS | NoLogOn},
		{"10.0.0.2", Client{TLS: true}, 0},
		{"10.0.0.2", Client{Partner: true}, NoCertificate},
		{"10.0.0.3", Client{User: "ann"}, LogOnNeedsTLS},
		{"10.0.0.3", Client{User: "ann", TLS: true}, 0},
	} {
		c := tt.client
		c.Remote, c.Local = netip.MustParseAddr(tt.remote), local
		if got := p.Receive(c).Lacks(c); got != tt.want {
			t.Errorf("%+v lacks %b, want %b", tt.client, got, tt.want)
		}
	}
}
