package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mailrelay/mailrelay/apply/state"
	"github.com/mailrelay/mailrelay/cmd/mailrelay/internal/sandbox"
	"github.com/mailrelay/mailrelay/cmd/mailrelay/internal/ui"
	"github.com/mailrelay/mailrelay/schema"
)

// cutover is examples/cutover on its way, with a relay that runs, and resolvers
// that remember where its mail goes.
type cutover struct {
	t     *testing.T
	app   *app
	world *sandbox.World
	store *state.Dir
	clock atomic.Int64
	cache []cached
}

// cached is an MX answer that a resolver may still give.
type cached struct {
	hosts []string
	until time.Time
}

func (c *cutover) now() time.Time { return time.Unix(c.clock.Load(), 0).UTC() }

func (c *cutover) pass(d time.Duration) { c.clock.Add(int64(d / time.Second)) }

// edit changes the configuration.
func (c *cutover) edit(file, old, next string) {
	c.t.Helper()
	name := filepath.Join(c.app.dir, file)
	text, err := os.ReadFile(name)
	if err != nil || !strings.Contains(string(text), old) {
		c.t.Fatalf("%s has no %q: %v", file, old, err)
	}
	if err := os.WriteFile(name, []byte(strings.ReplaceAll(string(text), old, next)), 0o600); err != nil {
		c.t.Fatal(err)
	}
}

