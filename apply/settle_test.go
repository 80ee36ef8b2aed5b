package apply

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mailrelay/mailrelay/plan"
	"github.com/mailrelay/mailrelay/plan/observe/dnstest"
	"github.com/mailrelay/mailrelay/schema/rr"
)

// begin is when the clock of the tests starts.
var begin = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// stay is an apply with a clock of its own, which goes on only while somebody
// sleeps.
type stay struct {
	Options
	now   time.Time
	slept int
	said  []string
	// meanwhile, if set, is called in each sleep, with the time since the beginning.
	meanwhile func(time.Duration)
}

func (s *site) stay(wait time.Duration) *stay {
	w := &stay{Options: s.options(), now: begin}
	w.Wait = wait
	w.Clock = func() time.Time { return w.now }
	w.Sleep = func(ctx context.Context, d time.Duration) error {
		w.slept++
		w.now = w.now.Add(d)
		if w.meanwhile != nil {
			w.meanwhile(w.now.Sub(begin))
		}
		return ctx.Err()
	}
	w.Replan = func(context.Context) (*plan.Plan, error) {
		s.later = time.Until(w.now)
		return s.plan(), nil
	}
	var mu sync.Mutex // several zones are written at a time
	w.Event = func(e Event) {
		mu.Lock()
		defer mu.Unlock()
		w.said = append(w.said, e.Text)
	}
	return w
}

// three is a zone with three servers, of which only the first takes updates.
func three(t *testing.T) (s *site, servers [3]*dnstest.Server) {
	t.Helper()
	for i := range servers {
		servers[i] = startDNS(t)
	}
	s = newSite(t, t.TempDir())
	all := fmt.Sprintf("servers = [%q, %q, %q]", servers[0].Addr(), servers[1].Addr(), servers[2].Addr())
	s.write(strings.Replace(second, `servers = ["%s"]`, all, 1), servers[0].Addr())
	return s, servers
}

// follow brings a server that takes no updates to where the first one is.
func follow(t *testing.T, srv *dnstest.Server) {
	t.Helper()
	if err := errors.Join(
		srv.Set("contoso.com.", "MX", 300, "10 relay.contoso.com."),
		srv.Set("contoso.com.", "TXT", 600, `"not-ours"`, `"v=spf1 -all"`),
	); err != nil {
		t.Fatal(err)
	}
}

func TestOneServerLagsForAWhile(t *testing.T) {
	s, servers := three(t)
	w := s.stay(2 * time.Minute)
	w.Checkpoint = func(step string) {
		if step == "after the update" {
			follow(t, servers[1])
		}
	}
	w.meanwhile = func(since time.Duration) {
		unlock, err := s.store.Lock(t.Context(), w.Who, 0)
		if err != nil {
			t.Fatalf("a lock is held while waiting: %v", err)
		}
		unlock()
		if since >= 20*time.Second {
			follow(t, servers[2])
		}
	}
	res, err := Settle(t.Context(), s.plan(), w.Options)
	if err != nil || res.Stopped != nil || len(res.Lagging) > 0 {
		t.Fatalf("got %+v, %v", res, err)
	}
	behind := "waiting until 2026-11-22T12:02:00Z: " + servers[2].Addr() + " still answers otherwise for contoso.com. MX and 1 more"
	want := []string{
		"writing 2 RRsets of contoso.com",
		"2 RRsets written",
		"waiting until every name server of contoso.com shows what was written, at most until 2026-11-22T12:02:00Z",
		behind, behind,
	}
	if diff := cmp.Diff(want, w.said); diff != "" {
		t.Error(diff)
	}
	if d := w.now.Sub(begin); d < 20*time.Second || d > 26*time.Second {
		t.Errorf("it waited %s", d)
	}
}

