package plan

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/mailrelay/mailrelay/schema/rr"
)

func spfIs(text string) rec {
	return rec{addr: "record.spf", typ: "TXT", name: "@", ttl: 3600, values: []string{text}}
}

// TestSendersStay changes an SPF record together with the MX: what it loses stays
// until caches have forgotten the old MX, and what it gains comes at once.
func TestSendersStay(t *testing.T) {
	const old, next = "v=spf1 ip4:192.0.2.1 ip4:192.0.2.2 -all", "v=spf1 ip4:192.0.2.1 ip4:192.0.2.3 -all"
	const both = "v=spf1 ip4:192.0.2.1 ip4:192.0.2.3 ip4:192.0.2.2 -all"
	for _, tt := range []struct {
		name, old, next string
		first           []string // changes
		stands          string   // while it waits
	}{
		{"terms come and go", old, next, []string{"~ record.mx", "~ record.spf h"}, both},
		{"terms go", old, "v=spf1 ip4:192.0.2.1 -all", []string{"~ record.mx", "~ record.spf h"}, old},
		{"terms come", "v=spf1 ip4:192.0.2.1 -all", old, []string{"~ record.mx", "~ record.spf"}, old},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := &at{newWorld(t), now}
			w.put("@", "MX", 3600, "10 relay")
			w.put("@", "TXT", 3600, tt.old, "not-ours")
			w.apply(w.plan(w.config(mxTo(3600, "10 relay"), spfIs(tt.old))))
			after := w.config(mxTo(3600, "10 elsewhere"), spfIs(tt.next))
			stands := func(want string) {
				t.Helper()
				set := w.sets[rr.Key{Name: "contoso.com.", Type: "TXT"}]
				got := slices.DeleteFunc(slices.Clone(set.Data), func(d rr.Data) bool { return d == "not-ours" })
				if len(got) != 1 || len(set.Data) != 2 || !sameTerms(got[0].Text(), want) {
					t.Errorf("there stands %q, and not %q", set.Data, want)
				}
			}
			p := w.plan(after)
			if diff := cmp.Diff(tt.first, held(p)); diff != "" {
				t.Error(diff)
			}
			w.apply(p)
			stands(tt.stands)
			var waits []string
			if tt.stands != tt.next {
				waits = []string{"~ record.spf hp"}
			}
			for range 2 { // seen, and then known
				p = w.plan(after)
				if diff := cmp.Diff(waits, held(p)); diff != "" {
					t.Error(diff)
				}
				if len(p.Sets) != 0 || len(p.Drift) != 0 {
					t.Errorf("sets %+v, drift %+v", p.Sets, p.Drift)
				}
				w.apply(p)
				stands(tt.stands)
				w.now = w.now.Add(time.Minute)
			}
			w.now = w.now.Add(time.Hour)
			p = w.plan(after)
			if due := held(p); (len(due) == 1) != (waits != nil) || len(p.Pending) != 0 {
				t.Errorf("due: %q, pending %+v", due, p.Pending)
			}
			w.apply(p)
			stands(tt.next)
			if p := w.plan(after); !p.Converged() || len(p.Changes) != 0 {
				t.Errorf("it does not end: %q", held(p))
			}
		})
	}
}

// sameTerms compares SPF records without regard to the order of their terms.
func sameTerms(a, b string) bool {
	x, y := strings.Fields(a), strings.Fields(b)
	slices.Sort(x)
	slices.Sort(y)
	return slices.Equal(x, y)
}

// TestSendersCannotStay has records that one record cannot hold together.
func TestSendersCannotStay(t *testing.T) {
	include := func(names string) string {
		var b strings.Builder
		for _, n := range names {
			b.WriteString(" include:" + string(n) + ".example")
		}
		return "v=spf1" + b.String() + " -all"
	}
	w := &at{newWorld(t), now}
	w.put("@", "MX", 3600, "10 relay")
	w.put("@", "TXT", 3600, include("abcdef"))
	w.apply(w.plan(w.config(mxTo(3600, "10 relay"), spfIs(include("abcdef")))))
	p := w.plan(w.config(mxTo(3600, "10 elsewhere"), spfIs(include("ghijkl"))))
	if diff := cmp.Diff([]string{"~ record.mx", "~ record.spf"}, held(p)); diff != "" {
		t.Error(diff)
	}
	i := slices.IndexFunc(p.Findings, func(f Finding) bool { return f.Code == "MR402" })
	if i < 0 || !strings.Contains(p.Findings[i].Detail, "12 look-ups") {
		t.Errorf("findings %+v", p.Findings)
	}
}

// TestPendingStays: what waits waits on if it is out of the scope of a plan, or if
// nobody can be asked.
func TestPendingStays(t *testing.T) {
	w := &at{newWorld(t), now}
	other := func(v string) rec { return rec{addr: "record.other", typ: "A", name: "www", values: []string{v}} }
	w.apply(w.plan(w.config(mxTo(3600, "10 relay"), spfIs("v=spf1 ip4:192.0.2.1 ip4:192.0.2.2 -all"), other("192.0.2.9"))))
	w.apply(w.plan(w.config(mxTo(3600, "10 elsewhere"), spfIs("v=spf1 ip4:192.0.2.2 -all"), other("192.0.2.9"))))
	w.now = w.now.Add(time.Minute)
	full := w.config(mxTo(3600, "10 elsewhere"), spfIs("v=spf1 ip4:192.0.2.2 -all"), other("192.0.2.10"))
	w.apply(w.plan(w.config(mxTo(3600, "10 elsewhere"), spfIs("v=spf1 ip4:192.0.2.2 -all"), other("192.0.2.9"))))
	want := w.base.Pending
	if len(want) != 1 {
		t.Fatal(want)
	}
	p, err := Scope{Targets: addrs(t, "record.other")}.Make(full, w.base, w.seen(full), w.now)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, p.Pending); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(w.base.Switched, p.Switched); diff != "" {
		t.Error(diff)
	}
	w.fail[rr.Key{Name: "contoso.com.", Type: "TXT"}] = "no answer"
	if diff := cmp.Diff(want, w.plan(full).Pending); diff != "" {
		t.Error(diff)
	}
}
