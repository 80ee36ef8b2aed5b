package plan

import (
	"maps"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/zclconf/go-cty/cty"

	"github.com/mailrelay/mailrelay/schema"
)

// TestNarrowing lists for each type of block what takes something away, and what
// has to stay for it: an address alone is the block as it was, and one with
// attributes says what they must be.
func TestNarrowing(t *testing.T) {
	w := newWorld(t)
	str, num := cty.StringVal, cty.NumberIntVal
	words := func(ss ...string) cty.Value { return set(ss) }
	type attrs = map[string]cty.Value
	receive := func(over attrs) schema.Block {
		a := attrs{"relay": str("relay.edge"), "remote_ip_ranges": words("10.0.0.0/8"), "permission_groups": words("anonymous_users")}
		maps.Copy(a, over)
		return w.block(schema.Addr{Type: "receive_connector", Name: "x"}, a)
	}
	rights := func(principal, allow string, deny ...string) attrs {
		p := attrs{"allow": words(allow), "deny": cty.SetValEmpty(cty.String)}
		if deny != nil {
			p["deny"] = words(deny...)
		}
		return attrs{"permission": cty.ObjectVal(attrs{principal: cty.ObjectVal(p)})}
	}
	relays := func(over attrs) schema.Block {
		a := rights("anonymous", "accept_any_recipient")
		maps.Copy(a, over)
		return receive(a)
	}
	logOn := func(over attrs) schema.Block {
		a := attrs{"permission_groups": words("anonymous_users", "exchange_users"), "auth_mechanisms": words("tls", "basic_auth"), "users": cty.ObjectVal(attrs{"file": str("/users")})}
		maps.Copy(a, over)
		return receive(a)
	}
	block := func(typ, name string, a attrs) schema.Block { return w.block(schema.Addr{Type: typ, Name: name}, a) }
	domain := func(a attrs) schema.Block { return block("domain", "x", a) }
	recipients := func(name string, list ...string) schema.Block {
		return block("recipients", name, attrs{"domain": str("domain.x"), "addresses": words(list...)})
	}
	send := func(name string, a attrs) schema.Block { return block("send_connector", name, a) }
	list := func(ranges ...string) schema.Block {
		return block("allowlist", "x", attrs{"addresses": words(ranges...)})
	}
	denies := func(principal string) cty.Value {
		return cty.MapVal(attrs{principal: cty.ObjectVal(attrs{"allow": cty.SetValEmpty(cty.String), "deny": words("accept_any_recipient")})})
	}
	for _, tt := range []struct {
		name string
		old  schema.Block
		next []schema.Block
		want map[string]attrs
	}{
		{"domain: gone", domain(attrs{"name": str("a.example")}), nil, map[string]attrs{"domain.x": {}}},
		{"domain: another name", domain(attrs{"name": str("a.example")}), []schema.Block{domain(attrs{"name": str("b.example")})}, map[string]attrs{"domain.x.retained": {"name": str("a.example")}}},
		{"domain: another address", domain(attrs{"name": str("a.example")}), []schema.Block{block("domain", "y", attrs{"name": str("a.example")})}, nil},
		{"domain: authoritative", domain(attrs{"name": str("a.example"), "type": str("internal_relay")}), []schema.Block{domain(attrs{"name": str("a.example")})}, map[string]attrs{"domain.x": {"type": str("internal_relay")}}},
		{"domain: relayed", domain(attrs{"name": str("a.example")}), []schema.Block{domain(attrs{"name": str("a.example"), "type": str("internal_relay")})}, nil},
		{"domain: no subdomains", domain(attrs{"name": str("a.example"), "match_subdomains": cty.True}), []schema.Block{domain(attrs{"name": str("a.example")})}, map[string]attrs{"domain.x": {"match_subdomains": cty.True}}},
		{"recipients: some gone", recipients("x", "a@a.example", "b@a.example"), []schema.Block{recipients("x", "b@a.example", "c@a.example")}, map[string]attrs{"recipients.x.retained": {"addresses": words("a@a.example")}}},
		{"recipients: in another block", recipients("x", "a@a.example"), []schema.Block{recipients("y", "A@a.example")}, nil},
		{"recipients: gone", recipients("x", "a@a.example"), nil, map[string]attrs{"recipients.x": {}}},
		{"allowlist: gone", list("10.0.0.1"), nil, map[string]attrs{"allowlist.x": {}}},
		{"allowlist: one for another", list("10.0.0.1", "10.0.0.2"), []schema.Block{list("10.0.0.2", "10.0.0.3")}, map[string]attrs{"allowlist.x": {"addresses": words("10.0.0.1", "10.0.0.2", "10.0.0.3")}}},
		{"allowlist: more", list("10.0.0.1"), []schema.Block{list("10.0.0.0/24")}, nil},
		{"send: gone", send("x", attrs{"address_spaces": words("a.example")}), nil, map[string]attrs{"send_connector.x": {}}},
		{"send: another has its spaces", send("x", attrs{"address_spaces": words("a.example")}), []schema.Block{send("y", attrs{"address_spaces": words("a.example")})}, nil},
		{"send: disabled", send("x", attrs{"address_spaces": words("a.example")}), []schema.Block{send("x", attrs{"address_spaces": words("a.example"), "enabled": cty.False})}, map[string]attrs{"send_connector.x.retained": {"enabled": cty.True}}},
		{"send: fewer spaces", send("x", attrs{"address_spaces": words("a.example", "b.example")}), []schema.Block{send("x", attrs{"address_spaces": words("b.example")})}, map[string]attrs{"send_connector.x.retained": {"address_spaces": words("a.example")}}},
		{"send: smaller messages", send("x", attrs{"address_spaces": words("a.example")}), []schema.Block{send("x", attrs{"address_spaces": words("a.example"), "max_message_size": str("1MiB")})}, map[string]attrs{"send_connector.x": {"max_message_size": send("x", attrs{"address_spaces": words("a.example")}).Value().GetAttr("max_message_size")}}},
		{"relay: gone", block("relay", "x", attrs{"hostname": str("x.example")}), nil, map[string]attrs{"relay.x": {}}},
		{"receive: gone", receive(nil), nil, map[string]attrs{"receive_connector.x": {}}},
		{"receive: wider", receive(nil), []schema.Block{receive(attrs{"remote_ip_ranges": words("0.0.0.0/0")})}, nil},
		{"receive: longer timeouts", receive(nil), []schema.Block{receive(attrs{"connection_timeout": str("20m"), "tarpit_interval": str("1s")})}, nil},
		{"receive: fewer addresses", receive(nil), []schema.Block{receive(attrs{"remote_ip_ranges": words("10.0.0.0/9")})}, map[string]attrs{"receive_connector.x": {}}},
		{"receive: no group", receive(nil), []schema.Block{receive(attrs{"permission_groups": cty.SetValEmpty(cty.String)})}, map[string]attrs{"receive_connector.x": {}}},
		{"receive: no right to submit", receive(nil), []schema.Block{receive(rights("anonymous", "accept_any_sender", "smtp_submit"))}, map[string]attrs{"receive_connector.x": {}}},
		{"relay: gone", relays(nil), nil, nil},
		{"relay: no right", relays(nil), []schema.Block{receive(nil)}, nil},
		{"relay: fewer addresses", relays(nil), []schema.Block{relays(attrs{"remote_ip_ranges": words("10.0.0.0/9")})}, nil},
		{"relay: smaller messages", relays(nil), []schema.Block{relays(attrs{"max_message_size": str("1MiB")})}, nil},
		{"relay: other bindings", relays(nil), []schema.Block{relays(attrs{"bindings": words("0.0.0.0:25")})}, map[string]attrs{"receive_connector.x": {}}},
		{"relay: other bindings and fewer addresses", relays(nil), []schema.Block{relays(attrs{"bindings": words("0.0.0.0:25"), "remote_ip_ranges": words("10.0.0.0/9")})}, nil},
		{"users: may not relay", logOn(nil), []schema.Block{logOn(attrs{"permission_groups": words("anonymous_users")})}, nil},
		{"users: none", logOn(nil), []schema.Block{receive(nil)}, nil},
		{"users: may not relay, and TLS", logOn(nil), []schema.Block{logOn(attrs{"permission_groups": words("anonymous_users"), "require_tls": cty.True})},
			map[string]attrs{"receive_connector.x": {"require_tls": cty.False, "permission": denies("authenticated")}}},
		{"users: others, and fewer addresses", logOn(nil), []schema.Block{logOn(attrs{"users": cty.ObjectVal(attrs{"file": str("/others")}), "remote_ip_ranges": words("10.0.0.0/9")})},
			map[string]attrs{"receive_connector.x": {"remote_ip_ranges": words("10.0.0.0/8"), "users": cty.ObjectVal(attrs{"file": str("/others")})}}},
		{"users: gone", logOn(nil), nil, map[string]attrs{"receive_connector.x": {"auth_mechanisms": words("tls"), "permission": denies("authenticated")}}},
		{"receive: other bindings", receive(nil), []schema.Block{receive(attrs{"bindings": words("0.0.0.0:25")})}, map[string]attrs{"receive_connector.x": {}}},
		{"receive: TLS", receive(nil), []schema.Block{receive(attrs{"require_tls": cty.True})}, map[string]attrs{"receive_connector.x": {}}},
		{"receive: limited recipients", receive(nil), []schema.Block{receive(attrs{"allowed_recipient_domains": words("a.example")})}, map[string]attrs{"receive_connector.x": {}}},
		{"receive: smaller messages", receive(nil), []schema.Block{receive(attrs{"max_message_size": str("1MiB")})}, map[string]attrs{"receive_connector.x": {}}},
		{"receive: fewer messages", receive(nil), []schema.Block{receive(attrs{"max_messages_per_connection": num(10)})}, map[string]attrs{"receive_connector.x": {}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var next schema.Block
			for _, b := range tt.next {
				if b.Addr() == tt.old.Addr() {
					next = b
				}
			}
			c, force := schema.NewConfig(tt.next, nil), schema.NewConfig([]schema.Block{tt.old}, nil)
			got := map[string]attrs{}
			for _, k := range newNarrowing(c, force).of(tt.old, next) {
				a := k.addr.String()
				got[a] = attrs{}
				for name, v := range tt.want[a] {
					if !k.value.GetAttr(name).RawEquals(v) {
						got[a][name] = k.value.GetAttr(name)
						continue
					}
					got[a][name] = v
				}
				if len(tt.want[a]) == 0 && !k.value.RawEquals(tt.old.Value()) {
					t.Errorf("%s is not as it was", a)
				}
			}
			show := func(m map[string]attrs) map[string]map[string]string {
				out := map[string]map[string]string{}
				for a, vs := range m {
					out[a] = map[string]string{}
					for name, v := range vs {
						out[a][name] = v.GoString()
					}
				}
				return out
			}
			if diff := cmp.Diff(show(tt.want), show(got)); diff != "" {
				t.Error(diff)
			}
		})
	}
}
