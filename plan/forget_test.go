package plan

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/revision"
)

func parse(t *testing.T, addrs ...string) []schema.Addr {
	t.Helper()
	var out []schema.Addr
	for _, text := range addrs {
		a, err := schema.ParseAddr(text)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, a)
	}
	return out
}

func TestForget(t *testing.T) {
	two := []rec{mx.at(`record.two["a"]`), spf.at(`record.two["b"]`)}
	for _, tt := range []struct {
		name, rm string
		gone     []string
		left     []string // the plan of the same configuration afterwards
		err      string
	}{
		{name: "one instance", rm: `record.two["a"]`, gone: []string{`record.two["a"]`}, left: []string{`< record.two["a"]`}},
		{name: "all instances", rm: "record.two", gone: []string{`record.two["a"]`, `record.two["b"]`}, left: []string{`< record.two["a"]`, `< record.two["b"]`}},
		{name: "a zone, with what is in it", rm: "zone.contoso", gone: []string{`record.two["a"]`, `record.two["b"]`, "zone.contoso"}, left: []string{`< record.two["a"]`, `< record.two["b"]`}},
		{name: "nothing", rm: "record.three", err: "is not in the state"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			w.apply(w.plan(w.config(two...)))
			w.base.Awaited = []revision.Awaited{{Addr: parse(t, `record.two["a"]`)[0]}}
			w.base.Pending = []revision.Step{{Addrs: parse(t, `record.two["a"]`), Zone: zoneAddr, After: &w.base.Owned[0].Set}}
			next, gone, err := Forget(w.base, parse(t, tt.rm))
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Errorf("got %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(parse(t, tt.gone...), gone); diff != "" {
				t.Error(diff)
			}
			for _, a := range gone {
				for _, known := range Addresses(next) {
					if known == a {
						t.Errorf("%s is still there", a)
					}
				}
			}
			if len(next.Pending) > 0 || len(next.Awaited) > 0 {
				t.Errorf("what waited is left: %v, %v", next.Pending, next.Awaited)
			}
			w.base = next
			var left []string
			for _, ch := range w.plan(w.config(two...)).Changes {
				left = append(left, string(ch.Action)+" "+ch.Addr.String())
			}
			if diff := cmp.Diff(tt.left, left); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestMove(t *testing.T) {
	for _, tt := range []struct{ from, to, err string }{
		{"record.mx", "record.post", ""},
		{"zone.contoso", "zone.other", ""},
		{"record.mx", `record.mx["a"]`, ""},
		{"record.none", "record.post", "is not in the state"},
		{"record.mx", "record.spf", "is in the state already"},
		{"record.mx", "zone.mx", "keeps its type"},
		{"record.mx", "zone.contoso", "keeps its type"},
	} {
		w := newWorld(t)
		w.apply(w.plan(w.config(mx, spf)))
		addrs := parse(t, tt.from, tt.to)
		next, err := Move(w.base, addrs[0], addrs[1])
		if tt.err != "" {
			if err == nil || !strings.Contains(err.Error(), tt.err) {
				t.Errorf("%s to %s: %v", tt.from, tt.to, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s to %s: %v", tt.from, tt.to, err)
			continue
		}
		for _, a := range Addresses(next) {
			if a == addrs[0] {
				t.Errorf("%s is still there", a)
			}
		}
		for _, o := range next.Owned {
			if o.Addr == addrs[0] || o.Zone == addrs[0] {
				t.Errorf("%s still owns %v", addrs[0], o)
			}
		}
	}
}
