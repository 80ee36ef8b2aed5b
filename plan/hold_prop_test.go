package plan

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/zclconf/go-cty/cty"
	"pgregory.net/rapid"

	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/decide"
	"github.com/mailrelay/mailrelay/schema/rr"
)

// site draws a configuration: one domain or none, its recipients, who may connect,
// and where its MX leads.
func (w *at) site(t *rapid.T) *schema.Config {
	draw := func(name string, of ...string) string { return rapid.SampledFrom(of).Draw(t, name) }
	var recs []rec
	if mx := draw("mx", "10 relay", "10 elsewhere", "10 third", ""); mx != "" {
		recs = append(recs, mxTo(rapid.SampledFrom([]int{60, 600}).Draw(t, "ttl"), mx))
	}
	blocks := []schema.Block{
		w.block(schema.Addr{Type: "relay", Name: "edge"}, map[string]cty.Value{"hostname": cty.StringVal("relay.contoso.com")}),
	}
	connector := map[string]cty.Value{"relay": cty.StringVal("relay.edge"), "permission_groups": set([]string{"anonymous_users"}),
		"remote_ip_ranges": set([]string{draw("range", "10.0.0.0/8", "10.0.0.0/9", "0.0.0.0/0")}), "bindings": set([]string{"127.0.0.1:25"})}
	if rapid.Bool().Draw(t, "tls") {
		connector["require_tls"] = cty.True
	}
	if rapid.Bool().Draw(t, "connector") {
		blocks = append(blocks, w.block(schema.Addr{Type: "receive_connector", Name: "in"}, connector))
	}
	name := draw("domain", "contoso.com", "contoso.com", "mail.contoso.com", "")
	if name == "" {
		return w.with(w.config(recs...), blocks...)
	}
	blocks = append(blocks, w.block(schema.Addr{Type: "domain", Name: "d"}, map[string]cty.Value{"name": cty.StringVal(name),
		"type": cty.StringVal(draw("kind", "authoritative", "internal_relay")), "match_subdomains": cty.BoolVal(rapid.Bool().Draw(t, "match"))}))
	var listed []string
	for _, user := range rapid.SliceOfDistinct(rapid.SampledFrom([]string{"a", "b", "c"}), func(s string) string { return s }).Draw(t, "users") {
		listed = append(listed, user+"@"+name)
	}
	if listed != nil {
		blocks = append(blocks, w.block(schema.Addr{Type: "recipients", Name: draw("block", "r", "s")}, map[string]cty.Value{"domain": cty.StringVal("domain.d"), "addresses": set(listed)}))
	}
	return w.with(w.config(recs...), blocks...)
}

// accepts are the messages that relays take, of those that a test sends.
func (w *at) accepts(t *rapid.T) map[string]bool {
	c, err := w.base.InForce()
	if err != nil {
		t.Fatal(err)
	}
	if problems := schema.Validate(c); len(problems) > 0 {
		t.Fatalf("what is in force is not valid: %v", problems)
	}
	p, err := decide.Compile(c)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]bool{}
	for _, client := range []string{"10.0.0.1", "10.200.0.1", "192.0.2.1"} {
		for _, user := range []string{"a", "b", "c", "nobody"} { // to the domain whose MX changes
			to := schema.Mailbox{Local: user, Domain: "contoso.com"}
			v := p.Recipient(decide.Client{Local: netip.MustParseAddrPort("127.0.0.1:25"), Remote: netip.MustParseAddr(client), At: w.now},
				schema.Mailbox{Local: "s", Domain: "outside.example"}, to)
			out[fmt.Sprintf("%s to %s", client, to)] = v.OK()
		}
	}
	return out
}

// TestNothingIsRefused draws sequences of configurations and of times. Whatever
// they are: as long as a cache may hold an MX of before, every message is taken that
// was taken before the MX changed. What is applied is planned only once, and in the
// end what is in force is what was asked for.
func TestNothingIsRefused(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := &at{newWorld(t), now}
		type version struct {
			set rr.Set
			end time.Time
		}
		type promise struct {
			accepted map[string]bool
			until    time.Time
			was      []rr.Data
		}
		var past []version
		var promises []promise
		key := rr.Key{Name: "contoso.com.", Type: "MX"}
		var c *schema.Config
		for range rapid.IntRange(2, 10).Draw(t, "steps") {
			if c == nil || rapid.Bool().Draw(t, "changes") {
				c = w.site(t)
			}
			old, had := w.sets[key]
			var accepted map[string]bool
			if w.base != nil {
				accepted = w.accepts(t)
			}
			p := w.plan(c)
			w.apply(p)
			if again := w.plan(c); !again.Empty() {
				t.Fatalf("planned again: %q", held(again))
			}
			is, has := w.sets[key]
			if had && accepted != nil && (!has || !rr.Equal(&old, &is)) {
				past = append(past, version{old, w.now})
				if !has || !old.Same(is) {
					var until time.Time
					for _, v := range past {
						end := v.end.Add(time.Duration(v.set.TTL) * time.Second)
						if slices.Equal(v.set.Data, old.Data) && end.After(until) {
							until = end
						}
					}
					promises = append(promises, promise{accepted, until, old.Data})
				}
			}
			now := w.accepts(t)
			for _, p := range promises {
				for message, ok := range p.accepted {
					if ok && w.now.Before(p.until) && !now[message] {
						t.Fatalf("%s is refused at %s, and caches may hold %q until %s", message, w.now, p.was, p.until)
					}
				}
			}
			w.now = w.now.Add(time.Duration(rapid.SampledFrom([]int{0, 1, 30, 59, 60, 61, 300, 599, 600, 601}).Draw(t, "passes")) * time.Second)
		}
		for range 2 {
			w.apply(w.plan(c))
			w.now = w.now.Add(601 * time.Second)
		}
		w.apply(w.plan(c))
		if n := len(w.base.Retained) + len(w.base.Switched) + len(w.base.Pending); n != 0 {
			t.Fatalf("%d things are left: %+v %+v", n, w.base.Retained, w.base.Switched)
		}
		if p := w.plan(c); !p.Converged() || len(p.Changes) != 0 {
			t.Fatalf("it does not end: %q", held(p))
		}
	})
}
