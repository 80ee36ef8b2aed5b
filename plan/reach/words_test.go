package reach

import (
	"testing"

	"github.com/mailrelay/mailrelay/schema"
)

func TestWords(t *testing.T) {
	refused := Outcome{Code: 550, Enhanced: "5.7.54", Reason: "refused"}
	anonymous := []Principal{{Name: "anonymous"}}
	mbx := schema.Addr{Type: "send_connector", Name: "mbx"}
	tests := []struct {
		line Line
		want string
	}{
		{Line{Kind: Widened, Clients: []string{"10.2.0.0/16"}, Principals: anonymous, Senders: Set{Base: Anything}, Recipients: Set{Base: Anything}, Relays: true, Before: refused},
			"+ anonymous from 10.2.0.0/16 may now relay to any domain (was: refused)"},
		{Line{Kind: Narrowed, Clients: []string{"0.0.0.0-10.1.255.255", "10.3.0.0-255.255.255.255", "::/0"}, Principals: anonymous, TLS: "without", Senders: Set{Names: []string{"contoso.com"}},
			Recipients: Set{Base: Accepted, Except: []string{"fabrikam.com"}}, After: refused},
			"- anonymous from any address but 10.2.0.0/16 without TLS with a sender of contoso.com may no longer send to the accepted domains but fabrikam.com (now: refused)"},
		{Line{Kind: Rerouted, Recipients: Set{Names: []string{"contoso.com"}},
			Before: Outcome{Ways: []Way{{Via: mbx, Hosts: []string{"mbx01"}, TLS: "none"}}},
			After:  Outcome{Ways: []Way{{Via: mbx, Hosts: []string{"contoso-com.mail.protection.outlook.com"}, TLS: "verified"}}}},
			"~ mail to contoso.com: mbx01 -> contoso-com.mail.protection.outlook.com, TLS none -> verified"},
		{Line{Kind: Rerouted, Relay: schema.Addr{Type: "relay", Name: "edge"}, Recipients: Set{Names: []string{"a.com", "b.com", "c.com", "d.com", "e.com"}},
			Before: Outcome{Ways: []Way{{Via: mbx}}}, After: Outcome{Ways: []Way{{}}}},
			"~ mail to a.com, b.com, c.com and 2 more through relay.edge: its MX -> nowhere (it waits in the queue)"},
		{Line{Kind: Rerouted, Recipients: Set{Base: Foreign},
			Before: Outcome{Ways: []Way{{Via: mbx, TLS: "none"}}}, After: Outcome{Ways: []Way{{Via: mbx, Hosts: []string{"a", "b"}, TLS: "none", UpTo: 10 << 20}, {Via: mbx, TLS: "none"}}}},
			"~ mail to any domain: its MX (TLS none) -> a and b (TLS none) up to 10MiB, larger its MX (TLS none)"},
		{Line{Kind: Resized, Clients: []string{"0.0.0.0/0", "::/0"}, Principals: []Principal{{Name: "authenticated", Except: []string{"scanner"}}, {Name: "user:copier"}},
			Senders: Set{Base: Anything}, Recipients: Set{Base: Anything}, Before: Outcome{MaxSize: 10 << 20}},
			"~ authenticated (but not scanner) and user:copier from any address may send messages of any size (was: up to 10MiB)"},
		{Line{Kind: Answered, Clients: []string{"this machine"}, Listeners: []string{"unix:/run/relay"}, Principals: anonymous, Senders: Set{Base: Anything, Except: []string{"<>"}},
			Recipients: Set{Names: []string{"new.com"}}, Before: refused, After: Outcome{Code: 451, Reason: "refused for now"}},
			"~ anonymous from this machine at unix:/run/relay with any sender but <>, mail to new.com: refused for now (was: refused)"},
	}
	for _, tt := range tests {
		if got := tt.line.String(); got != tt.want {
			t.Errorf("got  %s\nwant %s", got, tt.want)
		}
	}
}