func TestOneServerLagsForEver(t *testing.T) {
	for _, tt := range []struct {
		name  string
		fault dnstest.Fault
		says  string
	}{
		{"old answers", dnstest.Fault{}, ` still says that contoso.com. MX is ["5 old.contoso.com."] (TTL 600)`},
		{"no answers", dnstest.Fault{Code: 2}, " could not be asked for contoso.com. MX: the server answered SERVFAIL"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, servers := three(t)
			w := s.stay(2 * time.Minute)
			w.Checkpoint = func(step string) {
				if step == "after the update" {
					follow(t, servers[1])
					servers[2].SetFault(func(dnstest.Request) dnstest.Fault { return tt.fault })
				}
			}
			res, err := Settle(t.Context(), s.plan(), w.Options)
			if err != nil || res.Stopped != nil || len(res.Lagging) != 2 {
				t.Fatalf("got %+v, %v", res, err)
			}
			if got := res.Lagging[0].String(); !strings.HasPrefix(got, servers[2].Addr()+tt.says) {
				t.Errorf("it says: %s", got)
			}
			if d := w.now.Sub(begin); d != 2*time.Minute {
				t.Errorf("it waited %s", d)
			}
			if n := len(w.said) - 3; n < 9 || n > 12 {
				t.Errorf("%d lines in two minutes: %s", n, strings.Join(w.said, "\n"))
			}
			if len(res.Revision.Intent) > 0 || len(res.Revision.Owned) != 2 {
				t.Errorf("the state does not have what was written: %+v", res.Revision)
			}
		})
	}
}

// TestNoWait holds that with no time to wait nobody is asked after the write.
func TestNoWait(t *testing.T) {
	s, _ := three(t)
	w := s.stay(0)
	res, err := Settle(t.Context(), s.plan(), w.Options)
	if err != nil || len(res.Lagging) > 0 || w.slept > 0 {
		t.Errorf("got %+v, %v; slept %d times", res, err, w.slept)
	}
}

func TestInterruptedWhileWaiting(t *testing.T) {
	s, servers := three(t)
	w := s.stay(2 * time.Minute)
	ctx, cancel := context.WithCancel(t.Context())
	w.meanwhile = func(since time.Duration) {
		if since > time.Second {
			cancel()
		}
	}
	res, err := Settle(ctx, s.plan(), w.Options)
	if err != nil || res.Stopped == nil || res.Stopped.Error() != "interrupted while waiting" {
		t.Fatalf("got %+v, %v", res, err)
	}
	follow(t, servers[1])
	follow(t, servers[2])
	if p := s.plan(); !p.Empty() || len(p.Drift) > 0 {
		t.Errorf("the next plan: %v, drift %v", actions(p), p.Drift)
	}
}

// TestGoneUnderAWildcard takes away an RRset in whose place a wildcard answers.
func TestGoneUnderAWildcard(t *testing.T) {
	srv := startDNS(t)
	s := newSite(t, t.TempDir())
	s.write(first, srv.Addr())
	s.apply(s.plan())
	if err := srv.Set("*.contoso.com.", "A", 600, "192.0.2.9"); err != nil { // the same data
		t.Fatal(err)
	}
	s.write(strings.Split(first, `record "gone"`)[0], srv.Addr())
	w := s.stay(2 * time.Minute)
	res, err := Settle(t.Context(), s.plan(), w.Options)
	if err != nil || len(res.Written) != 1 || len(res.Lagging) > 0 || w.slept != 1 {
		t.Errorf("got %+v, %v; slept %d times", res, err, w.slept)
	}
}

