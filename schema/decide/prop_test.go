package decide

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/mailrelay/mailrelay/schema"
)

// TestNoOpenRelayByAccident holds, over random configurations, that a client who
// has not logged on reaches a domain that is not accepted only where somebody
// wrote down that it may: accept_any_recipient for its principal, or a connector
// whose clients are trusted as servers. It knows nothing of how decide works.
func TestNoOpenRelayByAccident(t *testing.T) {
	relayed := 0
	rapid.Check(t, func(rt *rapid.T) {
		blocks, p := configuration(t, rt)
		for range 20 {
			c := client(rt)
			c.User = ""
			from, to := address(rt, "from"), address(rt, "to")
			v := p.Recipient(c, from, to)
			if !v.OK() || to.Domain == "" || isAccepted(blocks, to.Domain) { // a bare postmaster is ours
				continue
			}
			if !written(v.Connector.Block) {
				rt.Fatalf("%s lets %s reach %s, and nothing gives that right", v.Connector.Block.Addr(), c.Remote, to)
			}
			relayed++
		}
	})
	if relayed == 0 {
		t.Error("no random configuration relays at all, so the test shows nothing")
	}
}

// TestExplainAgrees holds that who explains says what who decides does, with a
// size too.
func TestExplainAgrees(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		_, p := configuration(t, rt)
		c, from, to := client(rt), address(rt, "from"), address(rt, "to")
		v := p.Recipient(c, from, to)
		explained, why := p.Explain(c, from, to)
		if explained != v {
			rt.Fatalf("Recipient says %+v, Explain %+v", v, explained)
		}
		if len(why) == 0 || slices.ContainsFunc(why, func(b Because) bool { return b.Text == "" || strings.Contains(b.Text, "%!") }) {
			rt.Fatalf("reasons %q", why)
		}
		if s := p.Sender(c, from); v.OK() && !s.OK() || s.Connector != v.Connector {
			rt.Fatalf("Sender says %v, Recipient %v", s.Reply, v.Reply)
		}
		size := rapid.Int64Range(1, 64<<20).Draw(rt, "size")
		sized, _ := p.ExplainSize(c, from, to, size)
		want := v.Reply
		if v.OK() {
			if r, ok := p.Fits(c.Relay, to, size); !ok {
				want = r
			}
		}
		if s := p.Sender(c, from); s.OK() {
			if limit := s.Connector.Limit(c); limit > 0 && size > limit {
				want = s.Connector.TooLarge(limit)
			}
		}
		if sized.Reply != want {
			rt.Fatalf("with %d bytes: -want +got\n%s", size, cmp.Diff(want, sized.Reply))
		}
	})
}

// written reports whether b gives, in so many words, the right to relay to
// someone who need not log on.
func written(b *schema.ReceiveConnector) bool {
	if slices.Contains(b.AuthMechanisms, "external_authoritative") && slices.Contains(b.PermissionGroups, "exchange_servers") {
		return true
	}
	return slices.ContainsFunc(b.Permissions, func(p schema.Permission) bool {
		return (p.Principal == "anonymous" || p.Principal == "partner" || p.Principal == "externally_secured") && slices.Contains(p.Allow, "accept_any_recipient")
	})
}

// isAccepted reads the domain blocks as their manual does.
func isAccepted(blocks []schema.Block, domain string) bool {
	return slices.ContainsFunc(blocks, func(b schema.Block) bool {
		d, ok := b.(*schema.Domain)
		if !ok {
			return false
		}
		base, wild := strings.CutPrefix(d.Name, "*.")
		return d.Name == "*" || domain == base || (wild || d.MatchSubdomains) && strings.HasSuffix(domain, "."+base)
	})
}

