package apply

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mailrelay/mailrelay/apply/dns"
	"github.com/mailrelay/mailrelay/apply/state"
	"github.com/mailrelay/mailrelay/plan"
	"github.com/mailrelay/mailrelay/plan/observe"
	"github.com/mailrelay/mailrelay/plan/observe/dnstest"
	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/lang"
	"github.com/mailrelay/mailrelay/schema/revision"
	"github.com/mailrelay/mailrelay/schema/rr"
)

const zoneText = `$ORIGIN contoso.com.
$TTL 600
@ IN SOA ns1 hostmaster 1 3600 600 86400 300
@ IN NS ns1
ns1 IN A 127.0.0.1
@ IN MX 5 old
@ IN TXT "not-ours"
gone IN A 192.0.2.9
`

const tsigSecret = "bWFpbHJlbGF5LXRlc3Qta2V5LW1haWxyZWxheS10ZXN0"

// first is applied before the test begins; second is what is being applied when
// the process ends: a change over what was not ours, an add beside others, and a
// removal.
const first = `
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
record "gone" {
  zone   = zone.contoso
  name   = "gone"
  type   = "A"
  ttl    = 600
  values = ["192.0.2.9"]
}
`

var second = strings.Split(first, `record "gone"`)[0] + `
record "mx" {
  zone   = zone.contoso
  type   = "MX"
  ttl    = 300
  values = ["10 relay"]
}
record "spf" {
  zone   = zone.contoso
  type   = "TXT"
  values = ["v=spf1 -all"]
}
`

// site is a configuration directory, its state and a client of its name server.
type site struct {
	t     testing.TB
	dir   string
	store *state.Dir
	look  *observe.Client
	later time.Duration // how far the clock is ahead
}

func newSite(t testing.TB, dir string) *site {
	return &site{t: t, dir: dir, store: state.OpenDir(filepath.Join(dir, "state")), look: observe.New(observe.Options{Resolvers: []string{}})}
}

