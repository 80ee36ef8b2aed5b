package apply

import (
	"context"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mailrelay/mailrelay/plan"
	"github.com/mailrelay/mailrelay/plan/observe/dnstest"
	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/revision"
)

// breakOff runs an apply that ends at a step, as if it were killed there.
func (s *site) breakOff(p *plan.Plan, step string) {
	s.t.Helper()
	o := s.options()
	o.Checkpoint = func(at string) {
		if at == step {
			runtime.Goexit()
		}
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		Run(context.Background(), p, o)
		s.t.Errorf("the apply went past %q", step)
	}()
	<-ended
}

func (s *site) current() *revision.Revision {
	s.t.Helper()
	r, err := s.store.Current(context.Background())
	if err != nil {
		s.t.Fatal(err)
	}
	return r
}

// accepted are the names of the domains that a relay would accept now.
func (s *site) accepted() []string {
	s.t.Helper()
	c, err := s.current().InForce()
	if err != nil {
		s.t.Fatal(err)
	}
	var out []string
	for _, d := range schema.All[*schema.Domain](c) {
		out = append(out, d.Name)
	}
	return out
}

// TestUnknownIntent holds that an apply which cannot see what one that was killed
// has written does not forget that it may be ours.
func TestUnknownIntent(t *testing.T) {
	srv := startDNS(t)
	s := newSite(t, t.TempDir())
	s.write(second, srv.Addr())
	s.breakOff(s.plan(), "after the update")
	intent := s.current().Intent

	srv.SetFault(func(dnstest.Request) dnstest.Fault { return dnstest.Fault{Code: 2} })
	if res := s.apply(s.plan()); res.Changed {
		t.Error("an apply that could do nothing made a revision")
	}
	s.write(second+"domain \"new\" {\n  name = \"new.example\"\n}\n", srv.Addr())
	s.apply(s.plan())
	if diff := cmp.Diff(intent, s.current().Intent); diff != "" {
		t.Errorf("the intent after an apply that saw nothing: %s", diff)
	}

	srv.SetFault(nil)
	s.write(strings.Split(second, `record "mx"`)[0], srv.Addr())
	if diff := cmp.Diff([]string{"- domain.new", "- record.mx", "- record.spf"}, actions(s.plan())); diff != "" {
		t.Errorf("once the records have left the configuration: %s", diff)
	}
}
