package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mailrelay/mailrelay/plan/observe/dnstest/daemon"
)

// gate is a proxy in process that can be shut: what goes through it then is cut off,
// and nobody comes in.
type gate struct {
	to string
	l  net.Listener

	mu   sync.Mutex
	shut bool
	open map[net.Conn]bool
}

func newGate(t *testing.T, to string) *gate {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g := &gate{to: to, l: l, open: map[net.Conn]bool{}}
	t.Cleanup(func() {
		l.Close()
		g.set(true)
	})
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go g.pass(c)
		}
	}()
	return g
}

func (g *gate) pass(in net.Conn) {
	defer in.Close()
	out, err := net.Dial("tcp", g.to)
	if err != nil {
		return
	}
	defer out.Close()
	g.mu.Lock()
	if g.shut {
		g.mu.Unlock()
		return
	}
	g.open[in], g.open[out] = true, true
	g.mu.Unlock()
	go func() {
		_, _ = io.Copy(out, in)
		out.Close()
	}()
	_, _ = io.Copy(in, out)
}

// set shuts the gate, or opens it.
func (g *gate) set(shut bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.shut = shut
	if shut {
		for c := range g.open {
			c.Close()
		}
		clear(g.open)
	}
}

// fleetSite is three relays with one state in PostgreSQL. Each has a way of its own
// to the database.
type fleetSite struct {
	*site
	db    *daemon.Postgres
	gates map[string]*gate
	addrs map[string]string
	runs  map[string]*daemon.Process
	logs  []func() string // of all processes that ran
}

func newFleetSite(t *testing.T) *fleetSite {
	f := &fleetSite{site: newSite(t), db: daemon.NewPostgres(t), gates: map[string]*gate{}, addrs: map[string]string{}, runs: map[string]*daemon.Process{}}
	f.state = f.db.Super()
	for _, name := range []string{"a", "b", "c"} {
		f.gates[name] = newGate(t, fmt.Sprintf("127.0.0.1:%d", f.db.Port))
		f.addrs[name] = fmt.Sprintf("127.0.0.1:%d", daemon.FreePort(t))
	}
	return f
}

// config is a configuration of the three relays, which all send to one host.
func (f *fleetSite) config(domain, host string) string {
	var b strings.Builder
	for name, addr := range f.addrs {
		fmt.Fprintf(&b, `
relay %q {
  hostname = "%s.contoso.com"

  queue {
    retry_intervals = ["1s"]
  }
}

receive_connector %q {
  relay             = relay.%s
  bindings          = [%q]
  remote_ip_ranges  = ["127.0.0.1"]
  permission_groups = ["anonymous_users"]

  permission "anonymous" {
    allow = ["accept_any_recipient"]
  }
}
`, name, name, name, name, addr)
	}
	fmt.Fprintf(&b, "send_connector \"out\" {\n  address_spaces = [\"*\"]\n  smart_hosts    = [%q]\n}\n\ndomain \"new\" {\n  name    = %q\n  default = true\n}\n", host, domain)
	return b.String()
}

// start starts a relay, and returns when a revision is in force.
func (f *fleetSite) start(name string) {
	f.t.Helper()
	u, err := url.Parse(f.state)
	if err != nil {
		f.t.Fatal(err)
	}
	u.Host = f.gates[name].l.Addr().String()
	cmd := exec.Command("mailrelay", "serve", "-state="+u.String(), "-relay="+name, "-node="+name, "-dir="+filepath.Join(filepath.Dir(f.dir), name))
	cmd.Dir, cmd.Env = f.t.TempDir(), []string{"GORACE=" + raceExit}
	run, err := daemon.Start(f.t, cmd, "a revision is in force")
	if err != nil {
		f.t.Fatal(err)
	}
	f.runs[name] = run
	f.logs = append(f.logs, run.Said)
}

