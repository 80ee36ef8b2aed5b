package decide

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"go4.org/netipx"
	"pgregory.net/rapid"

	"github.com/mailrelay/mailrelay/schema"
)

func addresses(t testing.TB, ranges ...string) *netipx.IPSet {
	t.Helper()
	var b netipx.IPSetBuilder
	for _, s := range ranges {
		r, err := schema.ParseRange(s)
		if err != nil {
			t.Fatal(err)
		}
		b.AddRange(r)
	}
	return set(&b)
}

func TestStandings(t *testing.T) {
	own := addresses(t, "10.0.0.0/8", "127.0.0.0/8")
	relaying := attrs{"anonymous": attrs{"allow": []string{"accept_any_recipient"}}}
	for _, tt := range []struct {
		name      string
		a         attrs
		other     attrs // of a second connector
		want      Relaying
		principal string
		foreign   []string
	}{
		{"nobody is meant", attrs{"permission_groups": []string{"anonymous_users"}, "permission": relaying}, nil, NoRelay, "", nil},
		{"no rights", attrs{"remote_ip_ranges": []string{"0.0.0.0/0"}}, nil, NoRelay, "", nil},
		{"own domains", attrs{"remote_ip_ranges": []string{"0.0.0.0/0"}, "permission_groups": []string{"anonymous_users"}}, nil, InternalOnly, "anonymous", nil},
		{"own networks", attrs{"remote_ip_ranges": []string{"10.1.0.0/16"}, "permission_groups": []string{"anonymous_users"}, "permission": relaying}, nil, ScopedRelay, "anonymous", nil},
		{"the world", attrs{"remote_ip_ranges": []string{"0.0.0.0/0"}, "permission_groups": []string{"anonymous_users"}, "permission": relaying}, nil, OpenRelay, "anonymous", []string{"0.0.0.0-9.255.255.255", "11.0.0.0-126.255.255.255", "128.0.0.0/1"}},
		{"no submit", attrs{"remote_ip_ranges": []string{"0.0.0.0/0"}, "permission": relaying}, nil, NoRelay, "", nil},
		{"denied", attrs{"remote_ip_ranges": []string{"0.0.0.0/0"}, "permission_groups": []string{"anonymous_users"}, "permission": attrs{"anonymous": attrs{"allow": []string{"accept_any_recipient"}, "deny": []string{"accept_any_recipient"}}}}, nil, InternalOnly, "anonymous", nil},
		{"externally secured", attrs{"remote_ip_ranges": []string{"10.1.0.0/16"}, "permission_groups": []string{"exchange_servers"}, "auth_mechanisms": []string{"tls", "external_authoritative"}}, nil, TrustedRelay, "externally_secured", nil},
		{"externally secured world", attrs{"remote_ip_ranges": []string{"192.0.2.0/24"}, "permission_groups": []string{"exchange_servers"}, "auth_mechanisms": []string{"tls", "external_authoritative"}}, nil, OpenRelay, "externally_secured", []string{"192.0.2.0/24"}},
		{"credentials", attrs{"remote_ip_ranges": []string{"0.0.0.0/0"}, "permission_groups": []string{"exchange_users"}, "auth_mechanisms": []string{"tls", "basic_auth", "basic_auth_require_tls"}, "users": attrs{"file": "/etc/users"}}, nil, ScopedRelay, "authenticated", nil},
		{"one user", attrs{"remote_ip_ranges": []string{"0.0.0.0/0"}, "auth_mechanisms": []string{"tls", "basic_auth"}, "users": attrs{"file": "/etc/users"}, "permission": attrs{"user:scanner": attrs{"allow": []string{"submit", "accept_any_recipient"}}}}, nil, ScopedRelay, "user:scanner", nil},
		{"to accepted domains", attrs{"remote_ip_ranges": []string{"0.0.0.0/0"}, "permission_groups": []string{"anonymous_users"}, "permission": relaying, "allowed_recipient_domains": []string{"contoso.com"}}, nil, InternalOnly, "anonymous", nil},
		{"to one that is not", attrs{"remote_ip_ranges": []string{"192.0.2.7"}, "permission_groups": []string{"anonymous_users"}, "permission": relaying, "allowed_recipient_domains": []string{"*.fabrikam.com"}}, nil, OpenRelay, "anonymous", []string{"192.0.2.7"}},
		{"from an allowed sender", attrs{"remote_ip_ranges": []string{"192.0.2.7"}, "permission_groups": []string{"anonymous_users"}, "permission": relaying, "allowed_sender_domains": []string{"contoso.com"}}, nil, OpenRelay, "anonymous", []string{"192.0.2.7"}},
		{"from nobody", attrs{"remote_ip_ranges": []string{"192.0.2.7"}, "permission_groups": []string{"anonymous_users"}, "permission": relaying, "allowed_sender_domains": []string{}}, nil, InternalOnly, "anonymous", nil},
		{"what another answers", attrs{"remote_ip_ranges": []string{"192.0.2.0/30"}, "permission_groups": []string{"anonymous_users"}, "permission": relaying}, attrs{"remote_ip_ranges": []string{"192.0.2.0/31"}}, OpenRelay, "anonymous", []string{"192.0.2.2/31"}},
		{"inside another", attrs{"remote_ip_ranges": []string{"192.0.2.0/30", "192.0.2.1"}, "permission_groups": []string{"anonymous_users"}, "permission": relaying}, attrs{"remote_ip_ranges": []string{"192.0.2.0/31"}}, OpenRelay, "anonymous", []string{"192.0.2.1-192.0.2.3"}},
		{"a domain of everybody", attrs{"remote_ip_ranges": []string{"192.0.2.7"}, "permission_groups": []string{"anonymous_users"}, "everybody": "*"}, nil, OpenRelay, "anonymous", []string{"192.0.2.7"}},
		{"everything below com, the trap of IIS", attrs{"remote_ip_ranges": []string{"192.0.2.7"}, "permission_groups": []string{"anonymous_users"}, "everybody": "*.com"}, nil, OpenRelay, "anonymous", []string{"192.0.2.7"}},
		{"everything, for our own networks", attrs{"remote_ip_ranges": []string{"10.1.0.0/16"}, "permission_groups": []string{"anonymous_users"}, "everybody": "*"}, nil, ScopedRelay, "anonymous", nil},
		{"everything, beyond what the connector takes", attrs{"remote_ip_ranges": []string{"192.0.2.7"}, "permission_groups": []string{"anonymous_users"}, "allowed_recipient_domains": []string{"contoso.com"}, "everybody": "*"}, nil, InternalOnly, "anonymous", nil},
		{"a socket", attrs{"remote_ip_ranges": []string{"0.0.0.0/0"}, "bindings": []string{"unix:/run/x"}, "permission_groups": []string{"anonymous_users"}, "permission": relaying}, nil, ScopedRelay, "anonymous", nil},
	} {
		_, everybody := tt.a["everybody"]
		blocks := []schema.Block{
			block(t, "relay.edge", attrs{"hostname": "relay.contoso.com"}),
			block(t, "domain.contoso", attrs{"name": "contoso.com"}),
		}
		if name, ok := tt.a["everybody"]; ok {
			blocks = append(blocks, block(t, "domain.everybody", attrs{"name": name, "type": "external_relay"}))
			delete(tt.a, "everybody")
		}
		tt.a["relay"] = "relay.edge"
		blocks = append(blocks, block(t, "receive_connector.a", tt.a))
		if tt.other != nil {
			tt.other["relay"] = "relay.edge"
			blocks = append(blocks, block(t, "receive_connector.b", tt.other))
		}
		got := compile(t, blocks...).Standings(own, time.Unix(0, 0))[0]
		var foreign []string
		for _, r := range got.Foreign.Ranges() {
			foreign = append(foreign, schema.FormatRange(r))
		}
		if got.Relaying != tt.want || got.Principal != tt.principal || !slices.Equal(foreign, tt.foreign) {
			t.Errorf("%s: %s for %s from %v, want %s for %s from %v", tt.name, got.Relaying, got.Principal, foreign, tt.want, tt.principal, tt.foreign)
		}
		if (got.Opens != nil) != (everybody && tt.want >= ScopedRelay) {
			t.Errorf("%s: opened by %v", tt.name, got.Opens)
		}
		if (got.To != "") != (tt.want >= ScopedRelay) || (got.Because != nil) != (tt.want >= ScopedRelay) {
			t.Errorf("%s: reaches %q, because %v", tt.name, got.To, got.Because)
		}
	}
}