// TestThreeZones loses one zone of three: the others are written and recorded, the
// next plan has the third alone, and nobody waits for anything.
func TestThreeZones(t *testing.T) {
	zones := map[string]string{}
	var config strings.Builder
	for i, name := range []string{"one", "two", "three"} {
		zones[name+".example"] = "@ A 192.0.2.1\n"
		key := "key."
		if name == "two" {
			key = "unknown."
		}
		fmt.Fprintf(&config, `
zone %[1]q {
  name    = "%[1]s.example"
  servers = ["%%s"]
  update "rfc2136" {
    server = "%%s"
    tsig {
      name   = %[2]q
      secret = secret_env("KEY")
    }
  }
}
record %[1]q {
  zone   = zone.%[1]s
  name   = "new"
  type   = "A"
  values = ["192.0.2.%[3]d"]
}
`, name, key, i+1)
	}
	srv, err := dnstest.New(dnstest.Options{Zones: zones, TSIG: map[string]string{"key.": tsigSecret}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { srv.Close() })
	s := newSite(t, t.TempDir())
	s.write(config.String(), srv.Addr())
	w := s.stay(2 * time.Minute)
	res, err := Settle(t.Context(), s.plan(), w.Options)
	if err == nil || !strings.Contains(err.Error(), "zone.two: nothing was written") || strings.Contains(err.Error(), "zone.one") || strings.Contains(err.Error(), "zone.three") {
		t.Errorf("error %v", err)
	}
	var ours []string
	for _, o := range res.Revision.Owned {
		ours = append(ours, o.Addr.String())
	}
	if diff := cmp.Diff([]string{"record.one", "record.three"}, ours); diff != "" || len(res.Written) != 2 || w.slept > 0 {
		t.Errorf("ours: %s; written %d; slept %d times", diff, len(res.Written), w.slept)
	}
	if diff := cmp.Diff([]string{"+ record.two"}, actions(s.plan())); diff != "" {
		t.Errorf("the next plan: %s", diff)
	}
	s.write(strings.Replace(config.String(), "unknown.", "key.", 1), srv.Addr())
	if res, err := Settle(t.Context(), s.plan(), w.Options); err != nil || len(res.Lagging) > 0 || res.Stopped != nil {
		t.Errorf("once the key is right: %+v, %v", res, err)
	}
	if p := s.plan(); !p.Converged() {
		t.Errorf("afterwards: %v", actions(p))
	}
}

// TestStaysForWhatIsPending switches the MX away and takes the domain out: relays
// accept it until caches have forgotten the old MX, after 600 s. An apply that may
// stay as long does it all.
func TestStaysForWhatIsPending(t *testing.T) {
	for _, tt := range []struct {
		wait     time.Duration
		accepted []string
		waited   time.Duration
	}{
		{15 * time.Minute, nil, 600*time.Second + firstLook},
		{5 * time.Minute, []string{"contoso.com"}, firstLook},
	} {
		t.Run(tt.wait.String(), func(t *testing.T) {
			srv := startDNS(t)
			s := newSite(t, t.TempDir())
			before, after := leaving(strings.Split(first, `record "gone"`)[0])
			s.write(before, srv.Addr())
			w := s.stay(tt.wait)
			s.later = time.Until(begin)
			s.apply(s.plan())
			s.write(after, srv.Addr())
			res, err := Settle(t.Context(), s.plan(), w.Options)
			if err != nil || res.Stopped != nil || len(res.Lagging)+len(res.Meanwhile) > 0 {
				t.Fatalf("got %+v, %v", res, err)
			}
			if diff := cmp.Diff(tt.accepted, s.accepted()); diff != "" {
				t.Errorf("accepted: %s", diff)
			}
			if got := len(res.Pending); (got > 0) != (tt.accepted != nil) {
				t.Errorf("pending: %+v", res.Pending)
			}
			if d := w.now.Sub(begin); d < tt.waited || d > tt.waited+time.Second {
				t.Errorf("it waited %s, want %s", d, tt.waited)
			}
			lines := 0
			for _, line := range w.said {
				if strings.HasSuffix(line, "for what is pending: domain.contoso") {
					lines++
				}
			}
			if want := int(tt.waited / lineEvery); lines < want || lines > want+1 {
				t.Errorf("%d lines while it waited, want %d: %q", lines, want, w.said)
			}
			s.later = time.Until(w.now)
			if p := s.plan(); !p.Empty() || !p.Converged() {
				t.Errorf("the next plan: %v", actions(p))
			}
		})
	}
}

// TestMeanwhile has something else come up while an apply waits: it is not applied.
func TestMeanwhile(t *testing.T) {
	for _, tt := range []struct {
		name string
		do   func(s *site, srv *dnstest.Server)
		want string // of Result.Stopped
	}{
		{"somebody edits the configuration", func(s *site, srv *dnstest.Server) { s.write(first, srv.Addr()) }, ""},
		{"somebody else applies", func(s *site, srv *dnstest.Server) { s.write(first, srv.Addr()); s.apply(s.plan()) }, "somebody else has applied revision "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			srv := startDNS(t)
			s := newSite(t, t.TempDir())
			s.write(second, srv.Addr()) // a switch of the MX, of which must be recorded that it was seen
			w := s.stay(2 * time.Minute)
			s.later = time.Until(begin)
			w.meanwhile = func(time.Duration) {
				w.meanwhile = nil
				tt.do(s, srv)
			}
			res, err := Settle(t.Context(), s.plan(), w.Options)
			if err != nil {
				t.Fatal(err)
			}
			if tt.want != "" {
				if res.Stopped == nil || !strings.Contains(res.Stopped.Error(), tt.want) {
					t.Errorf("stopped by %v", res.Stopped)
				}
				return
			}
			if len(res.Meanwhile) == 0 || res.Stopped != nil {
				t.Errorf("came up: %v, stopped by %v", res.Meanwhile, res.Stopped)
			}
			if got := records(srv); !strings.Contains(got, "10 relay") {
				t.Errorf("the zone has %s", got)
			}
		})
	}
}

