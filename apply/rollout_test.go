package apply

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mailrelay/mailrelay/apply/state"
	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/revision"
)

// fleetConfig is a relay whose changes go to one node first, and a record that
// follows.
const fleetConfig = `
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

record "www" {
  zone   = zone.contoso
  name   = "www"
  type   = "TXT"
  values = ["$TEXT"]
}

relay "edge" {
  hostname = "$HOST"

  rollout {
    canary = 1
    hold   = "30s"
  }
}
`

// fleet is a site with nodes that take over what is meant for them, whenever the
// apply sleeps. Its clock goes as the apply sleeps.
type fleet struct {
	*site
	now   time.Time
	nodes []state.Node
	// each is called for every node after it has looked at the state.
	each func(n *state.Node, cur *revision.Revision)
	ran  map[string][]string // host names, by node
	said []string
}

func newFleet(t *testing.T, names ...string) *fleet {
	f := &fleet{site: newSite(t, t.TempDir()), now: time.Now(), ran: map[string][]string{}}
	for i, name := range names {
		f.nodes = append(f.nodes, state.Node{Name: name, Relay: "relay.edge", PID: i + 1})
	}
	return f
}

func (f *fleet) options() Options {
	o := f.site.options()
	o.Clock, o.NodeTimeout = func() time.Time { return f.now }, 10*time.Second
	o.Sleep = func(ctx context.Context, d time.Duration) error {
		f.now = f.now.Add(d)
		f.look(ctx)
		return ctx.Err()
	}
	o.Event = func(e Event) { f.said = append(f.said, e.Text) }
	return o
}

// look has every node look at the state, and report.
func (f *fleet) look(ctx context.Context) {
	f.t.Helper()
	cur, err := f.store.Current(ctx)
	if err != nil {
		f.t.Fatal(err)
	}
	for i := range f.nodes {
		n := &f.nodes[i]
		for r := cur; r != nil; {
			if !r.Meant(relayEdge(), n.Name) {
				if r, err = f.store.At(ctx, r.Serial-1); err != nil {
					f.t.Fatal(err)
				}
				continue
			}
			if n.Revision != r.Hash && n.Refused != r.Hash {
				n.Revision, n.Serial = r.Hash, r.Serial
				host := hostname(f.t, r)
				if ran := f.ran[n.Name]; len(ran) == 0 || ran[len(ran)-1] != host {
					f.ran[n.Name] = append(ran, host)
				}
			}
			break
		}
		n.At = f.now
		if f.each != nil {
			f.each(n, cur)
		}
		if n.Name != "" {
			if err := f.store.Report(ctx, *n); err != nil {
				f.t.Fatal(err)
			}
		}
	}
}

// change plans and applies a host name, with a text in DNS.
func (f *fleet) change(host, text, server string) (*Result, error) {
	f.t.Helper()
	f.write(strings.NewReplacer("$HOST", host, "$TEXT", text).Replace(fleetConfig), server)
	return Run(f.t.Context(), f.plan(), f.options())
}

