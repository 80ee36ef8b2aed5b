package apply

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"

	"github.com/mailrelay/mailrelay/plan/observe/dnstest/daemon"
	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/lang"
	"github.com/mailrelay/mailrelay/schema/rr"
)

// rival writes TXT values of its own beside ours, one after the other, and takes
// them away again. It knows what should stand there.
type rival struct {
	t     *testing.T
	addr  string
	stand map[rr.Data]bool
	count int
	mu    sync.Mutex // held while it must be quiet
}

// step adds a value or, every other time, takes one away. It needs no mu.
func (r *rival) step() {
	r.count++
	m := new(dns.Msg).SetUpdate("contoso.com.")
	value := func(d rr.Data) []dns.RR {
		rec, err := rr.Record("contoso.com.", "TXT", 600, d)
		if err != nil {
			r.t.Fatal(err)
		}
		return []dns.RR{rec}
	}
	stand := maps.Clone(r.stand)
	if r.count%2 == 0 {
		old := slices.Sorted(maps.Keys(r.stand))[r.count/2%len(r.stand)]
		m.Remove(value(old))
		delete(stand, old)
	} else {
		d := rr.Data(fmt.Sprintf("rival-%d", r.count))
		m.Insert(value(d))
		stand[d] = true
	}
	m.SetTsig("key.", dns.HmacSHA256, 300, time.Now().Unix())
	c := &dns.Client{Net: "tcp", Timeout: time.Minute, TsigSecret: map[string]string{"key.": tsigSecret}}
	switch a, _, err := c.ExchangeContext(r.t.Context(), m, r.addr); {
	case err != nil:
		r.t.Error(err)
	case a.Rcode == dns.RcodeSuccess:
		r.stand = stand
	case a.Rcode != dns.RcodeServerFailure: // which Knot answers when it is busy
		r.t.Errorf("the rival's update: %s", dns.RcodeToString[a.Rcode])
	}
}

// TestRival applies 200 times while somebody else writes into the same RRset. No
// value of the other's is ever lost or comes back, what is stale is said to be and
// writes nothing, and nothing is half done: both RRsets change together. (SPF would
// not, since it keeps for a while whom it lets in.)
func TestRival(t *testing.T) {
	zone := strings.TrimPrefix(zoneText, "$ORIGIN contoso.com.\n")
	for name, start := range map[string]func(t *testing.T) string{
		"dnstest": func(t *testing.T) string { return startDNS(t).Addr() },
		"named": func(t *testing.T) string {
			return daemon.Named(t, daemon.Zone{Name: "contoso.com", Text: zone, Key: "key.", Secret: tsigSecret}).Addr
		},
		"knotd": func(t *testing.T) string {
			return daemon.Knotd(t, daemon.Zone{Name: "contoso.com", Text: zone, Key: "key.", Secret: tsigSecret}).Addr
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			against(t, start(t))
		})
	}
}

func against(t *testing.T, addr string) {
	applies := 200
	if testing.Short() {
		applies = 20
	}
	r := &rival{t: t, addr: addr, stand: map[rr.Data]bool{"not-ours": true}}
	s := newSite(t, t.TempDir())
	r.mu.Lock()
	quiet := true
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
				r.mu.Lock()
				r.step()
				r.mu.Unlock()
			}
		}
	})
	stop := sync.OnceFunc(func() {
		close(done)
		if quiet {
			r.mu.Unlock()
		}
		wg.Wait()
	})
	defer stop()

	stands, stale := 0, 0 // the generation that stands, and how often one was stale
	for i := 1; i <= applies; i++ {
		s.write(fmt.Sprintf(`%s
record "mx" {
  zone   = zone.contoso
  type   = "MX"
  ttl    = 300
  values = ["%d ns1"]
}
record "ours" {
  zone   = zone.contoso
  type   = "TXT"
  values = ["ours 192.0.2.%d end"]
}
`, strings.Split(first, `record "gone"`)[0], i, i%200), addr)
		// It is quiet for every third apply, writes as it likes during another, and for
		// the rest in the last moment.
		if now := i%3 != 0; now != quiet {
			quiet = now
			if quiet {
				r.mu.Lock()
			} else {
				r.mu.Unlock()
			}
		}
		o := s.options()
		o.Checkpoint = func(step string) {
			if i%3 == 1 && step == "before the update" {
				r.step()
			}
		}
		_, err := Run(t.Context(), s.plan(), o)
		var old *StaleError
		switch {
		case err == nil:
			stands = i
		case errors.As(err, &old):
			stale++
		default:
			t.Fatalf("apply %d: %v", i, err)
		}
		if got := s.generations(addr); !slices.Equal(got, []string{fmt.Sprint(stands), fmt.Sprint(stands % 200)}) && stands > 0 {
			t.Fatalf("apply %d (%v): MX and TXT are of %v, want %d", i, err, got, stands)
		}
	}
	stop()
	if least := applies / 3; stale < least || stands < applies-4 {
		t.Errorf("of %d applies %d were stale, want %d; the last one that was done is %d", applies, stale, least, stands)
	}
	t.Logf("%d of %d applies were stale; the rival wrote %d times", stale, applies, r.count)
	want := maps.Clone(r.stand)
	want[rr.Data(fmt.Sprintf("ours 192.0.2.%d end", stands%200))] = true
	got := map[rr.Data]bool{}
	for _, d := range s.set(addr, "TXT").Data {
		got[d] = true
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the values: -want +got\n%s", diff)
	}
}

// set is what a server has at the apex.
func (s *site) set(addr, typ string) *rr.Set {
	s.t.Helper()
	c, diags := lang.Load(s.dir, lang.Options{})
	if diags.HasErrors() {
		s.t.Fatal(diags)
	}
	o := s.look.At(s.t.Context(), schema.All[*schema.Zone](c)[0], addr, []rr.Key{{Name: "contoso.com.", Type: typ}})[0]
	if o.Err != "" {
		s.t.Fatal(o.Err)
	}
	return o.Set
}

// generations are the numbers in our MX and in our TXT record.
func (s *site) generations(addr string) []string {
	s.t.Helper()
	var out []string
	for _, d := range s.set(addr, "MX").Data {
		n, _, _ := strings.Cut(string(d), " ")
		out = append(out, n)
	}
	for _, d := range s.set(addr, "TXT").Data {
		if _, n, ok := strings.Cut(string(d), "ours 192.0.2."); ok {
			out = append(out, strings.TrimSuffix(n, " end"))
		}
	}
	return out
}
