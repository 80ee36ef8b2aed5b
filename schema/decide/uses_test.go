package decide

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mailrelay/mailrelay/schema"
)

func TestUnused(t *testing.T) {
	blocks := []schema.Block{
		block(t, "relay.edge", attrs{"hostname": "relay.contoso.com"}),
		block(t, "domain.contoso", attrs{"name": "contoso.com"}),
		block(t, "allowlist.apps", attrs{"addresses": []string{"10.9.0.0/16"}, "entry": attrs{
			"10.1.2.3": attrs{"owner": "facilities"}, "10.1.2.4": attrs{"owner": "finance"}, "10.1.2.5": attrs{"expires": "2026-01-31"},
		}}),
		block(t, "receive_connector.apps", attrs{"relay": "relay.edge", "allowlists": []string{"allowlist.apps"}, "permission_groups": []string{"anonymous_users"},
			"permission": attrs{"anonymous": attrs{"allow": []string{"accept_any_recipient"}}}}),
		block(t, "receive_connector.users", attrs{"relay": "relay.edge", "remote_ip_ranges": []string{"10.0.0.0/8"}, "permission_groups": []string{"exchange_users", "anonymous_users"},
			"auth_mechanisms": []string{"tls", "basic_auth"}, "users": attrs{"file": "/etc/users"}, "tls_client_names": []string{"a.example"},
			"permission": attrs{
				"user:Scanner": attrs{"allow": []string{"accept_any_sender"}}, "user:gone": attrs{"allow": []string{"accept_any_recipient", "smtp_submit"}, "deny": []string{"smtp_submit"}},
				"partner": attrs{"allow": []string{"accept_any_recipient"}},
			}}),
	}
	c := schema.NewConfig(blocks, nil)
	p, err := Compile(c)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	apps, users := schema.Addr{Type: "receive_connector", Name: "apps"}, schema.Addr{Type: "receive_connector", Name: "users"}
	ann, stranger := schema.Mailbox{Local: "ann", Domain: "contoso.com"}, schema.Mailbox{Local: "x", Domain: "fabrikam.com"}
	u := NewUses(p)
	for i, m := range []Entered{
		{now.AddDate(0, 0, -100), apps, "10.1.2.4", "", false, ann, stranger},
		{now.AddDate(0, 0, -1), apps, "10.1.2.3", "", false, ann, ann},
		{now.AddDate(0, 0, -2), users, "10.7.0.1", "scanner", true, stranger, ann},
		{now.AddDate(0, 0, -1), apps, "192.0.2.1", "", false, ann, ann},
		{now.AddDate(0, 0, -1), schema.Addr{Type: "receive_connector", Name: "old"}, "10.1.2.3", "", false, ann, ann},
	} {
		if known := u.Note(m); known != (i < 3) {
			t.Errorf("message %d: known is %v", i, known)
		}
	}
	list := func(since time.Time) []string {
		var out []string
		for _, x := range u.Unused(c, since, now) {
			line := x.Addr.String() + ": " + x.Grant.String()
			if x.Owner != "" {
				line += " (" + x.Owner + ")"
			}
			if !x.Last.IsZero() {
				line += ", " + x.Last.Format(time.DateOnly)
			}
			out = append(out, line)
		}
		return out
	}
	want := []string{
		"allowlist.apps: range 10.1.2.4 (finance), 2026-08-14",
		"allowlist.apps: range 10.9.0.0/16",
		"receive_connector.apps: accept_any_recipient of anonymous, 2026-08-14",
		"receive_connector.users: the permission group anonymous_users",
		"receive_connector.users: accept_any_recipient of partner",
		"receive_connector.users: accept_any_recipient of user:gone",
	}
	if d := cmp.Diff(want, list(now.AddDate(0, 0, -90))); d != "" {
		t.Errorf("-want +got\n%s", d)
	}
	if all := list(now.AddDate(0, 0, -365)); slices.Contains(all, want[0]) || slices.Contains(all, want[2]) {
		t.Errorf("what was used within a year is not unused: %v", all)
	}
}
