package plan

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mailrelay/mailrelay/schema/revision"
	"github.com/mailrelay/mailrelay/schema/rr"
)

// TestOverdue follows an expectation over several applies.
func TestOverdue(t *testing.T) {
	w := newWorld(t)
	c := joined(w.config(), w.expect("www", "www", "A", "192.0.2.1"))
	var base revision.Revision
	for i, step := range []struct {
		after time.Duration
		there func()
		want  string
	}{
		{0, func() {}, "unmet since 0s"},
		{47 * time.Hour, func() {}, "unmet since 0s"},
		{49 * time.Hour, func() { w.fail[rr.Key{Name: "www.contoso.com.", Type: "A"}] = "no answer" }, "inconclusive since 0s MR212"},
		{50 * time.Hour, func() { clear(w.fail) }, "unmet since 0s MR212"},
		{51 * time.Hour, func() { w.put("www", "A", 60, "192.0.2.1") }, "met"},
		{52 * time.Hour, func() { w.put("www", "A", 0) }, "unmet since 52h0m0s"},
	} {
		step.there()
		p, err := Make(c, &base, w.seen(c), now.Add(step.after))
		if err != nil {
			t.Fatal(err)
		}
		got := p.Expectations[0].Status
		for _, a := range p.Awaited {
			got += fmt.Sprintf(" since %s", a.Since.Sub(now))
		}
		for _, f := range p.Findings {
			got += " " + f.Code
		}
		if diff := cmp.Diff(step.want, got); diff != "" {
			t.Errorf("step %d: %s", i+1, diff)
		}
		base.Awaited = p.Awaited
	}
}
