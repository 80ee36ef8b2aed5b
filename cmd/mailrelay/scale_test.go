//go:build unix

package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/mailrelay/mailrelay/plan/observe"
	"github.com/mailrelay/mailrelay/plan/observe/dnstest"
	"github.com/mailrelay/mailrelay/plan/observe/dnstest/daemon"
	"github.com/mailrelay/mailrelay/schema/lang"
)

// scaleZones is how many zones of ten RRsets there are.
const scaleZones = 1000

// scaleConfig is what they hold, for a zone a line of zones.csv.
const scaleConfig = `
mailrelay {
  resolvers = ["%[2]s"]
}
locals {
  zones = { for z in csvdecode(file("zones.csv")) : z.name => z }
}
zone "z" {
  for_each = local.zones
  name     = each.key
  servers  = ["%[1]s"]
  update "rfc2136" {
    server = "%[1]s"
    tsig {
      name   = "key."
      secret = secret_env("KEY")
    }
  }
}
`

// scaleRecords are the ten RRsets of each zone: label, name, type, value.
var scaleRecords = [][4]string{
	{"mx", "@", "MX", "0 ${each.value.token}.mail.protection.outlook.com."},
	{"spf", "@", "TXT", "v=spf1 include:spf.protection.outlook.com -all"},
	{"dmarc", "_dmarc", "TXT", "v=DMARC1; p=reject; rua=mailto:dmarc@${each.key}"},
	{"tls_rpt", "_smtp._tls", "TXT", "v=TLSRPTv1; rua=mailto:tls@${each.key}"},
	{"autodiscover", "autodiscover", "CNAME", "autodiscover.outlook.com."},
	{"selector1", "selector1._domainkey", "CNAME", "selector1-${each.value.token}._domainkey.contoso.onmicrosoft.com."},
	{"selector2", "selector2._domainkey", "CNAME", "selector2-${each.value.token}._domainkey.contoso.onmicrosoft.com."},
	{"sip", "_sipfederationtls._tcp", "SRV", "100 1 5061 sipfed.online.lync.com."},
	{"www", "www", "A", "192.0.2.80"},
	{"www6", "www", "AAAA", "2001:db8::80"},
}

// BenchmarkScale measures the whole program on 1,000 zones of ten RRsets: plan
// with everything and with nothing to do, and apply, against Knot DNS, and the plan
// with nothing to do against a server that takes 20 ms for each answer. The peer is
// dnsperf (Debian package dnsperf), which puts the same questions to the same
// server in the same call. It takes about a minute and needs knotd:
//
//	go test ./cmd/mailrelay -run '^$' -bench Scale -benchtime 1x
//
// Of several runs of the same the fastest counts.
//
// What limits: of the CPU time of a plan with nothing to do, a quarter goes to the
// configuration, a quarter to the state, which is read on the other core meanwhile, a
// quarter to questions, and the rest to comparing, of which a third is done on the other
// core. Questions that a server's socket drops are missed for 200 ms: the window of
// package observe is made so that there are none on loopback. With answers that take
// 20 ms it waits for that window to open. An apply waits for one server, which works at
// one update after the other.
func BenchmarkScale(b *testing.B) {
	s := newScale(b)
	var zones []daemon.Zone
	inProcess := map[string]string{}
	for i := range scaleZones {
		z := daemon.Zone{Name: zoneName(i), Text: interopSOA, Key: "key.", Secret: scriptKey}
		zones, inProcess[z.Name] = append(zones, z), z.Text
	}
	knot := daemon.Knotd(b, zones...)
	s.write(knot.Addr)
	s.measure("plan, everything to do", 3, "plan")
	s.measure("apply of everything", 1, "apply", "-auto-approve")
	s.measure("plan, nothing to do", 5, "plan", "-detailed-exitcode")
	ours := s.observe()
	peer := s.dnsperf(knot.Port)

	slow, err := dnstest.New(dnstest.Options{Zones: inProcess, TSIG: map[string]string{"key.": scriptKey}})
	if err != nil {
		b.Fatal(err)
	}
	defer slow.Close()
	s.write(slow.Addr())
	s.run("apply", "-auto-approve")
	var asked atomic.Int64
	slow.SetFault(func(dnstest.Request) dnstest.Fault {
		asked.Add(1)
		return dnstest.Fault{Delay: 20 * time.Millisecond}
	})
	const times = 3
	s.measure("plan, nothing to do, answers take 20 ms", times, "plan", "-detailed-exitcode")
	s.table.Flush()
	fmt.Printf("\n%d questions a plan; a second: observer %.0f", asked.Load()/times, ours)
	if peer > 0 {
		fmt.Printf(", dnsperf %.0f, ratio %.2f", peer, ours/peer)
	}
	fmt.Println()
}

const interopSOA = "$TTL 3600\n@ SOA ns1 hostmaster 1 3600 600 86400 300\n@ NS ns1\nns1 A 127.0.0.1\n@ TXT \"MS=ms15068668\"\n"

func zoneName(i int) string { return fmt.Sprintf("zone%d.example", i) }

// scale is a built program with a configuration.
type scale struct {
	b            *testing.B
	program, dir string
	table        *tabwriter.Writer
	world        *dnstest.Server // what resolvers know: the SPF record that all include
}