func (s *site) write(text, server string) {
	s.t.Helper()
	text = strings.ReplaceAll(text, "%s", server)
	if err := os.WriteFile(filepath.Join(s.dir, "dns.mail.hcl"), []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

func (s *site) plan() *plan.Plan {
	s.t.Helper()
	ctx := context.Background()
	c, diags := lang.Load(s.dir, lang.Options{})
	if diags.HasErrors() {
		s.t.Fatal(diags)
	}
	base, err := s.store.Current(ctx)
	if err != nil {
		s.t.Fatal(err)
	}
	seen := s.look.Observe(ctx, c, base)
	if base == nil {
		seen.Lineage = "test"
	}
	p, err := plan.Make(c, base, seen, time.Now().Add(s.later).UTC())
	if err != nil {
		s.t.Fatal(err)
	}
	return p
}

func (s *site) options() Options {
	secret := func(schema.Secret) ([]byte, error) { return []byte(tsigSecret), nil }
	writer := dns.NewRFC2136(dns.Options{Resolvers: []string{}, Secret: secret})
	return Options{
		Store: s.store, Writer: func(*schema.Zone) dns.Writer { return writer },
		Observe: s.look.RRsets,
		Clock:   time.Now, Sleep: func(ctx context.Context, d time.Duration) error { time.Sleep(d); return ctx.Err() },
		Who: state.Info{Who: "test", PID: os.Getpid()}, NodeTimeout: time.Second, Parallel: 2,
	}
}

func (s *site) apply(p *plan.Plan) *Result {
	s.t.Helper()
	res, err := Run(context.Background(), p, s.options())
	if err != nil {
		s.t.Fatal(err)
	}
	return res
}

func actions(p *plan.Plan) []string {
	var out []string
	for _, c := range p.Changes {
		out = append(out, fmt.Sprintf("%c %s", c.Action, c.Addr))
	}
	return out
}

func startDNS(t *testing.T) *dnstest.Server {
	t.Helper()
	srv, err := dnstest.New(dnstest.Options{Zones: map[string]string{"contoso.com": zoneText}, TSIG: map[string]string{"key.": tsigSecret}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { srv.Close() })
	return srv
}

// TestChild is the process that is killed: an apply that ends itself, as kill -9
// does, at the step that the environment names.
func TestChild(t *testing.T) {
	dir, step := os.Getenv("MAILRELAY_TEST_DIR"), os.Getenv("MAILRELAY_TEST_STEP")
	if dir == "" {
		t.Skip("only TestKilled runs it")
	}
	s := newSite(t, dir)
	o := s.options()
	o.Checkpoint = func(at string) {
		if at == step {
			p, err := os.FindProcess(os.Getpid())
			if err == nil {
				err = p.Kill()
			}
			t.Log(err)
			select {} // until the signal arrives
		}
	}
	o.Store = checkpoints{s.store, o.Checkpoint}
	p := s.plan()
	if _, err := Run(context.Background(), p, o); err != nil {
		t.Fatal(err)
	}
}

// checkpoints ends the process around the writes of the state too.
type checkpoints struct {
	state.Store
	at func(string)
}

func (c checkpoints) Put(ctx context.Context, r *revision.Revision) error {
	name := "the final put"
	if len(r.Intent) > 0 {
		name = "the intent"
	}
	c.at("just before " + name)
	err := c.Store.Put(ctx, r)
	c.at("just after " + name)
	return err
}

// TestKilled kills an apply at every step. Whatever it had done, the next plan
// tells the truth, the next apply finishes, what is ours is known, and what others
// wrote is untouched.
func TestKilled(t *testing.T) {
	before := []string{"- record.gone", "~ record.mx", "+ record.spf"}
	for _, tt := range []struct {
		step string
		want []string // of the next plan
	}{
		{"before the intent", before},
		{"just before the intent", before},
		{"just after the intent", before},
		{"after the intent", before},
		{"before the update", before},
		{"during the update", nil}, // done by the server, never answered
		{"after the update", nil},
		{"just before the final put", nil},
		{"just after the final put", nil},
	} {
		t.Run(tt.step, func(t *testing.T) {
			srv := startDNS(t)
			s := newSite(t, t.TempDir())
			s.write(first, srv.Addr())
			s.apply(s.plan())
			s.write(second, srv.Addr())
			cmd := exec.Command(os.Args[0], "-test.run=^TestChild$")
			cmd.Env = append(os.Environ(), "MAILRELAY_TEST_DIR="+s.dir, "MAILRELAY_TEST_STEP="+tt.step)
			serial := srv.Serial("contoso.com")
			if tt.step == "during the update" {
				srv.SetFault(func(r dnstest.Request) dnstest.Fault { return dnstest.Fault{Silent: r.Update} })
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			if tt.step == "during the update" {
				for end := time.Now().Add(20 * time.Second); srv.Serial("contoso.com") == serial && time.Now().Before(end); {
					time.Sleep(time.Millisecond)
				}
				cmd.Process.Kill()
			}
			err := cmd.Wait()
			var exit *exec.ExitError
			if !errors.As(err, &exit) || exit.ExitCode() != -1 {
				t.Fatalf("the child was not killed: %v", err)
			}
			srv.SetFault(nil)

			p := s.plan()
			if diff := cmp.Diff(tt.want, actions(p)); diff != "" {
				t.Errorf("the next plan: %s", diff)
			}
			if len(p.Drift) > 0 {
				t.Errorf("what we did ourselves shows as drift: %v", p.Drift)
			}
			res := s.apply(p)
			if again := s.plan(); !again.Converged() {
				t.Errorf("after the next apply: %v", actions(again))
			}
			if n := len(res.Revision.Intent); n != 0 {
				t.Errorf("%d intents are left", n)
			}
			owned, _ := json.Marshal(res.Revision.Owned)
			old := rr.NewSet("contoso.com.", "MX", 600, "5 old.contoso.com.")
			if o := res.Revision.Owned; len(o) != 2 || o[0].Addr.Name != "mx" || o[0].Before == nil || !o[0].Before.Same(old) || o[1].Addr.Name != "spf" {
				t.Errorf("what is ours: %s", owned)
			}
			want := `A gone.contoso.com.: [], MX contoso.com.: ["10 relay.contoso.com."], TXT contoso.com.: ["not-ours" "v=spf1 -all"]`
			if got := records(srv); got != want {
				t.Errorf("the zone has %s\nwant %s", got, want)
			}
		})
	}
}

// records shows the RRsets that the tests are about.
func records(srv *dnstest.Server) string {
	find := func(typ, name string) string {
		data := []rr.Data{}
		for _, s := range srv.Records("contoso.com") {
			if s.Type == typ && s.Name == name {
				data = s.Data
			}
		}
		return fmt.Sprintf("%s %s: %q", typ, name, data)
	}
	return strings.Join([]string{find("A", "gone.contoso.com."), find("MX", "contoso.com."), find("TXT", "contoso.com.")}, ", ")
}
