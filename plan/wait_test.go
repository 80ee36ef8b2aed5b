package plan

import (
	"testing"

	"github.com/mailrelay/mailrelay/schema/revision"
)

func TestLeadsTo(t *testing.T) {
	for _, tt := range []struct {
		domain, name string
		leads        []string
		want         bool
	}{
		{"contoso.com", "contoso.com.", nil, true},
		{"contoso.com", "sub.contoso.com.", nil, true},
		{"contoso.com", "xcontoso.com.", nil, false},
		{"sub.contoso.com", "*.contoso.com.", nil, true},
		{"a.sub.contoso.com", "*.contoso.com.", nil, true},
		{"*.sub.contoso.com", "*.contoso.com.", nil, true},
		{"contoso.com", "*.contoso.com.", nil, true},
		{"sub.contoso.com", "contoso.com.", nil, false},
		{"xcontoso.com", "*.contoso.com.", nil, false},
		{"sub.contoso.com", "relay.fabrikam.com.", []string{"*.contoso.com."}, true},
		{"fabrikam.com", "relay.fabrikam.com.", []string{"*.contoso.com."}, true},
		{"*", "contoso.com.", nil, true},
	} {
		if got := leadsTo(tt.domain)(revision.Switched{Name: tt.name, Leads: tt.leads}); got != tt.want {
			t.Errorf("%s by %s %v: %t", tt.domain, tt.name, tt.leads, got)
		}
	}
}