func newScale(b *testing.B) *scale {
	s := &scale{b: b, program: filepath.Join(b.TempDir(), "mailrelay"), dir: b.TempDir(), table: tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)}
	if out, err := exec.Command("go", "build", "-o", s.program, ".").CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	var err error
	if s.world, err = dnstest.New(dnstest.Options{Zones: map[string]string{"outlook.com": "@ SOA ns1 hostmaster 1 3600 600 86400 300\n@ NS ns1\nspf.protection TXT \"v=spf1 ip4:192.0.2.0/24 -all\"\n"}}); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { s.world.Close() })
	fmt.Fprintf(s.table, "\n%d zones, %d RRsets\twall\tCPU\tpeak memory\t\n", scaleZones, scaleZones*len(scaleRecords))
	return s
}

// write makes the configuration for the server at addr, with no state.
func (s *scale) write(addr string) {
	var csv, text strings.Builder
	csv.WriteString("name,token\n")
	for i := range scaleZones {
		fmt.Fprintf(&csv, "%s,zone%d-example\n", zoneName(i), i)
	}
	fmt.Fprintf(&text, scaleConfig, addr, s.world.Addr())
	for _, r := range scaleRecords {
		fmt.Fprintf(&text, "record %q {\n  for_each = local.zones\n  zone     = zone.z[each.key]\n  name     = %q\n  type     = %q\n  values   = [%q]\n}\n", r[0], r[1], r[2], r[3])
	}
	os.RemoveAll(filepath.Join(s.dir, ".mailrelay"))
	for name, content := range map[string]string{"zones.csv": csv.String(), "scale.mail.hcl": text.String()} {
		if err := os.WriteFile(filepath.Join(s.dir, name), []byte(content), 0o600); err != nil {
			s.b.Fatal(err)
		}
	}
}

// run runs the program once, and fails unless it exits with 0.
func (s *scale) run(args ...string) (wall, cpu time.Duration, peak int64) {
	s.b.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, s.program, args...)
	cmd.Dir, cmd.Env = s.dir, append(os.Environ(), "KEY="+scriptKey)
	var errs strings.Builder
	cmd.Stderr = &errs
	began := time.Now()
	if err := cmd.Run(); err != nil {
		s.b.Fatalf("mailrelay %s: %v\n%.2000s", strings.Join(args, " "), err, errs.String())
	}
	wall = time.Since(began)
	peak = cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss >> 10 // MiB: Linux counts in KiB
	return wall, cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), peak
}

// measure runs the program so many times and notes the fastest run.
func (s *scale) measure(what string, times int, args ...string) {
	s.b.Helper()
	wall, cpu, peak := s.run(args...)
	for range times - 1 {
		w, c, p := s.run(args...)
		wall, cpu, peak = min(wall, w), min(cpu, c), max(peak, p)
	}
	fmt.Fprintf(s.table, "%s\t%.2f s\t%.2f s\t%d MiB\t\n", what, wall.Seconds(), cpu.Seconds(), peak)
}

// observe gives how many questions the observer puts in a second.
func (s *scale) observe() float64 {
	c, diags := lang.Load(s.dir, lang.Options{})
	if diags.HasErrors() {
		s.b.Fatal(diags)
	}
	asks := observe.Asks(c, nil)
	for i := range asks {
		asks[i].Itself = false // one question for each
	}
	look := observe.New(observe.Options{Resolvers: []string{}})
	best := time.Hour
	for range 5 {
		began := time.Now()
		for _, o := range look.RRsets(context.Background(), asks) {
			if o.Err != "" {
				s.b.Fatal(o.Err)
			}
		}
		best = min(best, time.Since(began))
	}
	return float64(len(asks)) / best.Seconds()
}

// dnsperf gives how many questions dnsperf puts in a second, with as many
// connections as there are cores; 0 if it is not installed.
func (s *scale) dnsperf(port string) float64 {
	path, err := exec.LookPath("dnsperf")
	if err != nil {
		s.b.Log("dnsperf is not installed, so there is no ratio to it")
		return 0
	}
	var questions strings.Builder
	for i := range scaleZones {
		for _, r := range scaleRecords {
			name := zoneName(i)
			if r[1] != "@" {
				name = r[1] + "." + name
			}
			fmt.Fprintln(&questions, name, r[2])
		}
	}
	file := filepath.Join(s.dir, "questions")
	if err := os.WriteFile(file, []byte(questions.String()), 0o600); err != nil {
		s.b.Fatal(err)
	}
	best := 0.0
	for range 5 {
		out, err := exec.Command(path, "-s", "127.0.0.1", "-p", port, "-d", file, "-n", "3", "-c", "2", "-T", "2", "-e").CombinedOutput()
		if err != nil {
			s.b.Fatalf("dnsperf: %v\n%s", err, out)
		}
		for line := range strings.Lines(string(out)) {
			if rate, ok := strings.CutPrefix(strings.TrimSpace(line), "Queries per second:"); ok {
				n, err := strconv.ParseFloat(strings.TrimSpace(rate), 64)
				if err != nil {
					s.b.Fatal(err)
				}
				best = max(best, n)
			}
		}
	}
	return best
}