// configuration draws one: a few domains with recipients, connectors that overlap,
// and ways out, from so few names that they meet.
func configuration(t *testing.T, rt *rapid.T) ([]schema.Block, *Policy) {
	flip := func(name string) bool { return rapid.Bool().Draw(rt, name) }
	some := func(name string, of ...string) []string {
		out := []string{}
		for _, s := range of {
			if flip(name + " " + s) {
				out = append(out, s)
			}
		}
		return out
	}
	blocks := []schema.Block{block(t, "relay.edge", attrs{"hostname": "relay.contoso.com"})}
	for i, name := range some("domain", "contoso.com", "*.fabrikam.com", "a.tailspin.com", "*.example", "*") {
		if name == "*" && !flip("really everything") {
			continue
		}
		kind := rapid.SampledFrom([]string{schema.Authoritative, schema.InternalRelay, schema.ExternalRelay}).Draw(rt, "type")
		addr := fmt.Sprintf("domain.d%d", i)
		blocks = append(blocks, block(t, addr, attrs{"name": name, "type": kind, "match_subdomains": !strings.HasPrefix(name, "*") && flip("subdomains")}))
		if base := strings.TrimPrefix(name, "*."); base != "*" && flip("recipients") {
			a := attrs{"domain": addr, "addresses": []string{"ann@" + base}}
			if flip("rewrite") {
				a["rewrite_domain"] = "tenant.example"
			}
			blocks = append(blocks, block(t, fmt.Sprintf("recipients.r%d", i), a))
		}
	}
	for i := range rapid.IntRange(1, 3).Draw(rt, "connectors") {
		a := attrs{
			"relay": "relay.edge", "remote_ip_ranges": some("range", "0.0.0.0/0", "10.0.0.0/8", "10.1.0.0/16", "::/0"),
			"permission_groups": some("group", "anonymous_users", "exchange_users", "exchange_servers", "partners"),
			"auth_mechanisms":   some("mechanism", "tls", "external_authoritative"),
			"tls_client_names":  []string{"mail.fabrikam.com"}, "require_tls": flip("require_tls"),
			"max_message_size": rapid.SampledFrom([]string{"1MiB", "20MiB"}).Draw(rt, "max"),
		}
		permissions := attrs{}
		for _, principal := range some("permission", "anonymous", "authenticated", "partner", "externally_secured", "user:scanner") {
			permissions[principal] = attrs{
				"allow": some("allow", "smtp_submit", "accept_any_recipient", "accept_any_sender", "bypass_message_size_limit"),
				"deny":  some("deny", "smtp_submit", "accept_any_recipient"),
			}
		}
		a["permission"] = permissions
		if flip("limit senders") {
			a["allowed_sender_domains"] = some("sender limit", "contoso.com", "*.example")
		}
		blocks = append(blocks, block(t, fmt.Sprintf("receive_connector.c%d", i), a))
	}
	for i, space := range some("space", "contoso.com", "*.example", "*") {
		blocks = append(blocks, block(t, fmt.Sprintf("send_connector.s%d", i), attrs{"address_spaces": []string{space}, "max_message_size": rapid.SampledFrom([]string{"2MiB", "35MiB"}).Draw(rt, "widest")}))
	}
	return blocks, compile(t, blocks...)
}

func client(rt *rapid.T) Client {
	c := Client{
		Local: local, Remote: netip.MustParseAddr(rapid.SampledFrom([]string{"10.1.2.3", "10.2.0.1", "192.0.2.1", "2001:db8::1"}).Draw(rt, "client")),
		TLS: rapid.Bool().Draw(rt, "tls"), User: rapid.SampledFrom([]string{"", "", "scanner", "copier"}).Draw(rt, "user"),
	}
	if c.Remote.Is6() {
		c.Local = netip.MustParseAddrPort("[2001:db8::25]:25")
	}
	if rapid.Bool().Draw(rt, "certificate") {
		c.TLS, c.Partner, c.Names = true, true, []string{"mail.fabrikam.com"}
	}
	return c
}

func address(rt *rapid.T, name string) schema.Mailbox {
	return rapid.SampledFrom([]schema.Mailbox{
		{}, {Local: "postmaster"}, {Local: "ann", Domain: "contoso.com"}, {Local: "Ann+tag", Domain: "contoso.com"},
		{Local: "bob", Domain: "sub.contoso.com"}, {Local: "ann", Domain: "fabrikam.com"}, {Local: "x", Domain: "a.tailspin.com"},
		{Local: "x", Domain: "b.a.tailspin.com"}, {Local: "x", Domain: "deep.far.example"}, {Local: "x", Domain: "elsewhere.test"},
	}).Filter(func(m schema.Mailbox) bool { return name == "from" || !m.IsNull() }).Draw(rt, name)
}