// apply applies, remembers what resolvers saw before, and waits for the relay.
func (c *cutover) apply() {
	c.t.Helper()
	c.remember()
	if err := c.app.applyNow(c.t.Context(), applyOptions{approve: true, parallel: 4}); err != nil {
		c.t.Fatal(err)
	}
	c.remember()
	cur, err := c.store.Current(c.t.Context())
	if err != nil {
		c.t.Fatal(err)
	}
	for end := time.Now().Add(patience); ; {
		nodes, err := c.store.Nodes(c.t.Context())
		if err != nil {
			c.t.Fatal(err)
		}
		if slices.ContainsFunc(nodes, func(n state.Node) bool { return n.Revision == cur.Hash && len(n.Listeners) > 0 }) {
			return
		}
		if time.Now().After(end) {
			c.t.Fatalf("the relay does not run revision %d: %+v", cur.Serial, nodes)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// remember puts the present answer into the caches.
func (c *cutover) remember() {
	for _, s := range c.world.DNS.Records("wingtip.example") {
		if s.Type == "MX" && s.Name == "wingtip.example." {
			var hosts []string
			for _, d := range s.Data {
				_, host, _ := strings.Cut(string(d), " ")
				hosts = append(hosts, host)
			}
			c.cache = append(c.cache, cached{hosts, c.now().Add(time.Duration(s.TTL) * time.Second)})
		}
	}
}

// mail sends a message to every recipient over every MX that some resolver may give
// now. None may be refused. It reports the hosts.
func (c *cutover) mail() []string {
	c.t.Helper()
	c.remember()
	var hosts []string
	for _, m := range c.cache {
		if c.now().Before(m.until) {
			hosts = append(hosts, m.hosts...)
		}
	}
	slices.Sort(hosts)
	hosts = slices.Compact(hosts)
	for _, host := range hosts {
		if host != "mx.wingtip.example." { // what others run takes the mail
			continue
		}
		for _, user := range []string{"ann", "bob", "carol", "dave"} {
			ctx, cancel := context.WithTimeout(c.t.Context(), patience)
			_, err := c.world.Send(ctx, sandbox.Letter{Binding: "0.0.0.0:25", Client: netip.MustParseAddr("198.51.100.7"),
				From: schema.Mailbox{Local: "a", Domain: "fabrikam.com"}, To: schema.Mailbox{Local: user, Domain: "wingtip.example"}})
			cancel()
			if err != nil {
				c.t.Errorf("at %s, %s does not take mail for %s: %v", c.now(), host, user, err)
			}
		}
	}
	return hosts
}

// spf is the SPF record as it stands.
func (c *cutover) spf() string {
	for _, s := range c.world.DNS.Records("wingtip.example") {
		for _, d := range s.Data {
			if s.Type == "TXT" && strings.HasPrefix(string(d), "v=spf1") {
				return d.Text()
			}
		}
	}
	return ""
}

// TestCutover moves a domain to Exchange Online, takes away what it needed before
// too early, and goes back. At no time is a message to the domain refused, wherever a
// resolver sends it.
func TestCutover(t *testing.T) {
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("../../examples/cutover")); err != nil {
		t.Fatal(err)
	}
	none := func(string) (string, bool) { return "", false }
	var said strings.Builder
	c := &cutover{t: t, app: &app{ui: ui.New(nil, io.Discard, &said, none), env: none, world: realWorld(), dir: dir, state: t.TempDir()}}
	// Keys are signed with the time of day, and days pass here.
	c.edit("dns.mail.hcl", "\n    tsig {\n      name   = \"mailrelay.\"\n      secret = secret_file(\"/run/secrets/tsig.key\")\n    }\n", "")
	config, err := c.app.load()
	if err != nil {
		t.Fatal(err)
	}
	if c.world, err = sandbox.New(filepath.Join(dir, "sandbox"), config); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.world.Close() })
	c.app.enter(c.world)
	c.clock.Store(time.Now().Unix())
	c.app.world.clock = c.now
	if c.store, err = c.app.directory(config); err != nil {
		t.Fatal(err)
	}
	go func() { // what arrives is taken
		for range c.world.Arrivals() {
		}
	}()
	if err := c.app.applyNow(t.Context(), applyOptions{approve: true, parallel: 4}); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- c.app.serve(ctx, c.store, c.store, identity{}, slog.New(slog.DiscardHandler), nil) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})

	c.apply()
	if got := c.mail(); !slices.Equal(got, []string{"mx.wingtip.example."}) {
		t.Errorf("coexist: mail goes to %v", got)
	}
	c.edit("mailrelay.mail.hcl", "stage   = stage.coexist", "stage   = stage.cutover")
	c.pass(47 * time.Hour)
	var refused exit
	if err := c.app.applyNow(t.Context(), applyOptions{approve: true, parallel: 4}); !errors.As(err, &refused) || refused.code != exitRefused {
		t.Fatalf("the cutover after 47 h: %v", err)
	}
	c.mail()
	c.pass(time.Hour)
	c.apply()
	both := []string{"mx.wingtip.example.", "wingtip-example.mail.protection.outlook.com."}
	if got := c.mail(); !slices.Equal(got, both) {
		t.Errorf("cutover: mail goes to %v", got)
	}

	// Somebody is in a hurry: the domain knows fewer people, and Exchange Online alone
	// sends.
	original := `addresses  = ["carol@wingtip.example", "dave@wingtip.example"]`
	c.edit("mailrelay.mail.hcl", original, `addresses  = ["carol@wingtip.example"]`)
	c.edit("mailrelay.mail.hcl", `"internal_relay"`, `"authoritative"`)
	c.edit("dns.mail.hcl", "ip4 = domain.wingtip.stage.senders, ", "")
	c.pass(10 * time.Second)
	c.apply()
	if got := c.spf(); !strings.Contains(got, "ip4:192.0.2.25") {
		t.Errorf("the old address has left SPF too early: %s", got)
	}
	if got := c.mail(); !slices.Equal(got, both) {
		t.Errorf("a hurry: mail goes to %v", got)
	}
	c.pass(289 * time.Second)
	c.apply()
	if got := c.mail(); !slices.Equal(got, both) {
		t.Errorf("the last second: mail goes to %v", got)
	}
	c.pass(30 * time.Second) // the switch was seen by the apply after it
	c.apply()
	if got := c.mail(); !slices.Equal(got, both[1:]) {
		t.Errorf("when caches have forgotten: mail goes to %v", got)
	}
	if got := c.spf(); strings.Contains(got, "ip4:192.0.2.25") {
		t.Errorf("the old address is still in SPF: %s", got)
	}
	cur, err := c.store.Current(t.Context())
	if err != nil || len(cur.Retained)+len(cur.Pending) != 0 {
		t.Errorf("left: %+v %+v %v", cur.Retained, cur.Pending, err)
	}

	// And back, at once.
	c.edit("mailrelay.mail.hcl", `addresses  = ["carol@wingtip.example"]`, original)
	c.edit("mailrelay.mail.hcl", `"authoritative"`, `"internal_relay"`)
	c.edit("dns.mail.hcl", "spf({ ", "spf({ ip4 = domain.wingtip.stage.senders, ")
	c.edit("mailrelay.mail.hcl", "stage   = stage.cutover", "stage   = stage.coexist")
	c.apply()
	if got := c.mail(); !slices.Equal(got, both) {
		t.Errorf("the way back: mail goes to %v", got)
	}
	c.pass(time.Hour)
	c.apply()
	if got := c.mail(); !slices.Equal(got, both[:1]) {
		t.Errorf("back: mail goes to %v", got)
	}
	if t.Failed() {
		t.Log(said.String())
	}
}
