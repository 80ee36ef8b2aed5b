package plan

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/zclconf/go-cty/cty"

	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/revision"
	"github.com/mailrelay/mailrelay/schema/rr"
)

// at is a world in which time passes.
type at struct {
	*world
	now time.Time
}

func (w *at) plan(c *schema.Config) *Plan {
	w.t.Helper()
	p, err := Make(c, w.base, w.seen(c), w.now)
	if err != nil {
		w.t.Fatal(err)
	}
	w.remake(p)
	return p
}

// held shows the changes of a plan: with the sign of what happens, h if it is held,
// p if it is pending.
func held(p *Plan) []string {
	var out []string
	for _, c := range p.Changes {
		s := string(c.Action) + " " + c.Addr.String()
		if c.Held {
			s += " h"
		}
		if c.Pending {
			s += "p"
		}
		out = append(out, s)
	}
	return out
}

func retained(p *Plan) []string {
	var out []string
	for _, k := range p.Retained {
		out = append(out, k.Object.Addr.String())
	}
	return out
}

// blocksOf adds blocks to a configuration.
func (w *world) with(c *schema.Config, more ...schema.Block) *schema.Config {
	return schema.NewConfig(append(slices.Clone(c.Blocks), more...), nil)
}

func (w *world) domain(name, domain, kind string) schema.Block {
	return w.block(schema.Addr{Type: "domain", Name: name}, map[string]cty.Value{"name": cty.StringVal(domain), "type": cty.StringVal(kind)})
}

func mxTo(ttl int, values ...string) rec {
	return rec{addr: "record.mx", typ: "MX", name: "@", ttl: ttl, values: values}
}

// TestSwitch follows a domain that leaves together with its MX, step by step.
func TestSwitch(t *testing.T) {
	w := &at{newWorld(t), now}
	w.put("@", "MX", 3600, "10 relay")
	before := w.with(w.config(mxTo(3600, "10 relay")), w.domain("contoso", "contoso.com", "internal_relay"), w.domain("other", "fabrikam.com", "internal_relay"))
	w.apply(w.plan(before))
	after := w.config(mxTo(300, "10 elsewhere"))

	step := func(name string, c *schema.Config, changes, stay []string, open int) *Plan {
		t.Helper()
		p := w.plan(c)
		if diff := cmp.Diff(changes, held(p)); diff != "" {
			t.Errorf("%s: changes %s", name, diff)
		}
		if diff := cmp.Diff(stay, retained(p)); diff != "" {
			t.Errorf("%s: retained %s", name, diff)
		}
		if len(p.Switched) != open {
			t.Errorf("%s: switched %+v", name, p.Switched)
		}
		return p
	}
	p := step("it begins", after, []string{"- domain.contoso h", "- domain.other", "~ record.mx"}, []string{"domain.contoso"}, 1)
	if c := p.Changes[0]; !c.NotBefore.Equal(now.Add(time.Hour)) || len(c.Needs) != 1 || c.Needs[0].String() != "record.mx" {
		t.Errorf("it waits until %s for %v", c.NotBefore, c.Needs)
	}
	if n := p.Counts(); n != (Counts{Change: 1, Destroy: 2}) {
		t.Errorf("counted %+v", n)
	}
	w.apply(p)
	w.now = w.now.Add(time.Minute)
	p = step("it is seen", after, []string{"- domain.contoso hp"}, []string{"domain.contoso"}, 1)
	if c := p.Changes[0]; !c.NotBefore.Equal(w.now.Add(time.Hour)) || c.Needs != nil || !p.Retained[0].Until.Equal(c.NotBefore) {
		t.Errorf("it waits until %s for %v, retained until %s", c.NotBefore, c.Needs, p.Retained[0].Until)
	}
	if !p.Converged() || !p.Empty() {
		t.Error("what is pending counts")
	}
	w.apply(p)
	w.now = w.now.Add(time.Hour - time.Second)
	w.apply(step("a second too early", after, []string{"- domain.contoso hp"}, []string{"domain.contoso"}, 1))
	turned := w.with(w.config(mxTo(300, "10 elsewhere")), w.domain("contoso", "contoso.com", "internal_relay"))
	step("the domain comes back", turned, nil, nil, 1)
	w.now = w.now.Add(time.Second)
	p = step("it is due", after, []string{"- domain.contoso"}, nil, 0)
	if p.Converged() {
		t.Error("what is due does not count")
	}
	w.apply(p)
	step("it is over", after, nil, nil, 0)
}