// TestStandingsOfOne asks for one principal, and who reaches everything by what.
func TestStandingsOfOne(t *testing.T) {
	p := compile(t,
		block(t, "relay.edge", attrs{"hostname": "relay.contoso.com"}),
		block(t, "domain.contoso", attrs{"name": "contoso.com"}),
		block(t, "receive_connector.a", attrs{"relay": "relay.edge", "remote_ip_ranges": []string{"10.1.0.0/16"}, "permission_groups": []string{"anonymous_users"}, "permission": attrs{"anonymous": attrs{"allow": []string{"accept_any_recipient"}}}}),
		block(t, "receive_connector.b", attrs{"relay": "relay.edge", "remote_ip_ranges": []string{"10.2.0.0/16"}, "permission_groups": []string{"anonymous_users", "exchange_users"}, "auth_mechanisms": []string{"tls", "basic_auth"}, "users": attrs{"file": "/etc/users"}, "permission": attrs{"user:scanner": attrs{"deny": []string{"accept_any_recipient"}}}}),
	)
	for _, tt := range []struct {
		who  string
		want []Relaying
	}{
		{"", []Relaying{ScopedRelay, ScopedRelay}},
		{"anonymous", []Relaying{ScopedRelay, InternalOnly}},
		{"authenticated", []Relaying{NoRelay, ScopedRelay}},
		{"user:scanner", []Relaying{NoRelay, InternalOnly}},
		{"user:copier", []Relaying{NoRelay, ScopedRelay}},
		{"partner", []Relaying{NoRelay, NoRelay}},
	} {
		got := p.StandingsOf(tt.who, addresses(t, "10.0.0.0/8"), time.Unix(0, 0))
		if got[0].Relaying != tt.want[0] || got[1].Relaying != tt.want[1] {
			t.Errorf("%q: %s and %s, want %v", tt.who, got[0].Relaying, got[1].Relaying, tt.want)
		}
	}
	all := p.Standings(addresses(t, "10.0.0.0/8"), time.Unix(0, 0))
	if got, want := all[0].Free, addresses(t, "10.1.0.0/16"); !got.Equal(want) || len(all[0].Proved.Ranges()) != 0 {
		t.Errorf("without credentials %v, want %v; with some %v, want none", got.Ranges(), want.Ranges(), all[0].Proved.Ranges())
	}
	if got, want := all[1].Proved, addresses(t, "10.2.0.0/16"); !got.Equal(want) || len(all[1].Free.Ranges()) != 0 {
		t.Errorf("with credentials %v, want %v; without %v, want none", got.Ranges(), want.Ranges(), all[1].Free.Ranges())
	}
}

