package plan

import (
	"slices"
	"strings"
	"testing"

	"github.com/zclconf/go-cty/cty"

	"github.com/mailrelay/mailrelay/schema"
)

// TestStranded has mail in the queue of a relay, and takes ways out away.
func TestStranded(t *testing.T) {
	w := newWorld(t)
	str := cty.StringVal
	type attrs = map[string]cty.Value
	relay := w.block(schema.Addr{Type: "relay", Name: "edge"}, attrs{"hostname": str("relay.contoso.com")})
	other := w.block(schema.Addr{Type: "relay", Name: "other"}, attrs{"hostname": str("other.contoso.com")})
	domain := w.block(schema.Addr{Type: "domain", Name: "contoso"}, attrs{"name": str("contoso.com")})
	send := func(name string, spaces ...string) schema.Block {
		return w.block(schema.Addr{Type: "send_connector", Name: name}, attrs{"address_spaces": set(spaces)})
	}
	people := w.block(schema.Addr{Type: "recipients", Name: "people"}, attrs{"domain": str("domain.contoso"), "addresses": set([]string{"ann@contoso.com"}), "deliver_to": str("send_connector.exo")})
	queued := func(q ...Queued) []Node { return []Node{{Name: "n", Relay: "relay.edge", Queued: q}} }
	for _, tt := range []struct {
		name  string
		old   []schema.Block
		next  []schema.Block
		nodes []Node
		want  string // in the detail; empty: no finding
	}{
		{"the way stays", []schema.Block{relay, send("a", "*")}, []schema.Block{relay, send("b", "fabrikam.com")}, queued(Queued{"fabrikam.com", 3}), ""},
		{"the way goes", []schema.Block{relay, send("a", "*")}, []schema.Block{relay, send("b", "fabrikam.com")}, queued(Queued{"fabrikam.com", 3}, Queued{"tailspin.com", 12}, Queued{"a.example", 1}), "relay.edge holds messages for tailspin.com (12), a.example (1), and no send connector"},
		{"one message", []schema.Block{relay, send("a", "*")}, []schema.Block{relay}, queued(Queued{"a.example", 1}), "relay.edge holds a message for a.example, and no send connector would carry it"},
		{"there was none before", []schema.Block{relay, send("a", "fabrikam.com")}, []schema.Block{relay, send("a", "fabrikam.com")}, queued(Queued{"tailspin.com", 12}), ""},
		{"an empty queue", []schema.Block{relay, send("a", "*")}, []schema.Block{relay}, []Node{{Name: "n", Relay: "relay.edge"}}, ""},
		{"two nodes", []schema.Block{relay, send("a", "*")}, []schema.Block{relay}, append(queued(Queued{"a.example", 1}), queued(Queued{"a.example", 2})...), "a.example (3)"},
		{"a way for listed recipients", []schema.Block{relay, domain, people, send("exo", "x.example"), send("a", "contoso.com")}, []schema.Block{relay, domain, people, send("exo", "x.example")}, queued(Queued{"contoso.com", 1}), ""},
		{"the relay goes", []schema.Block{relay, other, send("a", "*")}, []schema.Block{other, send("a", "*")}, queued(Queued{"a.example", 7}), "relay.edge would be gone, and it holds messages for a.example (7)"},
		{"many", []schema.Block{relay, send("a", "*")}, []schema.Block{relay}, queued(Queued{"a.example", 7}, Queued{"b.example", 6}, Queued{"c.example", 5}, Queued{"d.example", 4}, Queued{"e.example", 3}, Queued{"f.example", 2}, Queued{"g.example", 1}), "e.example (3), 2 more, and"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			w.apply(w.plan(schema.NewConfig(tt.old, nil)))
			p, err := Make(schema.NewConfig(tt.next, nil), w.base, Seen{Nodes: tt.nodes}, now)
			if err != nil {
				t.Fatal(err)
			}
			i := slices.IndexFunc(p.Findings, func(f Finding) bool { return f.Code == "MR501" })
			switch {
			case i < 0 && tt.want != "":
				t.Errorf("nothing is found: %v", p.Findings)
			case i >= 0 && (tt.want == "" || !strings.Contains(p.Findings[i].Detail, tt.want) || p.Findings[i].Severity != "warning" || p.Findings[i].Addr.String() != "relay.edge"):
				t.Errorf("got %+v", p.Findings[i])
			}
		})
	}
}
