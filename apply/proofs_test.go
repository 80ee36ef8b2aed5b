package apply

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/mailrelay/mailrelay/plan"
	"github.com/mailrelay/mailrelay/plan/observe"
	"github.com/mailrelay/mailrelay/plan/observe/dnstest"
)

const proved = `
zone "contoso" {
  name = "contoso.com"
  update "rfc2136" {
    server = "%s"
    tsig {
      name   = "key."
      secret = secret_env("KEY")
    }
  }
}
domain "contoso" {
  name = "contoso.com"
  verification {}
}
`

// world is a site whose zone is found through a resolver, which has a copy of it.
func newWorld(t *testing.T) (s *site, primary, resolver *dnstest.Server) {
	t.Helper()
	primary, resolver = startDNS(t), startDNS(t)
	s = newSite(t, t.TempDir())
	s.look = observe.New(observe.Options{
		Resolvers: []string{resolver.Addr()},
		Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
			if address == "127.0.0.1:53" {
				address = primary.Addr()
			}
			return new(net.Dialer).DialContext(ctx, network, address)
		},
	})
	s.write(proved, primary.Addr())
	return s, primary, resolver
}

// copyProof brings the resolver to where the primary is.
func copyProof(t *testing.T, primary, resolver *dnstest.Server) {
	t.Helper()
	for _, set := range primary.Records("contoso.com") {
		if set.Type != "TXT" {
			continue
		}
		var values []string
		for _, d := range set.Data {
			values = append(values, string(d))
		}
		if err := resolver.Set(set.Name, set.Type, set.TTL, values...); err != nil {
			t.Fatal(err)
		}
	}
}

// An apply stays until the resolvers show the proof too, and records it; the
// domain is accepted from then on.
func TestStaysForProof(t *testing.T) {
	s, primary, resolver := newWorld(t)
	w := s.stay(2 * time.Minute)
	w.meanwhile = func(since time.Duration) {
		if since >= 20*time.Second {
			copyProof(t, primary, resolver)
		}
	}
	res, err := Settle(t.Context(), s.plan(), w.Options)
	if err != nil || res.Stopped != nil || len(res.Unproven) > 0 || len(res.Meanwhile) > 0 {
		t.Fatalf("got %+v, %v", res, err)
	}
	if d := w.now.Sub(begin); d < 20*time.Second || d > 30*time.Second {
		t.Errorf("it waited %s", d)
	}
	if !slices.Contains(w.said, "waiting until every name server and the resolvers show the proof for contoso.com, at most until 2026-11-22T12:02:00Z") ||
		!slices.ContainsFunc(w.said, func(s string) bool {
			return strings.Contains(s, "resolver "+resolver.Addr()+" still answers otherwise for contoso.com. TXT")
		}) {
		t.Errorf("it said %q", w.said)
	}
	if proofs := res.Revision.Proofs; len(proofs) != 1 || !proofs[0].Verified() || proofs[0].Gates {
		t.Errorf("the state has %+v", proofs)
	}
	if p := s.plan(); !p.Empty() || !p.Converged() {
		t.Errorf("the plan after it: %v, %+v", actions(p), p.Verifications)
	}
	if again := s.apply(s.plan()); again.Changed {
		t.Error("an apply that changed nothing made a revision")
	}
}

// One whose wait is over says who does not show it, and a later apply records it.
func TestProofNotSeen(t *testing.T) {
	for _, wait := range []time.Duration{0, 30 * time.Second} {
		t.Run(fmt.Sprint(wait), func(t *testing.T) {
			s, primary, resolver := newWorld(t)
			w := s.stay(wait)
			res, err := Settle(t.Context(), s.plan(), w.Options)
			if err != nil || res.Stopped != nil || len(res.Lagging) > 0 {
				t.Fatalf("got %+v, %v", res, err)
			}
			if wait > 0 && (len(res.Unproven) != 1 || !strings.Contains(res.Unproven[0].String(), resolver.Addr())) {
				t.Errorf("unproven: %v", res.Unproven)
			}
			if proofs := res.Revision.Proofs; len(proofs) != 1 || proofs[0].Verified() || !proofs[0].Gates {
				t.Errorf("the state has %+v", proofs)
			}
			c, err := res.Revision.InForce()
			if err != nil || len(c.Gated) != 1 {
				t.Errorf("gated: %v, %v", c.Gated, err)
			}
			p := s.plan()
			if p.Converged() || len(p.Verifications[0].Missing) != 1 {
				t.Errorf("the plan after it: %+v", p.Verifications)
			}
			if again := s.apply(p); again.Changed {
				t.Error("an apply that found nothing new made a revision")
			}
			copyProof(t, primary, resolver)
			p = s.plan()
			if v := p.Verifications[0]; v.State != plan.Verified || !v.New || p.Converged() || !p.Empty() {
				t.Errorf("the plan once it is seen: %+v", v)
			}
			res = s.apply(p)
			if c, err := res.Revision.InForce(); err != nil || len(c.Gated) != 0 || !res.Revision.Proofs[0].Verified() {
				t.Errorf("after it: %+v, %v", res.Revision.Proofs, err)
			}
		})
	}
}

// TestPendingBeforeProof has a step come due while a proof of ownership is waited for
// in vain: it is done at its time, and not when the wait is over.
func TestPendingBeforeProof(t *testing.T) {
	s, primary, resolver := newWorld(t)
	leads := proved + `
record "mx" {
  zone   = zone.contoso
  type   = "MX"
  ttl    = 600
  values = [%q]
}
`
	config := func(mx, name string) string {
		return strings.NewReplacer("%q", strconv.Quote(mx), `domain "contoso" {
  name = "contoso.com"`, fmt.Sprintf("domain %q {\n  name = %q", strings.Split(name, ".")[0], name)).Replace(leads)
	}
	s.later = time.Until(begin)
	s.write(config("5 old", "contoso.com"), primary.Addr())
	s.apply(s.plan())
	copyProof(t, primary, resolver)
	s.apply(s.plan())
	s.write(config("10 new.example.", "new.contoso.com"), primary.Addr())
	w := s.stay(15 * time.Minute)
	var gone time.Duration
	w.meanwhile = func(since time.Duration) {
		if gone == 0 && !slices.Contains(s.accepted(), "contoso.com") {
			gone = since
		}
	}
	res, err := Settle(t.Context(), s.plan(), w.Options)
	if err != nil || res.Stopped != nil || len(res.Unproven) != 1 || len(res.Pending)+len(res.Meanwhile) > 0 {
		t.Fatalf("got %+v, %v", res, err)
	}
	if gone < 10*time.Minute || gone > 10*time.Minute+10*time.Second {
		t.Errorf("the domain went after %s", gone)
	}
	if d := w.now.Sub(begin); d != 15*time.Minute {
		t.Errorf("it waited %s", d)
	}
	if n := len(slices.DeleteFunc(w.said, func(line string) bool { return !strings.Contains(line, "show the proof for") })); n != 1 {
		t.Errorf("it said %d times that it waits for the proof", n)
	}
}
