package decide

import (
	"net/netip"
	"testing"

	"github.com/mailrelay/mailrelay/schema"
)

func TestLimit(t *testing.T) {
	relaying := attrs{"anonymous": attrs{"allow": []string{"bypass_message_size_limit"}}}
	for _, tt := range []struct {
		name  string
		attrs attrs
		want  int64
	}{
		{"default", attrs{}, 35 << 20},
		{"its own", attrs{"max_message_size": "10MiB"}, 10 << 20},
		{"a session is smaller", attrs{"max_message_size": "10MiB", "max_session_size": "2MiB"}, 2 << 20},
		{"a session is larger", attrs{"max_message_size": "10MiB", "max_session_size": "20MiB"}, 10 << 20},
		{"bypass", attrs{"max_message_size": "10MiB", "permission": relaying}, 0},
		{"bypass does not lift the limit of a session", attrs{"max_message_size": "10MiB", "max_session_size": "20MiB", "permission": relaying}, 20 << 20},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.attrs["relay"], tt.attrs["remote_ip_ranges"], tt.attrs["permission_groups"] = "relay.edge", []string{"0.0.0.0/0"}, []string{"anonymous_users"}
			p := compile(t, block(t, "relay.edge", attrs{"hostname": "relay.contoso.com"}), block(t, "domain.contoso", attrs{"name": "contoso.com", "type": "internal_relay"}),
				block(t, "receive_connector.x", tt.attrs))
			c := Client{Local: local, Remote: netip.MustParseAddr("198.51.100.7")}
			if got := p.Receive(c).Limit(c); got != tt.want {
				t.Fatalf("got %d, want %d", got, tt.want)
			}
			to := mailbox(t, "x@contoso.com")
			if v, why := p.ExplainSize(c, mailbox(t, "a@example.org"), to, tt.want); v.Code != 250 {
				t.Errorf("a message of the limit gets %d %s\nbecause %v", v.Code, v.Text, why)
			}
			if tt.want == 0 {
				return
			}
			if v, _ := p.ExplainSize(c, mailbox(t, "a@example.org"), to, tt.want+1); v.Reply != p.Receive(c).TooLarge(tt.want) || v.Route != nil {
				t.Errorf("a message beyond the limit gets %d %s", v.Code, v.Text)
			}
		})
	}
}

func TestFits(t *testing.T) {
	p := compile(t, block(t, "relay.edge", attrs{"hostname": "relay.contoso.com"}),
		block(t, "domain.contoso", attrs{"name": "contoso.com", "type": "internal_relay"}),
		block(t, "send_connector.small", attrs{"address_spaces": []string{"contoso.com"}, "max_message_size": "1MiB"}),
		block(t, "send_connector.dear", attrs{"address_spaces": []string{"contoso.com"}, "cost": 9, "max_message_size": "3MiB"}),
		block(t, "send_connector.named", attrs{"address_spaces": []string{"named.example"}, "max_message_size": "2MiB"}),
		block(t, "send_connector.off", attrs{"address_spaces": []string{"off.example"}, "enabled": false}),
		block(t, "recipients.named", attrs{"domain": "domain.contoso", "addresses": []string{"ann@contoso.com"}, "deliver_to": "send_connector.named"}),
		block(t, "recipients.off", attrs{"domain": "domain.contoso", "addresses": []string{"off@contoso.com"}, "deliver_to": "send_connector.off"}),
	)
	for _, tt := range []struct {
		to   string
		size int64
		want bool
	}{
		{"x@contoso.com", 3 << 20, true},
		{"x@contoso.com", 3<<20 + 1, false},
		{"Ann+tag@contoso.com", 2 << 20, true},
		{"Ann+tag@contoso.com", 2<<20 + 1, false},
		{"off@contoso.com", 1 << 40, true}, // no way at all: it waits
		{"x@elsewhere.example", 1 << 40, true},
		{"x@contoso.com", 0, true},
	} {
		r, ok := p.Fits(schema.Addr{Type: "relay", Name: "edge"}, mailbox(t, tt.to), tt.size)
		if ok != tt.want || ok != (r.Code == 0) {
			t.Errorf("%s with %d bytes: %t, %d %s", tt.to, tt.size, ok, r.Code, r.Text)
		}
	}
}

func TestNextHop(t *testing.T) {
	for _, tt := range []struct {
		attrs attrs
		want  string
	}{
		{attrs{}, "fabrikam.com"},
		{attrs{"port": 2525}, "fabrikam.com"},
		{attrs{"smart_hosts": []string{"mx1.contoso.com", "mx2.contoso.com"}}, "mx1.contoso.com"},
		{attrs{"smart_hosts": []string{"mx1.contoso.com:25"}, "port": 2525}, "mx1.contoso.com"},
		{attrs{"smart_hosts": []string{"mx1.contoso.com"}, "port": 2525}, "mx1.contoso.com:2525"},
		{attrs{"smart_hosts": []string{"mx1.contoso.com:26"}}, "mx1.contoso.com:26"},
		{attrs{"smart_hosts": []string{"2001:db8::25"}}, "2001:db8::25"},
		{attrs{"smart_hosts": []string{"2001:db8::25"}, "port": 26}, "[2001:db8::25]:26"},
	} {
		tt.attrs["address_spaces"] = []string{"*"}
		p := compile(t, block(t, "send_connector.x", tt.attrs))
		r, to := p.Route(schema.Addr{}, mailbox(t, "x@fabrikam.com"), 0)
		if got := r.NextHop(to); got != tt.want {
			t.Errorf("%v: got %q, want %q", tt.attrs, got, tt.want)
		}
	}
}

// TestTargets holds that a routing address is found however its key is written.
func TestTargets(t *testing.T) {
	p := compile(t, block(t, "domain.contoso", attrs{"name": "contoso.com"}),
		block(t, "recipients.x", attrs{"domain": "domain.contoso", "addresses": []string{"bob@contoso.com", "ann@contoso.com"},
			"rewrite_domain": "tenant.example", "targets": attrs{"Bob@contoso.com": "robert@tenant.example"}}))
	for to, want := range map[string]string{
		"BOB@contoso.com": "robert@tenant.example", "bob+tag@contoso.com": "robert@tenant.example",
		"Ann+tag@contoso.com": "Ann+tag@tenant.example", "eve@contoso.com": "eve@contoso.com",
	} {
		if _, got := p.Route(schema.Addr{}, mailbox(t, to), 0); got.String() != want {
			t.Errorf("%s goes to %s, want %s", to, got, want)
		}
	}
}

// TestNoDefaultDomain holds that an address without a domain is nobody's where no
// domain is the default, even for who may relay.
func TestNoDefaultDomain(t *testing.T) {
	p := compile(t, block(t, "relay.edge", attrs{"hostname": "relay.contoso.com"}), block(t, "send_connector.internet", attrs{"address_spaces": []string{"*"}}),
		block(t, "receive_connector.x", attrs{"relay": "relay.edge", "remote_ip_ranges": []string{"0.0.0.0/0"}, "permission_groups": []string{"anonymous_users"},
			"permission": attrs{"anonymous": attrs{"allow": []string{"accept_any_recipient"}}}}))
	c := Client{Local: local, Remote: netip.MustParseAddr("198.51.100.7")}
	if v := p.Recipient(c, schema.Mailbox{}, schema.Mailbox{Local: "postmaster"}); v.Code != 550 || v.Enhanced != [3]int{5, 1, 1} {
		t.Errorf("got %d %s", v.Code, v.Text)
	}
}
