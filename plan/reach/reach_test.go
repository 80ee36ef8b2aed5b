package reach

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mailrelay/mailrelay/schema/decide"
)

func now() time.Time { return time.Date(2026, 11, 22, 6, 0, 0, 0, time.UTC) }

// office is a small relay: anonymous clients of 10/8 may send to contoso.com, and the
// printers to everybody.
func office() blocks {
	return blocks{
		"relay.edge":               {"hostname": "relay.contoso.com"},
		"domain.contoso":           {"name": "contoso.com"},
		"recipients.people":        {"domain": "domain.contoso", "addresses": []string{"ann@contoso.com", "bob@contoso.com"}},
		"domain.sales":             {"name": "sales.contoso.com", "type": "internal_relay"},
		"send_connector.mbx":       {"address_spaces": []string{"contoso.com"}, "smart_hosts": []string{"mbx01"}, "tls": attrs{"mode": "none"}},
		"send_connector.out":       {"address_spaces": []string{"*"}},
		"receive_connector.office": {"relay": "relay.edge", "remote_ip_ranges": []string{"10.0.0.0/8"}, "permission_groups": []string{"anonymous_users"}},
		"receive_connector.printers": {"relay": "relay.edge", "remote_ip_ranges": []string{"10.20.0.0/24"}, "permission_groups": []string{"anonymous_users"},
			"permission": attrs{"anonymous": attrs{"allow": []string{"accept_any_recipient"}}}},
	}
}

func relaying(ranges ...string) attrs {
	return attrs{"relay": "relay.edge", "remote_ip_ranges": ranges, "permission_groups": []string{"anonymous_users"},
		"permission": attrs{"anonymous": attrs{"allow": []string{"accept_any_recipient"}}}}
}

func verified(domain string) attrs {
	return attrs{"address_spaces": []string{"contoso.com"}, "smart_hosts": []string{"mbx01"}, "tls": attrs{"mode": "required", "verify": "domain", "domain": domain}}
}

func (a attrs) with(more attrs) attrs {
	out := attrs{}
	for _, m := range []attrs{a, more} {
		for k, v := range m {
			out[k] = v
		}
	}
	return out
}