func TestRollout(t *testing.T) {
	for _, tt := range []struct {
		name string
		// each is what happens to a node while the change is rolled out.
		each  func(n *state.Node, cur *revision.Revision)
		err   string
		first []string // what the node that goes first ran
	}{
		{name: "all is well", first: []string{"one.contoso.com", "two.contoso.com"}},
		{name: "refused", each: func(n *state.Node, cur *revision.Revision) {
			if n.Name == "a" && len(cur.Rollout) > 0 {
				n.Refused, n.LastError, n.Revision = cur.Hash, "the port is taken", "old"
			}
		}, err: "relay node a, which went first, refuses revision 3: the port is taken: the change was turned back, and DNS was not changed"},
		{name: "alarms", each: func(n *state.Node, cur *revision.Revision) {
			if n.Name == "a" && len(cur.Rollout) > 0 {
				n.Alarms, n.LastError = 1, "550 5.7.64 relay denied"
			}
		}, err: "relay node a, which went first, could not hand mail on: 550 5.7.64 relay denied", first: []string{"one.contoso.com", "two.contoso.com", "one.contoso.com"}},
		{name: "started again", each: func(n *state.Node, cur *revision.Revision) {
			if n.Name == "a" && len(cur.Rollout) > 0 {
				n.PID = 99
			}
		}, err: "ended and was started again", first: []string{"one.contoso.com", "two.contoso.com", "one.contoso.com"}},
		{name: "silent", each: func(n *state.Node, cur *revision.Revision) {
			if n.Name == "a" && len(cur.Rollout) > 0 {
				n.At = n.At.Add(-time.Minute)
			}
		}, err: "relay node a, which went first, is gone", first: []string{"one.contoso.com", "two.contoso.com", "one.contoso.com"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			srv := startDNS(t)
			f := newFleet(t, "a", "b", "c")
			if _, err := f.change("one.contoso.com", "first", srv.Addr()); err != nil { // nobody runs yet
				t.Fatal(err)
			}
			f.look(t.Context())
			started, wrote := f.now, srv.Serial("contoso.com")
			f.each = func(n *state.Node, cur *revision.Revision) {
				if len(cur.Rollout) > 0 && srv.Serial("contoso.com") != wrote {
					t.Error("DNS was changed while a node went first")
				}
				if tt.each != nil {
					tt.each(n, cur)
				}
			}
			res, err := f.change("two.contoso.com", "second", srv.Addr())
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Fatalf("got %v", err)
				}
				if srv.Serial("contoso.com") != wrote {
					t.Error("DNS was changed")
				}
			} else {
				if err != nil {
					t.Fatal(err)
				}
				if f.now.Sub(started) < 30*time.Second {
					t.Errorf("the node that went first was watched for %s", f.now.Sub(started))
				}
				if srv.Serial("contoso.com") == wrote {
					t.Error("DNS was not changed")
				}
			}
			if tt.first != nil && !slices.Equal(f.ran["a"], tt.first) {
				t.Errorf("the node that went first ran %v", f.ran["a"])
			}
			want := []string{"one.contoso.com"}
			if tt.err == "" {
				want = append(want, "two.contoso.com")
			}
			for _, other := range []string{"b", "c"} {
				if !slices.Equal(f.ran[other], want) {
					t.Errorf("node %s ran %v, want %v", other, f.ran[other], want)
				}
			}
			cur, err := f.store.Current(t.Context())
			if err != nil || len(cur.Rollout) > 0 || hostname(t, cur) != want[len(want)-1] || cur.Hash != res.Revision.Hash {
				t.Errorf("the state ends with %s, rollout %v: %v", hostname(t, cur), cur.Rollout, err)
			}
		})
	}
}

// TestRolloutGoesOn has an apply killed while a node goes first: the next one goes
// on with it, or back where the configuration does.
func TestRolloutGoesOn(t *testing.T) {
	for _, next := range []string{"two.contoso.com", "one.contoso.com"} {
		t.Run(next, func(t *testing.T) {
			srv := startDNS(t)
			f := newFleet(t, "a", "b")
			if _, err := f.change("one.contoso.com", "first", srv.Addr()); err != nil {
				t.Fatal(err)
			}
			f.look(t.Context())
			killed := func() (killed bool) {
				defer func() { killed = recover() != nil }()
				f.write(strings.NewReplacer("$HOST", "two.contoso.com", "$TEXT", "first").Replace(fleetConfig), srv.Addr())
				o := f.options()
				o.Checkpoint = func(step string) {
					if step == "after the canary" {
						panic(step)
					}
				}
				_, err := Run(t.Context(), f.plan(), o)
				t.Errorf("it was not killed: %v", err)
				return false
			}()
			f.look(t.Context())
			if !killed || f.nodes[0].Revision == f.nodes[1].Revision {
				t.Fatal("node a did not go first")
			}
			if _, err := f.change(next, "first", srv.Addr()); err != nil {
				t.Fatal(err)
			}
			f.look(t.Context())
			for _, n := range f.nodes {
				cur, _ := f.store.Current(t.Context())
				if n.Revision != cur.Hash || hostname(t, cur) != next || len(cur.Rollout) > 0 {
					t.Errorf("node %s runs %s, and %s is current", n.Name, n.Revision.Short(), cur.Hash.Short())
				}
			}
		})
	}
}

// TestRolloutOfDNS holds that a change of DNS alone waits for no node to go first.
func TestRolloutOfDNS(t *testing.T) {
	srv := startDNS(t)
	f := newFleet(t, "a", "b")
	if _, err := f.change("one.contoso.com", "first", srv.Addr()); err != nil {
		t.Fatal(err)
	}
	f.look(t.Context())
	if _, err := f.change("one.contoso.com", "second", srv.Addr()); err != nil {
		t.Fatal(err)
	}
	if all := fmt.Sprint(f.said); strings.Contains(all, "goes to") {
		t.Errorf("it said %s", all)
	}
}

func relayEdge() schema.Addr { return schema.Addr{Type: "relay", Name: "edge"} }

// hostname is that of the relay of a revision.
func hostname(t testing.TB, r *revision.Revision) string {
	t.Helper()
	c, err := r.InForce()
	if err != nil {
		t.Fatal(err)
	}
	return schema.At[*schema.Relay](c, relayEdge()).Hostname
}
