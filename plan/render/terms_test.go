package render

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mailrelay/mailrelay/schema/rr/policy"
)

func TestMeaning(t *testing.T) {
	const key = "_dmarc.contoso.com."
	spf := policy.Compare(policy.SPF, "contoso.com.", "v=spf1 include:spf.old.example ?a ~all", "v=spf1 ip4:203.0.113.25 a -all")
	spf = append(spf, policy.Difference{Kind: policy.SPF, Term: "look-ups", Before: "9", After: "11", Limit: 10}, policy.Difference{Kind: policy.SPF, Term: "void look-ups", After: "3", Limit: 2, AtLeast: []string{"a.example", "b.example"}})
	for _, c := range []struct {
		name, action string
		meaning      []policy.Difference
		want         string
	}{
		{"nothing", "update", nil, ""},
		{"SPF", "update", spf, "  # SPF: + ip4:203.0.113.25, ?a:contoso.com -> a:contoso.com, - include:spf.old.example, ~all -> -all, look-ups 9 -> 11 of 10, void look-ups at least 3 of 2 without what a.example and b.example need\n"},
		{"DMARC", "update", policy.Compare(policy.DMARC, key, "v=DMARC1; p=none; rua=mailto:a@b.example", "v=DMARC1; p=quarantine; sp=none; rua=mailto:a@b.example,mailto:c@b.example"), "  # DMARC: p=none -> quarantine, + rua=mailto:c@b.example\n"},
		{"the same", "update", policy.Compare(policy.DMARC, key, "v=DMARC1; p=none", "v=DMARC1;p=none"), "  # DMARC: same meaning: the text differs, and nothing changes for receivers\n"},
		{"broken", "create", policy.New(policy.DMARC, "v=DMARC1"), "  # DMARC: cannot be used: it has no p, and receivers do nothing with such a record, or take it as p=none\n"},
		{"mended", "update", policy.Compare(policy.MTASTS, "_mta-sts.contoso.com.", "v=STSv1", "v=STSv1; id=1"), "  # MTA-STS: + id=1, could not be used before: it has no id of 1 to 32 letters and digits, and senders take the domain as one without MTA-STS\n"},
		{"a new key", "create", policy.New(policy.DKIM, "p="), "  # DKIM: key revoked\n"},
		{"order", "update", policy.Compare(policy.SPF, "contoso.com.", "v=spf1 -mx a -all", "v=spf1 a -mx -all"), "  # SPF: the same terms in an order that matters: -mx:contoso.com a:contoso.com -all -> a:contoso.com -mx:contoso.com -all\n"},
		{"two records", "create", []policy.Difference{{Kind: policy.SPF, Term: "records", Before: "1", After: "2", Limit: 1}}, "  # SPF: 2 records at the name, and receivers use none where there are more than 1\n"},
		{"one of two goes", "delete", []policy.Difference{{Kind: policy.SPF, Term: "records", Before: "2", After: "1", Limit: 1}, {Kind: policy.DKIM, Term: "t", After: "y"}}, "  # SPF: records 2 -> 1 of 1\n  # DKIM: t=y\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var b bytes.Buffer
			ResourceChange{Change: Change{Actions: []string{c.action}}, Meaning: c.meaning}.meaning(&b, Style{})
			if diff := cmp.Diff(c.want, b.String()); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
			var dressed bytes.Buffer
			ResourceChange{Change: Change{Actions: []string{c.action}}, Meaning: c.meaning}.meaning(&dressed, Style{Color: true})
			if c.name == "SPF" && !strings.Contains(dressed.String(), "\x1b[31m11\x1b[0m of 10") {
				t.Errorf("what is too much is not red: %q", dressed.String())
			}
		})
	}
}