func TestCompare(t *testing.T) {
	empty := func() *decide.Policy { return blocks{}.compile(t) }
	tests := []struct {
		name   string
		before blocks
		after  blocks
		want   []string
	}{
		{"nothing", office(), office(), nil},
		{"another name", office(), office().and(blocks{"receive_connector.printers": nil, "receive_connector.devices": office()["receive_connector.printers"],
			"send_connector.out": nil, "send_connector.internet": office()["send_connector.out"]}), nil},
		{"the first plan", nil, office(), []string{
			"+ anonymous from 10.20.0.0/24 may now relay to any domain (was: refused)",
			"+ anonymous from 10.0.0.0-10.19.255.255 and 10.20.1.0-10.255.255.255 may now send to contoso.com and sales.contoso.com (was: refused)"}},
		{"a range more", office(), office().and(blocks{"receive_connector.printers": relaying("10.20.0.0/24", "10.2.0.0/16")}), []string{
			"+ anonymous from 10.2.0.0/16 may now relay to any domain (was: refused)"}},
		{"the world", office(), office().and(blocks{"receive_connector.printers": relaying("0.0.0.0/0", "::/0")}), []string{
			"+ anonymous from any address but 10.0.0.0/8 may now relay to any domain (was: refused)",
			"- anonymous from 10.20.0.0/24 may no longer relay to any domain (now: refused)"}},
		{"a range less", office(), office().and(blocks{"receive_connector.printers": nil}), []string{
			"- anonymous from 10.20.0.0/24 may no longer relay to any domain (now: refused)"}},
		{"limited senders", office(), office().and(blocks{"receive_connector.printers": relaying("10.20.0.0/24").with(attrs{"allowed_sender_domains": []string{"contoso.com"}})}), []string{
			"- anonymous from 10.20.0.0/24 with a sender of <> may no longer relay to any domain (now: refused)",
			"- anonymous from 10.20.0.0/24 with any sender but contoso.com and <> may no longer relay to any domain (now: refused)"}},
		{"the cutover", office(), office().and(blocks{"send_connector.mbx": {"address_spaces": []string{"contoso.com"}, "smart_hosts": []string{"contoso-com.mail.protection.outlook.com"},
			"tls": attrs{"mode": "required", "verify": "domain", "domain": "mail.protection.outlook.com"}}}), []string{
			"~ mail to contoso.com: mbx01 -> contoso-com.mail.protection.outlook.com, TLS none -> verified"}},
		{"another certificate is asked for", office().and(blocks{"send_connector.mbx": verified("mail.protection.outlook.com")}), office().and(blocks{"send_connector.mbx": verified("contoso.com")}), []string{
			"~ mail to contoso.com: TLS by domain, domain mail.protection.outlook.com -> domain, domain contoso.com"}},
		{"no way", office(), office().and(blocks{"send_connector.mbx": nil, "send_connector.out": nil}), []string{
			"~ mail to any domain but contoso.com: its MX -> nowhere (it waits in the queue)",
			"~ mail to contoso.com: mbx01 -> nowhere (it waits in the queue)"}},
		{"a new domain", office(), office().and(blocks{"domain.fabrikam": {"name": "fabrikam.com", "type": "internal_relay"}}), []string{
			"+ anonymous from 10.0.0.0-10.19.255.255 and 10.20.1.0-10.255.255.255 may now send to fabrikam.com (was: refused)"}},
		{"a new domain that is not proved", office(), office().and(blocks{"domain.fabrikam": {"name": "fabrikam.com", "type": "internal_relay", "gated": true}}), []string{
			"~ anonymous from 10.0.0.0-10.19.255.255 and 10.20.1.0-10.255.255.255, mail to fabrikam.com: refused until its ownership is verified (was: refused)"}},
		{"a recipient more", office(), office().and(blocks{"recipients.more": {"domain": "domain.contoso", "addresses": []string{"cid@contoso.com"}}}), []string{
			"+ anonymous from 10.0.0.0/8 may now send to cid@contoso.com (was: refused)"}},
		{"a recipient elsewhere", office(), office().and(blocks{"recipients.people": {"domain": "domain.contoso", "addresses": []string{"ann@contoso.com", "bob@contoso.com"},
			"targets": attrs{"bob@contoso.com": "bob@tenant.example"}}}), []string{
			"~ mail to bob@contoso.com: mbx01 -> its MX, TLS none -> opportunistic, RCPT TO as given -> bob@tenant.example"}},
		{"smaller messages", office(), office().and(blocks{"receive_connector.office": office()["receive_connector.office"].with(attrs{"max_message_size": "10MiB"})}), []string{
			"~ anonymous from 10.0.0.0-10.19.255.255 and 10.20.1.0-10.255.255.255 may send messages of up to 10MiB to contoso.com and sales.contoso.com (was: up to 35MiB)"}},
		{"larger messages to somebody", office(), office().and(blocks{"send_connector.mbx": office()["send_connector.mbx"].with(attrs{"max_message_size": "50MiB"})}), []string{
			"~ mail to contoso.com: messages of up to 35MiB -> up to 50MiB"}},
		{"TLS is demanded", office(), office().and(blocks{"receive_connector.office": office()["receive_connector.office"].with(attrs{"require_tls": true})}), []string{
			"- anonymous from 10.0.0.0-10.19.255.255 and 10.20.1.0-10.255.255.255 without TLS may no longer send to contoso.com and sales.contoso.com (now: refused)"}},
		{"another port", office(), office().and(blocks{"receive_connector.printers": relaying("10.20.0.0/24").with(attrs{"bindings": []string{"0.0.0.0:25", "[::]:25", "0.0.0.0:587"}})}), []string{
			"+ anonymous from 10.20.0.0/24 at 0.0.0.0:587 may now relay to any domain (was: refused)"}},
		{"another relay", office(), office().and(blocks{"relay.lab": {"hostname": "lab.contoso.com"}, "receive_connector.lab": relaying("10.20.0.0/24").with(attrs{"relay": "relay.lab"})}), []string{
			"+ anonymous from 10.20.0.0/24 through relay.lab may now relay to any domain (was: refused)"}},
		{"users", office(), office().and(blocks{"receive_connector.office": office()["receive_connector.office"].with(attrs{"auth_mechanisms": []string{"tls", "basic_auth", "basic_auth_require_tls"},
			"users": attrs{"file": "/users"}, "permission_groups": []string{"anonymous_users", "exchange_users"}, "permission": attrs{"user:guest": attrs{"deny": []string{"accept_any_recipient"}}}})}), []string{
			"+ authenticated (but not guest) from 10.0.0.0-10.19.255.255 and 10.20.1.0-10.255.255.255 with a sender of sales.contoso.com and <> may now relay to any domain (was: nobody could log on)",
			"+ user:guest from 10.0.0.0-10.19.255.255 and 10.20.1.0-10.255.255.255 with a sender of sales.contoso.com and <> may now send to contoso.com and sales.contoso.com (was: nobody could log on)"}},
		{"trusted servers", office(), office().and(blocks{"receive_connector.printers": {"relay": "relay.edge", "remote_ip_ranges": []string{"10.20.0.0/24", "10.9.0.1"}, "auth_mechanisms": []string{"tls", "external_authoritative"},
			"permission_groups": []string{"exchange_servers"}}}), []string{
			"+ externally_secured from 10.9.0.1 may now relay to any domain (was: refused)",
			"~ externally_secured from 10.20.0.0/24 may send messages of any size (was: up to 35MiB)",
			"~ externally_secured from 10.9.0.1 may send messages of any size to contoso.com and sales.contoso.com (was: up to 35MiB)"}},
		{"an open domain", office(), office().and(blocks{"domain.all": {"name": "*", "type": "external_relay"}}), []string{
			"+ anonymous from 10.0.0.0-10.19.255.255 and 10.20.1.0-10.255.255.255 may now relay to any domain but contoso.com and sales.contoso.com (was: refused)"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			before := empty()
			if tt.before != nil {
				before = tt.before.compile(t)
			}
			var got []string
			for _, l := range Compare(before, tt.after.compile(t), now()).Lines {
				got = append(got, l.String())
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}