// TestOpenRelayIsWhatAStrangerCanDo holds the verdict against the rules themselves:
// a connector is an open relay exactly when some anonymous client that is not ours
// gets a recipient accepted whose domain is not. A domain that is accepted along with
// those of everybody is not ours either.
func TestOpenRelayIsWhatAStrangerCanDo(t *testing.T) {
	own := addresses(t, "10.0.0.0/8")
	rapid.Check(t, func(rt *rapid.T) {
		blocks, p := configuration(t, rt)
		open := map[*schema.ReceiveConnector]bool{}
		for _, s := range p.Standings(own, time.Unix(0, 0)) {
			open[s.Connector] = s.Relaying == OpenRelay
		}
		can := map[*schema.ReceiveConnector]bool{}
		for _, remote := range []string{"192.0.2.1", "2001:db8::1", "9.255.255.255", "11.0.0.0"} {
			c := Client{Local: netip.MustParseAddrPort("0.0.0.0:25"), Remote: netip.MustParseAddr(remote), At: time.Unix(0, 0)}
			if c.Remote.Is6() {
				c.Local = netip.MustParseAddrPort("[::]:25")
			}
			for _, c.TLS = range []bool{false, true} {
				for _, from := range []schema.Mailbox{{}, {Local: "x", Domain: "contoso.com"}, {Local: "x", Domain: "deep.example"}, {Local: "x", Domain: "a.tailspin.com"}, {Local: "x", Domain: "x.fabrikam.com"}, {Local: "x", Domain: "elsewhere.test"}} {
					for _, to := range []string{"elsewhere.test", "never.invalid", "other.example"} {
						if v := p.Recipient(c, from, schema.Mailbox{Local: "y", Domain: to}); v.OK() && !ours(blocks, to) && (!c.TLS || slices.Contains(v.Connector.Block.AuthMechanisms, "tls")) {
							can[v.Connector.Block] = true
						}
					}
				}
			}
		}
		for b, is := range open {
			if is != can[b] {
				rt.Fatalf("%s: open relay is %v, and a stranger can relay is %v", b.Addr(), is, can[b])
			}
		}
	})
}

// ours reports whether a domain is accepted, by a block that does not take those of
// everybody.
func ours(blocks []schema.Block, domain string) bool {
	narrow := slices.DeleteFunc(slices.Clone(blocks), func(b schema.Block) bool {
		d, ok := b.(*schema.Domain)
		return ok && (d.Name == "*" || d.Name == "*.example")
	})
	return isAccepted(narrow, domain)
}
