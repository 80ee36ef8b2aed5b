package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mailrelay/mailrelay/plan/observe/dnstest/daemon"
)

// patience is how long a test waits for what must happen.
const patience = 20 * time.Second

// site is a relay as an administrator has it: a directory with its configuration,
// another with its state, a port of loopback, and the program, run as processes.
type site struct {
	t     *testing.T
	dir   string // of the configuration
	state string
	addr  string // where the relay listens, 127.0.0.1:port
	relay *daemon.Process
}

func newSite(t *testing.T) *site {
	t.Helper()
	root := t.TempDir()
	s := &site{t: t, dir: filepath.Join(root, "config"), state: filepath.Join(root, "state")}
	s.addr = fmt.Sprintf("127.0.0.1:%d", daemon.FreePort(t))
	if err := os.Mkdir(s.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	return s
}

// in is the same site for a subtest.
func (s *site) in(t *testing.T) *site {
	sub := *s
	sub.t = t
	return &sub
}

// configure writes the configuration, in which $RELAY stands for the address of
// the relay.
func (s *site) configure(text string) {
	s.t.Helper()
	text = strings.ReplaceAll(text, "$RELAY", s.addr)
	if err := os.WriteFile(filepath.Join(s.dir, "site.mail.hcl"), []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// run runs a command on the site's configuration and state. It must end with the
// exit code.
func (s *site) run(code int, command string, flags ...string) (stdout, stderr string) {
	s.t.Helper()
	args := append([]string{"-chdir=" + s.dir, command, "-state=" + s.state}, flags...)
	cmd := exec.Command("mailrelay", args...)
	cmd.Env = append(os.Environ(), "GORACE="+raceExit)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		s.t.Fatal(err)
	}
	if got := cmd.ProcessState.ExitCode(); got != code {
		s.t.Fatalf("mailrelay %s exits with %d, want %d\n%s%s", command, got, code, &out, &errs)
	}
	return out.String(), errs.String()
}

// apply makes a configuration so.
func (s *site) apply(text string) {
	s.t.Helper()
	s.configure(text)
	s.run(exitDone, "apply", "-auto-approve", "-detailed-exitcode")
}

// serve starts the relay, in an empty directory and without any environment, and
// returns when a revision is in force.
func (s *site) serve() {
	s.t.Helper()
	s.serveUntil("a revision is in force")
	eventually(s.t, "the node's first report", func() bool {
		reports, err := filepath.Glob(filepath.Join(s.state, "nodes", "*.json"))
		return err == nil && len(reports) > 0
	})
}

// serveUntil starts the relay, and returns when its log holds the words.
func (s *site) serveUntil(words string) {
	s.t.Helper()
	cmd := exec.Command("mailrelay", "serve", "-state="+s.state)
	cmd.Dir, cmd.Env = s.t.TempDir(), []string{}
	relay, err := daemon.Start(s.t, cmd, words)
	if err != nil {
		s.t.Fatal(err)
	}
	s.relay = relay
	s.t.Cleanup(func() {
		relay.Stop()
		for _, sign := range []string{"DATA RACE", "panic:", "which is a defect"} {
			if strings.Contains(relay.Said(), sign) {
				s.t.Errorf("the relay wrote %q", sign)
			}
		}
	})
}

// status is what status -json says: when the revision was applied, and what the
// only node does that has been a relay.
func (s *site) status() (applied time.Time, node nodeStatus) {
	s.t.Helper()
	out, _ := s.run(exitDone, "status", "-json")
	var st status
	if err := json.Unmarshal([]byte(out), &st); err != nil {
		s.t.Fatal(err)
	}
	nodes := slices.DeleteFunc(st.Nodes, func(n nodeStatus) bool { return n.Relay == "" && n.State == "stopped" })
	if st.Revision == nil || len(nodes) != 1 {
		s.t.Fatalf("status has no revision, or not one node:\n%s", out)
	}
	return st.Revision.Applied, nodes[0]
}

func (s *site) node() nodeStatus {
	s.t.Helper()
	_, n := s.status()
	return n
}

// await waits until status says what ok wants of the only node. A node reports at
// each change of its revision, and every five seconds.
func (s *site) await(what string, ok func(nodeStatus) bool) nodeStatus {
	s.t.Helper()
	var n nodeStatus
	eventually(s.t, what, func() bool {
		n = s.node()
		return ok(n)
	})
	return n
}

// eventually waits until ok is true: other processes give no channel to wait on.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	limit := time.NewTimer(patience)
	defer limit.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-limit.C:
			t.Fatalf("it did not happen within %s: %s", patience, what)
		}
	}
}
