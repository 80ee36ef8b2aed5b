package apply

import (
	"context"
	"strings"
	"testing"
	"time"
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