// states are the states of the nodes, and the serial of each, as status has them.
func (f *fleetSite) states() (current uint64, states map[string]string, serials map[string]uint64) {
	f.t.Helper()
	out, _ := f.run(exitDone, "status", "-json")
	var st status
	if err := json.Unmarshal([]byte(out), &st); err != nil {
		f.t.Fatal(err)
	}
	states, serials = map[string]string{}, map[string]uint64{}
	for _, n := range st.Nodes {
		states[n.Name], serials[n.Name] = n.State, n.Serial
	}
	return st.Revision.Serial, states, serials
}

func (f *fleetSite) converged(what string) {
	f.t.Helper()
	eventually(f.t, what, func() bool {
		_, states, _ := f.states()
		return states["a"] == "running" && states["b"] == "running" && states["c"] == "running"
	})
}

// TestFleet has three relays take mail while applies go on, and one is killed,
// another is cut off from the database, and the database itself is stopped: each
// message that was answered with 250 arrives, all end on the last revision, and no
// node ever ran one that was not applied.
func TestFleet(t *testing.T) {
	host := newMailHost(t, nil, nil)
	f := newFleetSite(t)
	f.apply(f.config("one.example", host.addr))
	for name := range f.addrs {
		f.start(name)
	}
	f.converged("three nodes run")

	arrived := map[string]bool{}
	var mu sync.Mutex
	go func() {
		for l := range host.got {
			_, rest, _ := strings.Cut(l.Content, "Subject: ")
			number, _, _ := strings.Cut(rest, "\r\n")
			mu.Lock()
			arrived[number] = true
			mu.Unlock()
		}
	}()
	stop := make(chan struct{})
	var wg sync.WaitGroup
	taken := make([][]int, 3)
	for i, name := range []string{"a", "b", "c"} {
		wg.Go(func() {
			sender := numbered{addr: f.addrs[name]}
			defer sender.hangUp()
			for n := i; ; n += 3 {
				select {
				case <-stop:
					return
				case <-time.After(20 * time.Millisecond):
				}
				if sender.send(n) == nil {
					taken[i] = append(taken[i], n)
				}
			}
		})
	}

	f.runs["a"].Stop()
	f.start("a")
	f.apply(f.config("two.example", host.addr))

	f.gates["c"].set(true) // it goes on with what it has
	f.configure(f.config("three.example", host.addr))
	f.run(exitDone, "apply", "-auto-approve")
	f.runs["c"].Stop()
	f.start("c")
	f.gates["c"].set(false)
	f.converged("the node that was cut off follows")

	f.db.Stop()
	f.run(exitError, "status")
	f.runs["b"].Stop()
	f.start("b") // without the database
	f.db.Start(t)
	f.apply(f.config("four.example", host.addr))
	f.converged("all follow when the database is back")
	close(stop)
	wg.Wait()

	all := 0
	for i, name := range []string{"a", "b", "c"} {
		if len(taken[i]) < 10 {
			t.Errorf("node %s took %d messages", name, len(taken[i]))
		}
		all += len(taken[i])
		eventually(t, "what node "+name+" took arrives", func() bool {
			mu.Lock()
			defer mu.Unlock()
			for _, n := range taken[i] {
				if !arrived[fmt.Sprint(n)] {
					return false
				}
			}
			return true
		})
	}
	f.onlyApplied()
	t.Logf("%d messages were taken, and all arrived", all)
}

// onlyApplied holds that every revision that a node ran is in the chain.
func (f *fleetSite) onlyApplied() {
	f.t.Helper()
	out, _ := f.run(exitDone, "history", "-json", "-n=0")
	var list []entry
	if err := json.Unmarshal([]byte(out), &list); err != nil {
		f.t.Fatal(err)
	}
	known := map[string]bool{}
	for _, e := range list {
		known[e.Hash.Short()] = true
	}
	ran := 0
	for _, said := range f.logs {
		for line := range strings.Lines(said()) {
			var event struct{ Msg, Revision string }
			if json.Unmarshal([]byte(line), &event) != nil || event.Msg != "a revision is in force" {
				continue
			}
			if ran++; !known[event.Revision] {
				f.t.Errorf("a node ran revision %s, which nobody applied", event.Revision)
			}
		}
	}
	if ran < 9 {
		f.t.Errorf("the nodes ran only %d revisions", ran)
	}
}

