package plan

import (
	"strings"
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

// TestWaitNamesTheLongest: of several switches, the one that caches hold longest is
// named, in whatever order they come.
func TestWaitNamesTheLongest(t *testing.T) {
	short, long := revision.Switched{Name: "a.", Type: "MX", TTL: 60}, revision.Switched{Name: "b.", Type: "MX", TTL: 3600}
	for _, list := range [][]revision.Switched{{short, long}, {long, short}} {
		p := &Plan{Made: now, Switched: list}
		if w, ok := p.waitFor(func(revision.Switched) bool { return true }); !ok || !strings.Contains(w.why, "for b MX for 1h ") {
			t.Errorf("%t: %s", ok, w.why)
		}
		for i := range p.Switched {
			p.Switched[i].Since = now
		}
		if w, ok := p.waitFor(func(revision.Switched) bool { return true }); !ok || !strings.Contains(w.why, "for b MX") {
			t.Errorf("%t: %s", ok, w.why)
		}
	}
}
