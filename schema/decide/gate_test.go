package decide

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/mailrelay/mailrelay/schema"
)

// Mail for a gated domain waits with its sender, unless that may relay: then it goes
// the way it went before the domain was there. All other mail goes on.
func TestGate(t *testing.T) {
	c := schema.NewConfig([]schema.Block{
		block(t, "relay.edge", attrs{"hostname": "relay.contoso.com"}),
		block(t, "domain.contoso", attrs{"name": "contoso.com", "default": true}),
		block(t, "domain.new", attrs{"name": "new.example", "match_subdomains": true, "verification": attrs{}}),
		block(t, "receive_connector.internet", attrs{"relay": "relay.edge", "remote_ip_ranges": []string{"0.0.0.0/0"}, "permission_groups": []string{"anonymous_users"}}),
		block(t, "receive_connector.device", attrs{"relay": "relay.edge", "remote_ip_ranges": []string{"10.20.0.0/24"}, "permission_groups": []string{"anonymous_users"},
			"permission": attrs{"anonymous": attrs{"allow": []string{"accept_any_recipient"}}}}),
		block(t, "recipients.contoso", attrs{"domain": "domain.contoso", "addresses": []string{"ann@contoso.com"}}),
		block(t, "recipients.new", attrs{"domain": "domain.new", "addresses": []string{"bob@new.example"}, "deliver_to": "send_connector.new"}),
		block(t, "receive_connector.ours", attrs{"relay": "relay.edge", "remote_ip_ranges": []string{"10.30.0.0/24"}, "permission_groups": []string{"anonymous_users"},
			"permission": attrs{"anonymous": attrs{"allow": []string{"accept_any_recipient"}}}, "allowed_sender_domains": []string{"example.org"}}),
		block(t, "send_connector.internet", attrs{"address_spaces": []string{"*"}}),
		block(t, "send_connector.new", attrs{"address_spaces": []string{"nothing.example"}}),
	}, nil)
	newAddr := schema.Addr{Type: "domain", Name: "new"}
	for _, tt := range []struct {
		gated  bool
		client string
		to     string
		want   int
	}{
		{true, "198.51.100.7", "bob@new.example", 451},
		{true, "198.51.100.7", "nobody@new.example", 451},
		{true, "198.51.100.7", "postmaster@new.example", 451},
		{true, "198.51.100.7", "bob@sub.new.example", 451},
		{true, "10.20.0.9", "bob@new.example", 250},
		{true, "10.20.0.9", "nobody@sub.new.example", 250},
		{true, "10.30.0.9", "bob@new.example", 250},
		{true, "198.51.100.7", "ann@contoso.com", 250},
		{true, "198.51.100.7", "nobody@contoso.com", 550},
		{true, "198.51.100.7", "postmaster", 250},
		{true, "198.51.100.7", "x@elsewhere.example", 550},
		{true, "10.20.0.9", "x@elsewhere.example", 250},
		{false, "198.51.100.7", "bob@new.example", 250},
		{false, "198.51.100.7", "nobody@new.example", 550},
	} {
		c.Gated = map[schema.Addr]bool{newAddr: tt.gated}
		p, err := Compile(c)
		if err != nil {
			t.Fatal(err)
		}
		from := Client{Local: netip.MustParseAddrPort("192.0.2.1:25"), Remote: netip.MustParseAddr(tt.client)}
		v, why := p.Explain(from, mailbox(t, "a@example.org"), mailbox(t, tt.to))
		if v.Code != tt.want {
			t.Errorf("gated %v: %s to %s: %d %s, want %d", tt.gated, tt.client, tt.to, v.Code, v.Text, tt.want)
		}
		if v.Code != 451 {
			continue
		}
		if v.Enhanced != [3]int{4, 7, 1} || !strings.Contains(v.Text, "new.example") || !strings.Contains(v.Text, "mailrelay apply") {
			t.Errorf("the answer is %v %q", v.Enhanced, v.Text)
		}
		if last := why[len(why)-1]; last.Addr != newAddr || last.Decl != "test.mail.hcl:7" {
			t.Errorf("the reason is %q", last)
		}
	}
	c.Gated = map[schema.Addr]bool{newAddr: true}
	p, err := Compile(c)
	if err != nil {
		t.Fatal(err)
	}
	ours := Client{Local: netip.MustParseAddrPort("192.0.2.1:25"), Remote: netip.MustParseAddr("10.30.0.9")}
	to := mailbox(t, "bob@new.example")
	if v := p.Recipient(ours, schema.Mailbox{}, to); v.Code != 451 {
		t.Errorf("the null sender, which allowed_sender_domains leaves out: %d %s", v.Code, v.Text)
	}
	for gated, want := range map[bool]string{true: "internet", false: "new"} {
		c.Gated[newAddr] = gated
		p, err := Compile(c)
		if err != nil {
			t.Fatal(err)
		}
		if v := p.Recipient(ours, mailbox(t, "a@example.org"), to); v.Route == nil || v.Route.Connector.Addr().Name != want {
			t.Errorf("gated %v: the way is %+v, want %s", gated, v.Route, want)
		}
		if r, _ := p.Route(schema.Addr{}, to, 0); r == nil || r.Connector.Addr().Name != want {
			t.Errorf("gated %v: the way of what is queued is %+v, want %s", gated, r, want)
		}
	}
}
