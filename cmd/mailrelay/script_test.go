package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/mailrelay/mailrelay/plan/observe/dnstest"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"mailrelay": main})
}

// raceExit makes a program under the race detector end at once, and not after a
// second.
const raceExit = "atexit_sleep_ms=0"

const scriptKey = "bWFpbHJlbGF5LXRlc3Qta2V5LW1haWxyZWxheS10ZXN0"

// TestScripts runs testdata/*.txtar. Each has a name server of its own for
// contoso.com at $DNS, whose key is in $TSIG_KEY, and another at $DNS2 with the same
// zone, which never follows. Besides the usual commands there
// are
//
//	exits N COMMAND...      the command ends with code N
//	expand FILE...          replaces $DNS and $DNS2 in files
//	dns NAME TYPE TTL [VALUE...]  somebody else sets an RRset
//	records NAME TYPE       prints an RRset to stdout
//	tomorrow PLANFILE       dates a plan a hundred years later
//	same-token PLANFILE     the zone has the proof of ownership that a plan was to publish
//	edit PLANFILE           makes a plan say less than it does
func TestScripts(t *testing.T) {
	testscript.Run(t, scripts("testdata"))
}

// scripts are those of a directory, in the world of TestScripts.
func scripts(dir string) testscript.Params {
	return testscript.Params{
		Dir: dir,
		Setup: func(e *testscript.Env) error {
			options := dnstest.Options{
				Zones: map[string]string{"contoso.com": "$ORIGIN contoso.com.\n$TTL 600\n@ IN SOA ns1 hostmaster 1 3600 600 86400 300\n@ IN NS ns1\nns1 IN A 127.0.0.1\n@ IN MX 5 old\nold IN A 127.0.0.1\n@ IN TXT \"not-ours\"\n"},
				TSIG:  map[string]string{"key.": scriptKey},
			}
			srv, err := dnstest.New(options)
			if err != nil {
				return err
			}
			e.Defer(func() { srv.Close() })
			lags, err := dnstest.New(options)
			if err != nil {
				return err
			}
			e.Defer(func() { lags.Close() })
			e.Setenv("DNS2", lags.Addr())
			e.Values["dns"] = srv
			e.Setenv("DNS", srv.Addr())
			e.Setenv("TSIG_KEY", scriptKey)
			e.Setenv("HOME", e.WorkDir)
			e.Setenv("GORACE", raceExit)
			scripts, err := filepath.Abs("../../examples/pipelines/scripts")
			e.Setenv("PIPELINES", scripts)
			return err
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exits, "expand": expand, "dns": setRecord, "records": showRecord, "edit": edit, "tomorrow": tomorrow, "same-token": sameToken,
		},
	}
}

func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits N COMMAND...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			ts.Fatalf("%v", err)
		}
		got = exit.ExitCode()
	}
	if got != want {
		ts.Fatalf("%s exited with %d, want %d", strings.Join(args[1:], " "), got, want)
	}
}

func expand(ts *testscript.TestScript, _ bool, args []string) {
	for _, name := range args {
		text := os.Expand(ts.ReadFile(name), func(v string) string {
			if v == "DNS" || v == "DNS2" {
				return ts.Getenv(v)
			}
			return "$" + v
		})
		ts.Check(os.WriteFile(filepath.Join(ts.Getenv("WORK"), name), []byte(text), 0o600))
	}
}

func setRecord(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) < 3 {
		ts.Fatalf("usage: dns NAME TYPE TTL [VALUE...]")
	}
	ttl, err := strconv.ParseUint(args[2], 10, 32)
	ts.Check(err)
	ts.Check(ts.Value("dns").(*dnstest.Server).Set(args[0], args[1], uint32(ttl), args[3:]...))
}

func showRecord(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: records NAME TYPE")
	}
	for _, s := range ts.Value("dns").(*dnstest.Server).Records("contoso.com") {
		if s.Name == args[0] && s.Type == args[1] {
			fmt.Fprintf(ts.Stdout(), "%d %q\n", s.TTL, s.Data)
		}
	}
}

func edit(ts *testscript.TestScript, _ bool, args []string) {
	text := ts.ReadFile(args[0])
	edited := strings.Replace(text, `"20 relay.contoso.com."`, `"21 relay.contoso.com."`, 1)
	if edited == text {
		ts.Fatalf("nothing to edit in %s", args[0])
	}
	ts.Check(os.WriteFile(filepath.Join(ts.Getenv("WORK"), args[0]), []byte(edited), 0o600))
}

func tomorrow(ts *testscript.TestScript, _ bool, args []string) {
	text := ts.ReadFile(args[0])
	later := strings.Replace(text, `"timestamp": "20`, `"timestamp": "21`, 1)
	if later == text {
		ts.Fatalf("no date in %s", args[0])
	}
	ts.Check(os.WriteFile(filepath.Join(ts.Getenv("WORK"), args[0]), []byte(later), 0o600))
}

func sameToken(ts *testscript.TestScript, neg bool, args []string) {
	token := regexp.MustCompile(`mailrelay-verification=[a-z2-7]{26}`)
	want := token.FindString(ts.ReadFile(args[0]))
	got := token.FindString(fmt.Sprint(ts.Value("dns").(*dnstest.Server).Records("contoso.com")))
	if want == "" || got == "" || (want == got) == neg {
		ts.Fatalf("the plan has %q, the zone %q", want, got)
	}
}
