package apply

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mailrelay/mailrelay/plan/observe/dnstest"
)

const domains = `
domain "contoso" {
  name = "contoso.com"
}
domain "fabrikam" {
  name = "fabrikam.com"
}
`

// leaving is a configuration with two domains, and the same without them and
// without the record that leads mail for one of them here.
func leaving(zone string) (before, after string) {
	return zone + `record "mx" {
  zone   = zone.contoso
  type   = "MX"
  ttl    = 600
  values = ["5 old"]
}
` + domains, zone
}

// forget lets the caches forget what they may hold: an apply sees the change at all
// servers, and another one comes after the TTL of 600 s.
func (s *site) forget() {
	s.t.Helper()
	s.apply(s.plan())
	s.later += 599 * time.Second
	if s.apply(s.plan()).Changed {
		s.t.Error("an apply did something before the time had come")
	}
	s.later += 2 * time.Second
	s.apply(s.plan())
}

// TestRetainedByTheNext holds that a domain which left in an apply that was killed
// is still accepted while the next apply writes DNS, and until caches have forgotten.
// One whose mail DNS does not lead elsewhere goes at once.
func TestRetainedByTheNext(t *testing.T) {
	srv := startDNS(t)
	s := newSite(t, t.TempDir())
	before, after := leaving(strings.Split(first, `record "gone"`)[0])
	s.write(before, srv.Addr())
	s.apply(s.plan())
	s.write(after, srv.Addr())
	s.breakOff(s.plan(), "after the intent")

	o := s.options()
	var during []string
	o.Checkpoint = func(step string) {
		if step == "before the update" {
			during = s.accepted()
		}
	}
	if _, err := Run(context.Background(), s.plan(), o); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"contoso.com"}, during); diff != "" {
		t.Errorf("accepted while DNS is written: %s", diff)
	}
	if got := s.accepted(); !slices.Equal(got, []string{"contoso.com"}) {
		t.Errorf("accepted while caches hold the old MX: %v", got)
	}
	s.forget()
	if got := s.accepted(); got != nil {
		t.Errorf("accepted afterwards: %v", got)
	}
}

// TestRetainedUntilDNSIsChanged holds that a domain is accepted as long as an
// RRset that leads its mail here may stand, whoever writes it. Other domains go.
func TestRetainedUntilDNSIsChanged(t *testing.T) {
	automatic := strings.Split(first, `record "gone"`)[0]
	for _, tt := range []struct {
		name, zone string
		fault      dnstest.Fault
		settle     func(*dnstest.Server)
	}{
		{"a person writes the zone", strings.Split(manual, `record "a"`)[0], dnstest.Fault{},
			func(srv *dnstest.Server) { srv.Set("contoso.com.", "MX", 0) }},
		{"the server cannot be asked", automatic, dnstest.Fault{Code: 2},
			func(srv *dnstest.Server) { srv.SetFault(nil) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			srv := startDNS(t)
			s := newSite(t, t.TempDir())
			before, after := leaving(tt.zone)
			s.write(before, srv.Addr())
			s.apply(s.plan())
			s.write(after, srv.Addr())
			srv.SetFault(func(dnstest.Request) dnstest.Fault { return tt.fault })
			s.apply(s.plan())
			if got := s.accepted(); !slices.Equal(got, []string{"contoso.com"}) {
				t.Errorf("accepted while the MX stands: %v", got)
			}
			if s.apply(s.plan()).Changed {
				t.Error("an apply that could do nothing made a revision")
			}
			tt.settle(srv)
			s.apply(s.plan()) // writes it, or sees that it was written
			if got := s.accepted(); !slices.Equal(got, []string{"contoso.com"}) {
				t.Errorf("accepted while caches hold the old MX: %v", got)
			}
			s.forget()
			if got := s.accepted(); got != nil {
				t.Errorf("accepted when it is gone: %v", got)
			}
			if s.apply(s.plan()).Changed {
				t.Error("an apply that changed nothing made a revision")
			}
		})
	}
}

// TestRetainedAfterAnAddress moves a domain whose mail came to the address of its name,
// without any MX, to an MX: it is accepted until caches have forgotten that there was
// none, after the 300 s that the SOA says.
func TestRetainedAfterAnAddress(t *testing.T) {
	srv := startDNS(t)
	s := newSite(t, t.TempDir())
	srv.Set("contoso.com.", "MX", 0)
	srv.Set("contoso.com.", "A", 600, "192.0.2.1")
	zone := strings.Split(first, `record "gone"`)[0]
	before, _ := leaving(zone)
	s.write(zone+domains, srv.Addr())
	s.apply(s.plan())
	s.write(strings.Replace(before, domains, "", 1), srv.Addr())
	s.apply(s.plan())
	s.apply(s.plan())
	if got := s.accepted(); !slices.Equal(got, []string{"contoso.com"}) {
		t.Errorf("accepted while caches hold that there is no MX: %v", got)
	}
	s.later += 299 * time.Second
	if s.apply(s.plan()).Changed {
		t.Error("an apply did something before the time had come")
	}
	s.later += 2 * time.Second
	s.apply(s.plan())
	if got := s.accepted(); got != nil {
		t.Errorf("accepted afterwards: %v", got)
	}
	if p := s.plan(); !p.Empty() || len(s.current().Switched) > 0 {
		t.Errorf("it does not end: %v, %+v", actions(p), s.current().Switched)
	}
}