// TestSwitchNeverHappened has a write that failed and a configuration that was
// turned back: nothing waits for it.
func TestSwitchNeverHappened(t *testing.T) {
	w := &at{newWorld(t), now}
	w.put("@", "MX", 3600, "10 relay")
	w.apply(w.plan(w.config(mxTo(3600, "10 relay"))))
	w.base.Switched = []revision.Switched{{Zone: zoneAddr, Name: "contoso.com.", Type: "MX", Was: []rr.Data{"10 relay.contoso.com."}, TTL: 3600}}
	if p := w.plan(w.config(mxTo(3600, "10 relay"))); len(p.Switched) != 0 {
		t.Errorf("switched %+v", p.Switched)
	}
	p := w.plan(w.config(mxTo(3600, "10 elsewhere")))
	if len(p.Switched) != 1 || !p.Switched[0].Since.IsZero() {
		t.Errorf("planned again: %+v", p.Switched)
	}
	w.fail[rr.Key{Name: "contoso.com.", Type: "MX"}] = "no answer"
	if p := w.plan(w.config(mxTo(3600, "10 relay"))); len(p.Switched) != 1 || !p.Switched[0].Since.IsZero() {
		t.Errorf("not known: %+v", p.Switched)
	}
}

// TestSwitched lists what is a switch, and for how long it is open.
func TestSwitched(t *testing.T) {
	a := func(name, typ string, values ...string) rec {
		return rec{addr: "record.a", typ: typ, name: name, ttl: 600, values: values}
	}
	for _, tt := range []struct {
		name string
		sets [][]string // name, type, values
		recs []rec
		want []string // name, type, TTL
	}{
		{"a first MX", nil, []rec{mxTo(60, "10 relay")}, nil},
		{"another MX", [][]string{{"@", "MX", "10 old"}}, []rec{mxTo(60, "10 relay")}, []string{"contoso.com. MX 3600"}},
		{"an address before", [][]string{{"@", "A", "192.0.2.1"}}, []rec{mxTo(60, "10 relay")}, []string{"contoso.com. MX 3600"}},
		{"an address before, at another name", [][]string{{"www", "AAAA", "2001:db8::1"}}, []rec{mxTo(60, "10 relay")}, nil},
		{"an address and a null MX before", [][]string{{"@", "A", "192.0.2.1"}, {"@", "MX", "0 ."}}, []rec{mxTo(60, "10 relay")}, nil},
		{"the same", [][]string{{"@", "MX", "10 relay"}}, []rec{mxTo(3600, "10 relay")}, nil},
		{"a null MX before", [][]string{{"@", "MX", "0 ."}}, []rec{mxTo(60, "10 relay")}, nil},
		{"only a proof before", [][]string{{"@", "MX", "32767 ms1.msv1.invalid."}}, []rec{mxTo(60, "10 relay")}, nil},
		{"a lower TTL", [][]string{{"@", "MX", "10 relay"}}, []rec{mxTo(60, "10 relay")}, []string{"contoso.com. MX 3600 lowered"}},
		{"a higher TTL", [][]string{{"@", "MX", "10 relay"}}, []rec{mxTo(7200, "10 relay")}, nil},
		{"the address of an MX", [][]string{{"@", "MX", "10 relay"}, {"relay", "A", "192.0.2.1"}}, []rec{mxTo(3600, "10 relay"), a("relay", "A", "192.0.2.2")}, []string{"relay.contoso.com. A 3600"}},
		{"an alias of an MX", [][]string{{"@", "MX", "10 relay"}, {"relay", "CNAME", "a"}}, []rec{mxTo(3600, "10 relay"), a("relay", "CNAME", "b")}, []string{"relay.contoso.com. CNAME 3600"}},
		{"another address", [][]string{{"@", "MX", "10 relay"}, {"www", "A", "192.0.2.1"}}, []rec{mxTo(3600, "10 relay"), a("www", "A", "192.0.2.2")}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			for _, s := range tt.sets {
				w.put(s[0], s[1], 3600, s[2:]...)
			}
			var got []string
			for _, s := range w.plan(w.config(tt.recs...)).Switched {
				text := s.Name + " " + s.Type + " " + cty.NumberUIntVal(uint64(s.TTL)).AsBigFloat().String()
				if s.Lowered {
					text += " lowered"
				}
				got = append(got, text)
				if !slices.Contains(s.Leads, "contoso.com.") {
					t.Errorf("it leads %v", s.Leads)
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestLowered changes the data of an MX while caches still hold its TTL of before
// the last change: it is that TTL that counts.
func TestLowered(t *testing.T) {
	w := &at{newWorld(t), now}
	w.put("@", "MX", 86400, "10 relay")
	domain := w.domain("contoso", "contoso.com", "internal_relay")
	w.apply(w.plan(w.with(w.config(mxTo(86400, "10 relay")), domain)))
	low := w.with(w.config(mxTo(300, "10 relay")), domain)
	w.apply(w.plan(low))
	w.now = w.now.Add(time.Hour)
	seen := w.now
	p := w.plan(low)
	w.apply(p)
	if gone := w.plan(w.config(mxTo(300, "10 relay"))); len(gone.Retained) != 0 {
		t.Error("a lower TTL holds something")
	}
	w.now = w.now.Add(time.Hour)
	w.apply(w.plan(w.config(mxTo(300, "10 elsewhere"))))
	w.now = w.now.Add(time.Hour)
	p = w.plan(w.config(mxTo(300, "10 elsewhere")))
	if len(p.Retained) != 1 || !p.Retained[0].Until.Equal(seen.Add(24*time.Hour)) {
		t.Errorf("retained %+v", p.Retained)
	}
}

// TestHeldWhileUnsure holds a domain whose MX cannot be looked at, and lets others go.
func TestHeldWhileUnsure(t *testing.T) {
	w := &at{newWorld(t), now}
	w.put("@", "MX", 3600, "10 relay")
	mx := mxTo(3600, "10 relay")
	w.apply(w.plan(w.with(w.config(mx), w.domain("contoso", "contoso.com", "internal_relay"), w.domain("other", "fabrikam.com", "internal_relay"))))
	w.fail[rr.Key{Name: "contoso.com.", Type: "MX"}] = "no answer"
	p := w.plan(w.config())
	if diff := cmp.Diff([]string{"- domain.contoso h", "- domain.other", "? record.mx"}, held(p)); diff != "" {
		t.Error(diff)
	}
	if c := p.Changes[0]; !c.NotBefore.IsZero() || !strings.Contains(c.Why, "not known where contoso.com MX leads") {
		t.Errorf("until %s: %s", c.NotBefore, c.Why)
	}
}

// TestHeldClash gives up what does not go with the configuration, and says so.
func TestHeldClash(t *testing.T) {
	w := &at{newWorld(t), now}
	w.put("@", "MX", 3600, "10 relay")
	relay := w.block(schema.Addr{Type: "relay", Name: "edge"}, map[string]cty.Value{"hostname": cty.StringVal("relay.contoso.com")})
	connector := func(name, ranges string) schema.Block {
		return w.block(schema.Addr{Type: "receive_connector", Name: name}, map[string]cty.Value{
			"relay": cty.StringVal("relay.edge"), "remote_ip_ranges": cty.SetVal([]cty.Value{cty.StringVal(ranges)}), "permission_groups": cty.SetVal([]cty.Value{cty.StringVal("anonymous_users")})})
	}
	domain := w.domain("contoso", "contoso.com", "internal_relay")
	w.apply(w.plan(w.with(w.config(mxTo(3600, "10 relay")), relay, domain, connector("a", "10.0.0.0-10.0.0.20"), connector("b", "10.1.0.0/16"))))
	p := w.plan(w.with(w.config(mxTo(3600, "10 elsewhere")), relay, domain, connector("c", "10.0.0.10-10.0.0.30")))
	want := []string{"- receive_connector.a", "- receive_connector.b h", "+ receive_connector.c", "~ record.mx"}
	if diff := cmp.Diff(want, held(p)); diff != "" {
		t.Error(diff)
	}
	p.Findings = slices.DeleteFunc(p.Findings, func(f Finding) bool { return f.Code != "MR402" })
	if len(p.Findings) != 1 || p.Findings[0].Code != "MR402" || p.Findings[0].Severity != "warning" || !strings.Contains(p.Findings[0].Detail, "overlap") {
		t.Errorf("findings %+v", p.Findings)
	}
}

// TestOpenRelayIsNotHeld closes what opens the relay for strangers in the plan that
// moves the MX: that is not put off, and the rest is.
func TestOpenRelayIsNotHeld(t *testing.T) {
	words := func(ss ...string) cty.Value { return set(ss) }
	w := &at{newWorld(t), now}
	w.put("@", "MX", 3600, "10 relay")
	relay := w.block(schema.Addr{Type: "relay", Name: "edge"}, map[string]cty.Value{"hostname": cty.StringVal("relay.contoso.com")})
	connector := func(name, ranges, list string, more ...string) schema.Block {
		a := map[string]cty.Value{"relay": cty.StringVal("relay.edge"), "remote_ip_ranges": words(ranges), "permission_groups": words("anonymous_users")}
		if len(more) > 0 {
			a["permission"] = cty.ObjectVal(map[string]cty.Value{"anonymous": cty.ObjectVal(map[string]cty.Value{"allow": words(more...), "deny": cty.SetValEmpty(cty.String)})})
		}
		if list != "" {
			a["allowlists"] = words(list)
		}
		return w.block(schema.Addr{Type: "receive_connector", Name: name}, a)
	}
	list := func(ranges ...string) schema.Block {
		return w.block(schema.Addr{Type: "allowlist", Name: "x"}, map[string]cty.Value{"addresses": words(ranges...)})
	}
	const right = "accept_any_recipient"
	w.apply(w.plan(w.with(w.config(mxTo(3600, "10 relay")), relay, w.domain("all", "*", "internal_relay"),
		connector("closed", "fd00::/8", ""), connector("listed", "172.16.0.1", "allowlist.x", right), connector("open", "0.0.0.0/0", "", right), list("198.51.100.0/24"))))
	p := w.plan(w.with(w.config(mxTo(3600, "10 elsewhere")), relay,
		connector("listed", "172.16.0.1", "allowlist.x", right), connector("open", "0.0.0.0/0", ""), list("172.16.0.2")))
	want := []string{"~ allowlist.x", "- domain.all", "- receive_connector.closed h", "~ receive_connector.open", "~ record.mx"}
	if diff := cmp.Diff(want, held(p)); diff != "" {
		t.Error(diff)
	}
	if c := p.Changes[1]; !strings.HasPrefix(c.Why, "at once, though ") {
		t.Errorf("%s: %s", c.Addr, c.Why)
	}
	if slices.ContainsFunc(p.Findings, func(f Finding) bool { return f.Code == "MR402" }) {
		t.Error("what opens the relay is said to be kept")
	}
}
