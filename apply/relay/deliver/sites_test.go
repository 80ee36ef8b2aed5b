package deliver

import (
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// tenants is a DNS of three domains, two of which share their exchangers.
func tenants() names {
	return names{
		mx: map[string][]*net.MX{
			"contoso.test":  {{Host: "b.mx.test.", Pref: 10}, {Host: "a.mx.test.", Pref: 20}},
			"fabrikam.test": {{Host: "A.mx.test.", Pref: 0}, {Host: "b.mx.test.", Pref: 0}},
			"other.test":    {{Host: "a.mx.test.", Pref: 0}},
		},
		ip: map[string][]string{"a.mx.test": {"192.0.2.1"}, "b.mx.test": {"192.0.2.2"}, "example.org": {"192.0.2.9"}},
	}
}

// TestSites: recipients at domains with the same exchangers are one transaction,
// and share a lane.
func TestSites(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, through(connector(t)), Options{Resolver: tenants()})
		p := &peer{}
		w.net.peers["192.0.2.1:25"], w.net.peers["192.0.2.2:25"] = p.serve, p.serve
		w.start()
		defer func() { w.stop() }()
		w.mail("a@example.org", "b@contoso.test", "c@other.test", "d@fabrikam.test")
		synctest.Wait()
		var got [][]string
		for _, m := range p.messages() {
			got = append(got, m.To)
		}
		slices.SortFunc(got, slices.Compare)
		if diff := cmp.Diff([][]string{{"b@contoso.test", "d@fabrikam.test"}, {"c@other.test"}}, got); diff != "" {
			t.Error(diff)
		}
		var lanes []string
		for key := range w.lanes {
			lanes = append(lanes, key.site())
		}
		slices.Sort(lanes)
		if diff := cmp.Diff([]string{"a.mx.test", "a.mx.test,b.mx.test"}, lanes); diff != "" {
			t.Error(diff)
		}
	})
}

// TestSiteSlowsDown: what a site says of our pace counts for all its domains, and
// the queue knows the messages that wait for it by any of its hosts.
func TestSiteSlowsDown(t *testing.T) {
	for _, answer := range []string{"421 4.3.2 later", "451 4.7.500 server busy", "450 4.7.650 slow down", "432 4.3.2 storage"} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, through(connector(t)), Options{Resolver: tenants()})
			p := &peer{answer: func(line string) string {
				if strings.HasPrefix(line, "RCPT") {
					return answer
				}
				return ""
			}}
			w.net.peers["192.0.2.1:25"], w.net.peers["192.0.2.2:25"] = p.serve, p.serve
			w.start()
			defer func() { w.stop() }()
			w.mail("a@example.org", "b@contoso.test")
			synctest.Wait()
			asked := len(p.lines)
			w.mail("a@example.org", "d@fabrikam.test")
			synctest.Wait()
			for _, line := range p.lines[asked:] {
				if line != "QUIT" {
					t.Errorf("%s: the site is asked again: %s", answer, line)
				}
			}
			if _, n := w.List(Filter{Site: "b.mx.test"}, 0); n != 2 {
				t.Errorf("%s: %d messages wait for the site, want 2", answer, n)
			}
		})
	}
}

// TestSiteGone: a domain of a site that takes no mail any more is told so for its
// own recipients alone.
func TestSiteGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dns := tenants()
		w := newWorld(t, through(connector(t)), Options{Resolver: dns})
		p := &peer{}
		for _, a := range []string{"192.0.2.1:25", "192.0.2.2:25", "192.0.2.9:25"} {
			w.net.peers[a] = p.serve
		}
		w.start()
		defer func() { w.stop() }()
		w.mail("a@example.org", "b@contoso.test", "d@fabrikam.test")
		time.Sleep(time.Minute) // the connection is closed by then
		synctest.Wait()
		dns.mx["contoso.test"] = []*net.MX{{Host: "."}}
		w.mail("a@example.org", "x@contoso.test", "y@fabrikam.test")
		synctest.Wait()
		got := p.messages()
		if len(got) != 3 {
			t.Fatalf("%+v", got)
		}
		report := slices.IndexFunc(got, func(m taken) bool { return m.From == "" })
		if report < 0 || !strings.Contains(got[report].Body, "x@contoso.test") || strings.Contains(got[report].Body, "y@fabrikam.test") {
			t.Errorf("%+v", got)
		}
		if !slices.ContainsFunc(got, func(m taken) bool { return slices.Equal(m.To, []string{"y@fabrikam.test"}) }) {
			t.Errorf("%+v", got)
		}
	})
}

// asked is a Resolver that counts, and waits for a while.
type asked struct {
	names
	mu  sync.Mutex
	mx  map[string]int
	err error
}

func (a *asked) LookupMX(ctx context.Context, name string) ([]*net.MX, error) {
	a.mu.Lock()
	a.mx[name]++
	a.mu.Unlock()
	time.Sleep(time.Second)
	if a.err != nil {
		return nil, a.err
	}
	return a.names.LookupMX(ctx, name)
}

// TestSiteAskedOnce: many messages for a domain make one question about its site,
// and Add does not wait for the answer; another comes with each connection. A DNS
// that gives no answer is no reason to lose them.
func TestSiteAskedOnce(t *testing.T) {
	for _, err := range []error{nil, errors.New("SERVFAIL")} {
		synctest.Test(t, func(t *testing.T) {
			dns := &asked{names: tenants(), mx: map[string]int{}, err: err}
			w := newWorld(t, through(connector(t)), Options{Resolver: dns})
			p := &peer{}
			w.net.peers["192.0.2.1:25"] = p.serve
			w.start()
			defer func() { w.stop() }()
			synctest.Wait()
			start := time.Now()
			for range 100 {
				w.mail("a@example.org", "x@other.test")
			}
			if d := time.Since(start); d > 0 {
				t.Errorf("Add waited for %s", d)
			}
			synctest.Wait()
			dns.mu.Lock()
			n := dns.mx["other.test."]
			dns.mu.Unlock()
			if n != 1 {
				t.Errorf("%d questions, want 1", n)
			}
			time.Sleep(10 * time.Second)
			synctest.Wait()
			if s := w.Stats(); err == nil && (s.Messages != 0 || len(p.messages()) != 100) || err != nil && s.Waiting != 100 {
				t.Errorf("%v: %+v, %d arrived", err, s, len(p.messages()))
			}
		})
	}
}
