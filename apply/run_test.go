package apply

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/mailrelay/mailrelay/apply/state"
	"github.com/mailrelay/mailrelay/plan/observe/dnstest"
)

func TestStaleRRset(t *testing.T) {
	srv := startDNS(t)
	s := newSite(t, t.TempDir())
	s.write(second, srv.Addr())
	p := s.plan()
	srv.Set("contoso.com.", "MX", 600, "66 moved.contoso.com.")
	before := records(srv)
	res, err := Run(context.Background(), p, s.options())
	var stale *StaleError
	if !errors.As(err, &stale) {
		t.Fatalf("got %v, %v", res, err)
	}
	for _, part := range []string{"contoso.com. MX", "5 old.contoso.com.", "66 moved.contoso.com."} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q does not name %s", err, part)
		}
	}
	if got := records(srv); got != before {
		t.Errorf("something was written: %s", got)
	}
	if cur, _ := s.store.Current(context.Background()); cur != nil {
		t.Error("a revision was put")
	}
}

// TestStaleInTheLastMoment moves an RRset after the last look: the server itself
// refuses.
func TestStaleInTheLastMoment(t *testing.T) {
	srv := startDNS(t)
	s := newSite(t, t.TempDir())
	s.write(second, srv.Addr())
	o := s.options()
	o.Checkpoint = func(step string) {
		if step == "before the update" {
			srv.Set("contoso.com.", "TXT", 600, `"theirs, just now"`)
		}
	}
	_, err := Run(context.Background(), s.plan(), o)
	var stale *StaleError
	if !errors.As(err, &stale) || !strings.Contains(err.Error(), "just now") {
		t.Fatalf("got %v", err)
	}
	if got := records(srv); !strings.Contains(got, "5 old") || !strings.Contains(got, `["theirs, just now"]`) {
		t.Errorf("the zone has %s", got)
	}
	s.apply(s.plan())
	if p := s.plan(); !p.Converged() {
		t.Errorf("after another apply: %v", actions(p))
	}
	if got := records(srv); !strings.Contains(got, `["theirs, just now" "v=spf1 -all"]`) {
		t.Errorf("the zone has %s", got)
	}
}

func TestStaleRevision(t *testing.T) {
	srv := startDNS(t)
	s := newSite(t, t.TempDir())
	s.write(first, srv.Addr())
	p := s.plan()
	s.apply(s.plan())
	var stale *StaleError
	if _, err := Run(context.Background(), p, s.options()); !errors.As(err, &stale) || !strings.Contains(err.Error(), "revision") {
		t.Errorf("got %v", err)
	}
}

func TestAdoptWritesNothing(t *testing.T) {
	srv := startDNS(t)
	s := newSite(t, t.TempDir())
	s.write(first, srv.Addr()) // its one record stands as wanted
	serial := srv.Serial("contoso.com")
	res := s.apply(s.plan())
	if srv.Serial("contoso.com") != serial {
		t.Error("adopting wrote to the zone")
	}
	if o := res.Revision.Owned; len(o) != 1 || !o[0].Adopted {
		t.Errorf("owned %+v", o)
	}
	if again := s.apply(s.plan()); again.Changed {
		t.Error("an apply that changed nothing made a revision")
	}
}

const twoZones = `
zone "good" {
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
zone "bad" {
  name    = "fabrikam.com"
  servers = ["%s"]
  update "rfc2136" {
    server = "%s"
    tsig {
      name   = "unknown."
      secret = secret_env("KEY")
    }
  }
}
record "good" {
  zone   = zone.good
  name   = "new"
  type   = "A"
  values = ["192.0.2.1"]
}
record "bad" {
  zone   = zone.bad
  name   = "new"
  type   = "A"
  values = ["192.0.2.1"]
}
`

func TestOneZoneFails(t *testing.T) {
	srv, err := dnstest.New(dnstest.Options{TSIG: map[string]string{"key.": tsigSecret},
		Zones: map[string]string{"contoso.com": zoneText, "fabrikam.com": strings.ReplaceAll(zoneText, "contoso", "fabrikam")}})
	if err != nil {
		t.Fatal(err)
	}
	defer srv.Close()
	s := newSite(t, t.TempDir())
	s.write(twoZones, srv.Addr())
	res, err := Run(context.Background(), s.plan(), s.options())
	if err == nil || !strings.Contains(err.Error(), "zone.bad") || strings.Contains(err.Error(), "zone.good") {
		t.Errorf("got %v", err)
	}
	if o := res.Revision.Owned; len(o) != 1 || o[0].Addr.Name != "good" {
		t.Errorf("owned %+v", o)
	}
	if got := actions(s.plan()); len(got) != 1 || got[0] != "+ record.bad" {
		t.Errorf("the next plan: %v", got)
	}
}

