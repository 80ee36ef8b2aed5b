package decide

import (
	"net/netip"
	"testing"
	"time"

	"github.com/mailrelay/mailrelay/schema"
)

// TestAllocations holds that a decision leaves nothing to the garbage collector,
// whichever way it goes.
func TestAllocations(t *testing.T) {
	p := contoso(t)
	for _, tt := range []struct {
		name, client, from, to string
		code                   int
	}{
		{"known recipient is rewritten", "198.51.100.7", "a@example.org", "ann@contoso.com", 250},
		{"known recipient with a tag", "198.51.100.7", "a@example.org", "ann+news@contoso.com", 250},
		{"recipient with a target", "198.51.100.7", "a@example.org", "bob@fabrikam.com", 250},
		{"accepted domain below a wildcard", "198.51.100.7", "a@example.org", "x@a.b.wild.example", 250},
		{"relayed to the world", "10.20.0.9", "mfp3@contoso.com", "x@elsewhere.example", 250},
		{"null sender", "198.51.100.7", "", "ann@contoso.com", 250},
		{"postmaster", "198.51.100.7", "a@example.org", "postmaster", 250},
		{"IPv6", "2001:db8::7", "a@example.org", "ann@contoso.com", 250},
		{"no right to relay", "198.51.100.7", "a@example.org", "x@elsewhere.example", 550},
		{"unknown recipient", "198.51.100.7", "a@example.org", "bobo@fabrikam.com", 550},
		{"sender outside the limit", "10.20.0.9", "a@other.example", "x@elsewhere.example", 550},
		{"TLS is missing", "10.1.2.3", "a@x.example", "b@elsewhere.example", 530},
		{"entry that expired", "10.20.0.77", "mfp3@contoso.com", "x@elsewhere.example", 250},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := Client{Local: local, Remote: netip.MustParseAddr(tt.client), At: time.Date(2028, 1, 1, 0, 0, 0, 0, time.UTC)}
			if c.Remote.Is6() {
				c.Local = netip.MustParseAddrPort("[2001:db8::1]:25")
			}
			from, to := mailbox(t, tt.from), mailbox(t, tt.to)
			if v := p.Recipient(c, from, to); v.Code != tt.code {
				t.Fatalf("got %d %s, want %d", v.Code, v.Text, tt.code)
			}
			for what, decide := range map[string]func(){
				"Receive":   func() { p.Receive(c) },
				"Sender":    func() { p.Sender(c, from) },
				"Recipient": func() { p.Recipient(c, from, to) },
			} {
				if n := testing.AllocsPerRun(100, decide); n != 0 {
					t.Errorf("%s allocates %v times", what, n)
				}
			}
		})
	}
}

// TestNobodyIsMeant holds the same where the connection itself is refused.
func TestNobodyIsMeant(t *testing.T) {
	p := compile(t, block(t, "relay.edge", attrs{"hostname": "relay.contoso.com"}))
	c := Client{Local: local, Remote: netip.MustParseAddr("198.51.100.7")}
	if v := p.Sender(c, schema.Mailbox{}); v.Code != 554 || v.Connector != nil {
		t.Fatalf("got %d at %v", v.Code, v.Connector)
	}
	if n := testing.AllocsPerRun(100, func() { p.Sender(c, schema.Mailbox{}) }); n != 0 {
		t.Errorf("Sender allocates %v times", n)
	}
}
