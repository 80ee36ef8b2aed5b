package apply

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mailrelay/mailrelay/plan/observe/dnstest"
)

const staged = `
stage "coexist" {}
stage "cutover" {
  after = stage.coexist
  hold  = "1h"
}
domain "contoso" {
  name  = "contoso.com"
  stage = stage.coexist
}
zone "contoso" {
  name    = "contoso.com"
  servers = ["%s"]
  update "rfc2136" {
    server = "%s"
    tsig {
      name   = "key."
      secret = secret_env("KEY")
    }
  }
}
record "new" {
  zone   = zone.contoso
  name   = "new"
  type   = "A"
  values = ["192.0.2.1"]
}
`

// TestHoldBeginsWhenAllIsWritten has an apply fail that enters a stage: the hold of
// the next stage must not run from it.
func TestHoldBeginsWhenAllIsWritten(t *testing.T) {
	srv := startDNS(t)
	s := newSite(t, t.TempDir())
	s.write(strings.ReplaceAll(staged, `"key."`, `"unknown."`), srv.Addr())
	if _, err := Run(context.Background(), s.plan(), s.options()); err == nil {
		t.Fatal("the server took an update with a key that it does not know")
	}
	if got := s.current().Stages; len(got) != 1 || !got[0].Since.IsZero() {
		t.Fatalf("after an apply that failed: %+v", got)
	}
	s.later = 2 * time.Hour
	s.write(strings.ReplaceAll(staged, "stage = stage.coexist\n", "stage = stage.cutover\n"), srv.Addr())
	if p := s.plan(); !p.Refused() || !strings.Contains(p.Findings[0].Detail, "its hold has not begun") {
		t.Errorf("the next stage may be entered: %+v", p.Findings)
	}
	s.write(staged, srv.Addr())
	s.apply(s.plan())
	if got := s.current().Stages; len(got) != 1 || got[0].Since.IsZero() {
		t.Errorf("after an apply that was done: %+v", got)
	}
	if again := s.apply(s.plan()); again.Changed {
		t.Error("it was recorded twice")
	}
}

// TestHoldBeginsWhenAPersonHasWritten has a person write the records of a stage: its
// hold runs from the apply that sees them. Those of another domain do not count.
func TestHoldBeginsWhenAPersonHasWritten(t *testing.T) {
	srv := startDNS(t)
	s := newSite(t, t.TempDir())
	byHand := strings.Replace(staged, staged[strings.Index(staged, `  update "rfc2136"`):strings.Index(staged, `record "new"`)], "}\n", 1)
	s.write(byHand+`
domain "other" {
  name  = "fabrikam.com"
  stage = stage.coexist
}
`, srv.Addr())
	since := func() map[string]bool {
		out := map[string]bool{}
		for _, e := range s.current().Stages {
			out[e.Domain.Name] = !e.Since.IsZero()
		}
		return out
	}
	s.apply(s.plan())
	if diff := cmp.Diff(map[string]bool{"contoso": false, "other": true}, since()); diff != "" {
		t.Errorf("begun before the record is entered: %s", diff)
	}
	if again := s.apply(s.plan()); again.Changed {
		t.Error("an apply that saw nothing new made a revision")
	}
	srv.SetFault(func(dnstest.Request) dnstest.Fault { return dnstest.Fault{Code: 2} })
	if again := s.apply(s.plan()); again.Changed || since()["contoso"] {
		t.Error("begun while the record cannot be seen")
	}
	srv.SetFault(nil)
	srv.Set("new.contoso.com.", "A", 3600, "192.0.2.1")
	o := s.options()
	o.Clock = func() time.Time { return begin }
	if _, err := Run(t.Context(), s.plan(), o); err != nil {
		t.Fatal(err)
	}
	if got := s.current().Stages[0]; got.Domain.Name != "contoso" || !got.Since.Equal(begin) {
		t.Errorf("when the record was seen: %+v", got)
	}
}
