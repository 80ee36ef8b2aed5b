package main

import (
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/mailrelay/mailrelay/plan/observe/dnstest/daemon"
)

// interopZone is what the servers of testdata/interop begin with. Nothing in it is
// ours.
const interopZone = `$TTL 600
@      SOA   ns1 hostmaster 1 3600 600 86400 300
@      NS    ns1
ns1    A     127.0.0.1
@      MX    5 old
old    A     192.0.2.10
@      TXT   "foreign one"
@      TXT   "foreign " "two"
www    CNAME old
`

// TestInterop runs the scripts of testdata/interop against real name servers, each
// script against a fresh one. It is at $DNS, and its key is in $TSIG_KEY. Besides
// the commands of TestScripts there are
//
//	answer NAME TYPE   prints what dig gets, sorted, one "TTL DATA" a line
//	other LINE...      somebody else sends these lines with nsupdate
//	stop               the server dies
func TestInterop(t *testing.T) {
	dig, nsupdate := daemon.Find(t, "dig"), daemon.Find(t, "nsupdate")
	scripts, err := filepath.Glob("testdata/interop/*.txtar")
	if err != nil || len(scripts) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	servers := []struct {
		name  string
		start func(testing.TB, ...daemon.Zone) *daemon.NameServer
	}{{"named", daemon.Named}, {"knotd", daemon.Knotd}}
	for _, server := range servers {
		for _, script := range scripts {
			name := server.name + "/" + strings.TrimSuffix(filepath.Base(script), ".txtar")
			t.Run(name, func(t *testing.T) {
				ns := server.start(t, daemon.Zone{Name: "contoso.com", Text: interopZone, Key: "key.", Secret: scriptKey})
				i := interop{ns, dig, nsupdate}
				testscript.Run(t, testscript.Params{
					Files: []string{script},
					Setup: func(e *testscript.Env) error {
						e.Setenv("DNS", ns.Addr)
						e.Setenv("TSIG_KEY", scriptKey)
						e.Setenv("HOME", e.WorkDir)
						e.Setenv("GORACE", raceExit)
						return nil
					},
					Cmds: map[string]func(*testscript.TestScript, bool, []string){
						"exits": exits, "expand": expand, "answer": i.answer, "other": i.other, "stop": i.stop,
					},
				})
			})
		}
	}
}

// interop is a name server, and the programs with which others see and change it.
type interop struct {
	server        *daemon.NameServer
	dig, nsupdate string
}

func (i interop) answer(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: answer NAME TYPE")
	}
	out, err := exec.Command(i.dig, "@127.0.0.1", "-p", i.server.Port, "+norecurse", "+noall", "+answer", args[0], args[1]).Output()
	ts.Check(err)
	var lines []string
	for line := range strings.Lines(string(out)) {
		if f := strings.Fields(line); len(f) > 4 && f[3] == args[1] {
			lines = append(lines, f[1]+" "+strings.Join(f[4:], " "))
		}
	}
	slices.Sort(lines)
	fmt.Fprintln(ts.Stdout(), strings.Join(lines, "\n"))
}

func (i interop) other(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: other LINE...")
	}
	cmd := exec.Command(i.nsupdate, "-y", "hmac-sha256:key.:"+scriptKey)
	cmd.Stdin = strings.NewReader("server 127.0.0.1 " + i.server.Port + "\nzone contoso.com\n" + strings.Join(args, "\n") + "\nsend\n")
	if _, err := cmd.Output(); err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			ts.Fatalf("nsupdate: %v\n%s", err, exit.Stderr)
		}
		ts.Fatalf("nsupdate: %v", err)
	}
}

func (i interop) stop(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 0 {
		ts.Fatalf("usage: stop")
	}
	i.server.Stop()
}
