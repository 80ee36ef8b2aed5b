package plan

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestExclusiveOverShared makes a record exclusive that shared its RRset: what others
// wrote there goes, a finding says so, and the way back knows it.
func TestExclusiveOverShared(t *testing.T) {
	yes := true
	const ours = "v=spf1 -all"
	for _, tt := range []struct {
		name   string
		there  []string // before us
		others []string // beside ours, later
		block  string   // that is exclusive
		finds  bool
		want   []string // on the way back
	}{
		{"others were there", []string{"MS=1"}, []string{"MS=1"}, "record.spf", true, []string{"MS=1"}},
		{"others came later", nil, []string{"MS=1"}, "record.spf", true, []string{"MS=1"}},
		{"what we adopted is put back too", []string{"MS=1", ours}, []string{"MS=1"}, "record.spf", true, []string{"MS=1", ours}},
		{"nobody else", nil, nil, "record.spf", false, nil},
		{"another block", []string{"MS=1"}, []string{"MS=1"}, "record.post", true, []string{"MS=1"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			if tt.there != nil {
				w.put("@", "TXT", 60, tt.there...)
			}
			w.apply(w.plan(w.config(rec{addr: "record.spf", typ: "TXT", name: "@", values: []string{ours}})))
			w.put("@", "TXT", 60, append(slices.Clone(tt.others), ours)...)
			p := w.plan(w.config(rec{addr: tt.block, typ: "TXT", name: "@", ttl: 300, exclusive: &yes, values: []string{ours}}))
			if found := slices.ContainsFunc(p.Findings, func(f Finding) bool { return f.Code == takenOver }); found != tt.finds {
				t.Errorf("findings %+v", p.Findings)
			}
			w.apply(p)
			back, err := Scope{Back: 1}.Make(w.config(), w.base, w.seen(w.config()), now)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, s := range back.Sets {
				if s.After != nil {
					for _, d := range s.After.Data {
						got = append(got, d.Text())
					}
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}