// TestRivals has ten plans of one state applied at the same time, by processes of
// their own, of which some are killed: one wins each round, or none, and the others
// are told who holds the lock or that their plan is stale. MAILRELAY_TEST_ROUNDS
// says how many rounds.
func TestRivals(t *testing.T) {
	rounds := 3
	if _, err := fmt.Sscan(os.Getenv("MAILRELAY_TEST_ROUNDS"), &rounds); err != nil {
		rounds = 3
	}
	const rivals = 10
	db := daemon.NewPostgres(t)
	s := newSite(t)
	s.state = db.Super()
	var serial uint64
	for round := range rounds {
		plans := make([]string, rivals)
		for i := range plans {
			s.configure(fmt.Sprintf("domain \"d\" {\n  name = \"r%d-%d.example\"\n}\n", round, i))
			plans[i] = filepath.Join(s.dir, fmt.Sprintf("%d.plan", i))
			s.run(exitDone, "plan", "-out="+plans[i])
		}
		codes, said := make([]int, rivals), make([]string, rivals)
		var wg sync.WaitGroup
		for i := range rivals {
			wg.Go(func() {
				cmd := exec.Command("mailrelay", "-chdir="+s.dir, "apply", "-state="+s.state, plans[i])
				cmd.Env = append(os.Environ(), "GORACE="+raceExit)
				var errs strings.Builder
				cmd.Stderr = &errs
				if err := cmd.Start(); err != nil {
					t.Error(err)
					return
				}
				if i%5 == 4 { // some are killed, wherever they are
					time.AfterFunc(time.Duration(10+10*(round%20))*time.Millisecond, func() { cmd.Process.Kill() })
				}
				_ = cmd.Wait()
				codes[i], said[i] = cmd.ProcessState.ExitCode(), errs.String()
			})
		}
		wg.Wait()
		won := 0
		for i, code := range codes {
			switch {
			case code == exitDone:
				won++
			case code == -1: // killed
			case code == exitStale && strings.Contains(said[i], "The plan is stale"):
			case code == exitError && strings.Contains(said[i], "the state is locked by"):
			default:
				t.Errorf("round %d: exit %d\n%s", round, code, said[i])
			}
		}
		out, _ := s.run(exitDone, "status", "-json")
		var st status
		if err := json.Unmarshal([]byte(out), &st); err != nil {
			t.Fatal(err)
		}
		var now uint64
		if st.Revision != nil {
			now = st.Revision.Serial
		}
		// One that was killed may have won, and not have lived to say so.
		if won > 1 || now-serial > 1 || uint64(won) > now-serial {
			t.Fatalf("round %d: %d say that they won, and %d revisions were put", round, won, now-serial)
		}
		serial = now
		if _, said := s.runState("unlock"); !strings.Contains(said, "not locked") {
			t.Errorf("round %d leaves a lock: %s", round, said)
		}
	}
	if serial == 0 {
		t.Error("nobody ever won")
	}
	t.Logf("%d rounds made %d revisions", rounds, serial)
}

// runState runs a command of mailrelay state, which must succeed.
func (s *site) runState(command string) (stdout, stderr string) {
	s.t.Helper()
	cmd := exec.Command("mailrelay", "state", command, "-state="+s.state)
	cmd.Env = append(os.Environ(), "GORACE="+raceExit)
	var out, errs strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		s.t.Fatalf("state %s: %v\n%s", command, err, &errs)
	}
	return out.String(), errs.String()
}
