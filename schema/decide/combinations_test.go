package decide

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/mailrelay/mailrelay/schema"
)

// documented are the rights that Exchange documents for its groups, by group and
// principal. The groups exchange_servers and exchange_legacy_servers also have
// principals that log on as servers of the organisation, which nobody can be here.
const documented = `
anonymous_users         anonymous          S AS AD HR
exchange_users          authenticated      S AR HR BA
exchange_servers        externally_secured S AS AD AR HR BA BS AF X5
partners                partner            S HR
`

// longNames are the rights as a configuration writes them.
const longNames = `
S  smtp_submit
AS accept_any_sender
AD accept_authoritative_domain_sender
AR accept_any_recipient
HR accept_headers_routing
HO accept_headers_organization
HF accept_headers_forest
BA bypass_anti_spam
BS bypass_message_size_limit
AF accept_authentication_flag
X5 accept_exch50
`

// rows are the words of a table.
func rows(table string) [][]string {
	var out [][]string
	for line := range strings.Lines(strings.TrimSpace(table)) {
		out = append(out, strings.Fields(line))
	}
	return out
}

// TestCombinations holds every combination of a group, a principal that the client
// is, a permission for some principal that allows or denies some right, a sender and
// a recipient domain of each kind against the table. It computes what must be by
// itself.
func TestCombinations(t *testing.T) {
	names := rows(longNames)
	principals := []string{"anonymous", "authenticated", "partner", "externally_secured"}
	senders := map[string]string{"foreign": "a@elsewhere.example", "authoritative": "bob@fabrikam.com", "internal_relay": "a@contoso.com", "null": ""}
	recipients := map[string]string{"foreign": "b@elsewhere.example", "known": "bob@fabrikam.com", "unknown": "nobody@fabrikam.com", "internal_relay": "b@contoso.com", "external_relay": "b@partner.example", "literal": "b@[192.0.2.1]"}
	fixed := []schema.Block{
		block(t, "relay.edge", attrs{"hostname": "relay.contoso.com"}),
		block(t, "domain.contoso", attrs{"name": "contoso.com", "type": "internal_relay", "default": true}),
		block(t, "domain.fabrikam", attrs{"name": "fabrikam.com"}),
		block(t, "domain.partner", attrs{"name": "partner.example", "type": "external_relay"}),
		block(t, "recipients.fabrikam", attrs{"domain": "domain.fabrikam", "addresses": []string{"bob@fabrikam.com"}}),
		block(t, "send_connector.internet", attrs{"address_spaces": []string{"*"}}),
	}
	seen := map[int]int{}
	for _, group := range []string{"", "anonymous_users", "exchange_users", "exchange_servers", "exchange_legacy_servers", "partners"} {
		for _, is := range principals {
			for _, of := range principals {
				for _, right := range names {
					if of != is && (is != "partner" || of != "anonymous") && right[0] != "S" && right[0] != "AR" {
						continue // what another has says the same for each right
					}
					for _, permission := range []string{"allow", "deny", "allow deny"} {
						a := attrs{"relay": "relay.edge", "remote_ip_ranges": []string{"10.0.0.0/8"}, "tls_client_names": []string{"mail.partner.example"}}
						if group != "" {
							a["permission_groups"] = []string{group}
						}
						if is == "externally_secured" {
							a["auth_mechanisms"] = []string{"tls", "external_authoritative"}
						}
						p := attrs{}
						for word := range strings.FieldsSeq(permission) {
							p[word] = []string{right[1]}
						}
						a["permission"] = attrs{of: p}
						policy := compile(t, append(slices.Clone(fixed), block(t, "receive_connector.x", a))...)
						c := Client{Local: local, Remote: netip.MustParseAddr("10.1.1.1"), TLS: true}
						switch is {
						case "authenticated":
							c.User = "scanner"
						case "partner":
							c.Partner, c.Names = true, []string{"mail.partner.example"}
						}
						has := rightsBy(group, is, of, right[0], permission)
						got := policy.Receive(c).Rights(c)
						for _, n := range names {
							if has[n[0]] != (got&rightNamed(n[1]) != 0) {
								t.Fatalf("%s, %s, %s of %s for %s: right %s is %v", group, is, permission, right[1], of, n[1], !has[n[0]])
							}
						}
						for sender, from := range senders {
							for kind, to := range recipients {
								want, status := answerBy(has, sender, kind)
								v := policy.Recipient(c, mailbox(t, from), mailbox(t, to))
								if v.Code != want || v.Enhanced != status {
									t.Fatalf("%s, %s, %s of %s for %s, from %s to %s: %v, want %d %v", group, is, permission, right[1], of, sender, kind, v.Reply, want, status)
								}
								seen[v.Code]++
							}
						}
					}
				}
			}
		}
	}
	for _, code := range []int{250, 530, 550} {
		if seen[code] < 1000 {
			t.Errorf("%d was answered %d times only, so the test shows little", code, seen[code])
		}
	}
}

// rightsBy reads the table: deny, then allow, then the group. A client with a
// certificate that is a partner is anonymous too.
func rightsBy(group, is, of, right, permission string) map[string]bool {
	is2 := is
	if is == "partner" {
		is2 = "anonymous"
	}
	has := map[string]bool{}
	for _, row := range rows(documented) {
		if row[0] == group && (row[1] == is || row[1] == is2) {
			for _, r := range row[2:] {
				has[r] = true
			}
		}
	}
	if of == is || of == is2 {
		has[right] = (has[right] || strings.Contains(permission, "allow")) && !strings.Contains(permission, "deny")
	}
	return has
}

// answerBy is what the missing of a right does.
func answerBy(has map[string]bool, sender, recipient string) (int, [3]int) {
	switch {
	case !has["S"]:
		return 530, [3]int{5, 7, 57}
	case sender == "foreign" && !has["AS"], sender == "authoritative" && !has["AD"]:
		return 550, [3]int{5, 7, 60}
	case (recipient == "foreign" || recipient == "literal") && !has["AR"]:
		return 550, [3]int{5, 7, 54}
	case recipient == "unknown":
		return 550, [3]int{5, 1, 1}
	}
	return 250, [3]int{2, 1, 5}
}

// TestAddressesThatHideAnother gives nobody without the right to relay a way through
// an accepted domain.
func TestAddressesThatHideAnother(t *testing.T) {
	p := contoso(t)
	for local, hides := range map[string]bool{"x%elsewhere.example": true, "elsewhere.example!x": true, "x@elsewhere.example": true, "x+tag": false, "x=elsewhere.example": false, "ann+100%": false} {
		for client, right := range map[string]bool{"198.51.100.7": false, "10.20.0.9": true} {
			for _, domain := range []string{"contoso.com", "wild.example"} {
				to := schema.Mailbox{Local: local, Domain: domain}
				if domain == "wild.example" {
					to.Domain = "a.wild.example"
				}
				v := p.Recipient(Client{Local: netip.MustParseAddrPort("192.0.2.1:25"), Remote: netip.MustParseAddr(client)}, mailbox(t, "a@contoso.com"), to)
				want := [3]int{2, 1, 5}
				if hides && !right || domain == "wild.example" && strings.Contains(local, "%") && !right {
					want = [3]int{5, 7, 54}
				}
				if v.Enhanced != want {
					t.Errorf("%s from %s: %v", to, client, v.Reply)
				}
			}
		}
	}
}
