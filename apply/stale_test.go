package apply

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mailrelay/mailrelay/plan/observe/dnstest"
)

// TestStaleSwitch has somebody turn the MX back between a plan that takes the domain
// away, because caches have forgotten the old MX, and its apply: nothing is taken
// away, and the next plan keeps the domain.
func TestStaleSwitch(t *testing.T) {
	zone := strings.Split(first, `record "gone"`)[0]
	before, gone := leaving(zone)
	elsewhere := strings.NewReplacer("5 old", "10 new.example.", domains, "").Replace(before)
	back := func(srv *dnstest.Server) { srv.Set("contoso.com.", "MX", 600, "5 old.contoso.com.") }
	for _, tt := range []struct {
		name, after string
		do          func(*dnstest.Server)
		stale       bool
	}{
		{"turned back, and ours", elsewhere, back, true},
		{"turned back, and not ours any more", gone, back, true},
		{"another TTL", elsewhere, func(srv *dnstest.Server) { srv.Set("contoso.com.", "MX", 60, "10 new.example.") }, false},
		{"nothing", gone, func(*dnstest.Server) {}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			srv := startDNS(t)
			s := newSite(t, t.TempDir())
			s.write(before, srv.Addr())
			s.apply(s.plan())
			s.write(tt.after, srv.Addr())
			s.apply(s.plan()) // switches
			s.apply(s.plan()) // sees it
			s.later += 601 * time.Second
			p := s.plan()
			if got := actions(p); !slices.Equal(got, []string{"- domain.contoso"}) || len(p.Sets) > 0 {
				t.Fatalf("the plan: %v, %+v", got, p.Sets)
			}
			tt.do(srv)
			_, err := Run(t.Context(), p, s.options())
			if !tt.stale {
				if err != nil || len(s.accepted()) > 0 {
					t.Errorf("got %v, and accepted is %v", err, s.accepted())
				}
				return
			}
			var stale *StaleError
			if !errors.As(err, &stale) || !strings.Contains(err.Error(), "contoso.com. MX changed since the plan was made") {
				t.Errorf("got %v", err)
			}
			s.apply(s.plan())
			if got := s.accepted(); !slices.Equal(got, []string{"contoso.com"}) {
				t.Errorf("accepted while the MX leads here: %v", got)
			}
		})
	}
}

// TestStaleBeforeSPF: the same of a sender that leaves the SPF record.
func TestStaleBeforeSPF(t *testing.T) {
	config := func(mx, spf string) string {
		return strings.NewReplacer("10 relay", mx, "v=spf1 -all", spf).Replace(second)
	}
	srv := startDNS(t)
	s := newSite(t, t.TempDir())
	s.write(config("5 old", "v=spf1 ip4:192.0.2.1 -all"), srv.Addr())
	s.apply(s.plan())
	s.write(config("10 relay", "v=spf1 ip4:192.0.2.1 -all"), srv.Addr())
	s.apply(s.plan())
	s.apply(s.plan())
	s.later += time.Hour
	s.apply(s.plan())
	s.write(config("10 relay", "v=spf1 -all"), srv.Addr())
	p := s.plan()
	if len(p.Sets) != 1 || len(p.Waiting()) > 0 {
		t.Fatalf("the plan: %v", actions(p))
	}
	srv.Set("contoso.com.", "MX", 600, "5 old.contoso.com.")
	var stale *StaleError
	if _, err := Run(t.Context(), p, s.options()); !errors.As(err, &stale) {
		t.Errorf("got %v", err)
	}
}