const manual = `
zone "contoso" {
  name    = "contoso.com"
  servers = ["%s"]
}
record "a" {
  zone   = zone.contoso
  name   = "new"
  type   = "A"
  values = ["192.0.2.1"]
}
`

func TestManual(t *testing.T) {
	srv := startDNS(t)
	s := newSite(t, t.TempDir())
	s.write(manual, srv.Addr())
	res := s.apply(s.plan())
	if len(res.Manual) != 1 || len(res.Revision.Owned) != 0 {
		t.Errorf("manual %v, owned %v", res.Manual, res.Revision.Owned)
	}
	if m := res.Revision.Manual; len(m) != 1 || m[0].Before != nil || m[0].Key().String() != "new.contoso.com. A" {
		t.Errorf("the state has %+v", m)
	}
	if again := s.apply(s.plan()); again.Changed {
		t.Error("an apply that changed nothing made a revision")
	}
	if got := actions(s.plan()); len(got) != 1 || got[0] != "+ record.a" {
		t.Errorf("before it was entered: %v", got)
	}
	srv.Set("new.contoso.com.", "A", 3600, "192.0.2.1")
	if got := actions(s.plan()); len(got) != 1 || got[0] != "< record.a" {
		t.Errorf("after it was entered: %v", got)
	}
	s.apply(s.plan())
	if p := s.plan(); !p.Converged() || len(s.current().Manual) > 0 {
		t.Errorf("after all: %v, %+v", actions(p), s.current().Manual)
	}
}

// TestNodesFirst holds that DNS is changed only when every live relay node runs
// the new revision, and not at all if one refuses.
func TestNodesFirst(t *testing.T) {
	srv := startDNS(t)
	s := newSite(t, t.TempDir())
	s.write(second, srv.Addr())
	ctx := context.Background()
	node := state.Node{Name: "edge1", Revision: "old", At: time.Now()}
	s.store.Report(ctx, node)
	s.store.Report(ctx, state.Node{Name: "long gone", Revision: "old", At: time.Now().Add(-time.Hour)})
	serial := srv.Serial("contoso.com")

	o := s.options()
	o.Sleep = func(context.Context, time.Duration) error { // the node makes up its mind
		cur, _ := s.store.Current(ctx)
		node.Refused, node.LastError, node.At = cur.Hash, "the port is taken", time.Now()
		return s.store.Report(ctx, node)
	}
	if _, err := Run(ctx, s.plan(), o); err == nil || !strings.Contains(err.Error(), "edge1 refuses") || !strings.Contains(err.Error(), "the port is taken") {
		t.Fatalf("got %v", err)
	}
	if srv.Serial("contoso.com") != serial {
		t.Fatal("DNS was changed although a node refuses")
	}

	o = s.options()
	asked := 0
	o.Sleep = func(context.Context, time.Duration) error {
		if asked++; asked == 1 && srv.Serial("contoso.com") != serial {
			t.Error("DNS was changed before the node ran the revision")
		}
		cur, _ := s.store.Current(ctx)
		node = state.Node{Name: "edge1", Revision: cur.Hash, At: time.Now()}
		return s.store.Report(ctx, node)
	}
	if _, err := Run(ctx, s.plan(), o); err != nil {
		t.Fatal(err)
	}
	if srv.Serial("contoso.com") == serial || asked < 2 {
		t.Errorf("DNS was not changed, or nobody waited for the node (%d)", asked)
	}
}

// TestFailedAppliesMakeOneRevision has an apply fail, and fail again: the state says
// what was about to be written, once.
func TestFailedAppliesMakeOneRevision(t *testing.T) {
	srv := startDNS(t)
	s := newSite(t, t.TempDir())
	s.write(strings.ReplaceAll(second, `"key."`, `"unknown."`), srv.Addr())
	for range 2 {
		if _, err := Run(t.Context(), s.plan(), s.options()); err == nil {
			t.Fatal("the server took an update with a key that it does not know")
		}
		if cur := s.current(); cur.Serial != 1 || len(cur.Intent) != 2 {
			t.Errorf("revision %d with an intent of %d", cur.Serial, len(cur.Intent))
		}
	}
	s.write(second, srv.Addr())
	s.apply(s.plan())
	if cur := s.current(); len(cur.Intent) > 0 || len(cur.Owned) != 2 {
		t.Errorf("once the key is right: %+v", cur)
	}
}