// TestPersonGoesOn takes senders out of an SPF record that a person writes: first
// they have to write a record that no block asks for, and then, when the time has
// come within the wait, the one that does.
func TestPersonGoesOn(t *testing.T) {
	config := func(host, sender string) string {
		return strings.Split(manual, `record "a"`)[0] + fmt.Sprintf(`
record "mx" {
  zone   = zone.contoso
  type   = "MX"
  ttl    = 600
  values = [%q]
}
record "spf" {
  zone   = zone.contoso
  type   = "TXT"
  values = ["v=spf1 ip4:%s -all"]
}
`, host, sender)
	}
	begins := func(t *testing.T) (*site, *dnstest.Server) {
		srv := startDNS(t)
		s := newSite(t, t.TempDir())
		srv.Set("contoso.com.", "TXT", 600, `"v=spf1 ip4:192.0.2.1 -all"`)
		s.write(config("5 old", "192.0.2.1"), srv.Addr())
		s.later = time.Until(begin)
		s.apply(s.plan())
		s.write(config("5 new.example.", "192.0.2.2"), srv.Addr())
		return s, srv
	}
	person := func(srv *dnstest.Server, lines []plan.SetChange, typ string) {
		for _, m := range lines {
			var data []string
			for _, d := range m.After.Data {
				if m.Key.Type == "TXT" {
					d = rr.Data(strconv.Quote(d.Text()))
				}
				data = append(data, string(d))
			}
			if m.Key.Type == typ {
				srv.Set(m.Key.Name, m.Key.Type, m.After.TTL, data...)
			}
		}
	}
	narrows := func(t *testing.T, lines []plan.SetChange) {
		if len(lines) != 1 || !slices.Equal(lines[0].After.Data, []rr.Data{"v=spf1 ip4:192.0.2.2 -all"}) {
			t.Errorf("a person has to write %+v", lines)
		}
	}
	t.Run("at once", func(t *testing.T) {
		s, srv := begins(t)
		lines := s.apply(s.plan()).Manual
		person(srv, lines, "MX")
		person(srv, lines, "TXT")
		if p := s.plan(); len(p.Sets) > 0 || len(p.Waiting()) != 1 {
			t.Errorf("as told, and then %v", actions(p))
		}
		w := s.stay(15 * time.Minute)
		res, err := Settle(t.Context(), s.plan(), w.Options)
		if err != nil || res.Stopped != nil || len(res.Meanwhile)+len(res.Pending) > 0 {
			t.Fatalf("got %+v, %v", res, err)
		}
		narrows(t, res.Manual)
	})
	t.Run("late", func(t *testing.T) {
		s, srv := begins(t)
		lines := s.apply(s.plan()).Manual
		person(srv, lines, "MX")
		s.apply(s.plan())
		person(srv, lines, "TXT")
		s.later += time.Hour
		narrows(t, s.plan().Sets)
	})
}
