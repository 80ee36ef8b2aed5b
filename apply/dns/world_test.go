package dns

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/miekg/dns"
	"github.com/zclconf/go-cty/cty"

	"github.com/mailrelay/mailrelay/plan"
	"github.com/mailrelay/mailrelay/plan/observe"
	"github.com/mailrelay/mailrelay/plan/observe/dnstest"
	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/rr"
)

const (
	keyName = "mailrelay."
	secret  = "c2VjcmV0IHNlY3JldCBzZWNyZXQgc2VjcmV0ISE="
)

// contoso is the zone that every server starts with. Nothing in it is ours.
const contoso = `$TTL 3600
@       SOA    ns1 hostmaster 1 3600 600 86400 300
@       NS     ns1
ns1     A      127.0.0.1
@       MX     10 old
old     A      192.0.2.10
@       TXT    "foreign one"
@       TXT    "foreign " "two"
www     CNAME  old
*.w     TXT    "wild"
mixed   MX     10 Old.CONTOSO.com.
`

// world is a name server with the zone contoso.com, and a writer to it.
type world struct {
	t      *testing.T
	addr   string
	zone   *schema.Zone
	writer *RFC2136
	look   *observe.Client
}

// newWorld makes the world around the server at addr.
func newWorld(t *testing.T, addr string) *world {
	w := &world{t: t, addr: addr, zone: zoneBlock(t, "contoso.com", addr, keyName), look: observe.New(observe.Options{})}
	w.writer = NewRFC2136(Options{Secret: func(schema.Secret) ([]byte, error) { return []byte(secret + "\n"), nil }})
	return w
}

// zoneBlock makes a zone that is read and written at addr.
func zoneBlock(t *testing.T, name, addr, key string) *schema.Zone {
	t.Helper()
	typ := schema.TypeNamed(schema.Types(), "zone")
	ty := typ.Body.Type()
	update := ty.AttributeType("update")
	rfc := update.AttributeType("rfc2136")
	str := cty.StringVal
	tsig := cty.NullVal(rfc.AttributeType("tsig"))
	if key != "" {
		sec := rfc.AttributeType("tsig").AttributeType("secret")
		ref := map[string]cty.Value{}
		for n := range sec.AttributeTypes() {
			ref[n] = cty.NullVal(cty.String)
		}
		ref["secret_env"] = str("KEY")
		tsig = cty.ObjectVal(map[string]cty.Value{"name": str(key), "algorithm": str("hmac-sha256"), "secret": cty.ObjectVal(ref)})
	}
	up := map[string]cty.Value{}
	for n, at := range update.AttributeTypes() {
		up[n] = cty.NullVal(at)
	}
	up["rfc2136"] = cty.ObjectVal(map[string]cty.Value{"server": str(addr), "tsig": tsig})
	all := map[string]cty.Value{}
	for n, at := range ty.AttributeTypes() {
		all[n] = cty.NullVal(at)
	}
	all["name"], all["servers"], all["update"] = str(name), cty.ListVal([]cty.Value{str(addr)}), cty.ObjectVal(up)
	b, err := typ.New(schema.Addr{Type: "zone", Name: "contoso"}, cty.ObjectVal(all), hcl.Range{})
	if err != nil {
		t.Fatal(err)
	}
	return b.(*schema.Zone)
}

// see asks the server for an RRset.
func (w *world) see(name, typ string) plan.Observation {
	w.t.Helper()
	o := w.look.At(w.t.Context(), w.zone, w.addr, []rr.Key{{Name: rr.Full(name, "contoso.com"), Type: typ}})[0]
	if o.Err != "" {
		w.t.Fatalf("%s: %s", o.Key, o.Err)
	}
	return o
}

// change is the change that a plan would make now: to the RRset with those
// values, or to none.
func (w *world) change(name, typ string, ttl uint32, values ...string) plan.SetChange {
	w.t.Helper()
	o := w.see(name, typ)
	c := plan.SetChange{Zone: w.zone.Addr(), Key: o.Key, Before: o.Set, Wire: o.Wire}
	if len(values) > 0 {
		s := newSet(w.t, name, typ, ttl, values...)
		c.After = &s
	}
	return c
}

func newSet(t *testing.T, name, typ string, ttl uint32, values ...string) rr.Set {
	t.Helper()
	var data []rr.Data
	for _, v := range values {
		d, err := rr.Parse(typ, "contoso.com", v)
		if err != nil {
			t.Fatal(err)
		}
		data = append(data, d)
	}
	return rr.NewSet(rr.Full(name, "contoso.com"), typ, ttl, data...)
}

// other updates the zone as somebody else would, without prerequisites. A line
// without data deletes the RRset.
func (w *world) other(lines ...string) {
	w.t.Helper()
	m := new(dns.Msg).SetUpdate("contoso.com.")
	for _, l := range lines {
		r, err := dns.NewRR(l)
		if err != nil {
			w.t.Fatal(err)
		}
		m.RemoveRRset([]dns.RR{dns.Copy(r)})
		m.Insert([]dns.RR{r})
	}
	m.SetTsig(keyName, dns.HmacSHA256, 300, time.Now().Unix())
	c := &dns.Client{Net: "tcp", TsigSecret: map[string]string{keyName: secret}}
	a, _, err := c.ExchangeContext(w.t.Context(), m, w.addr)
	if err != nil || a.Rcode != dns.RcodeSuccess {
		w.t.Fatalf("somebody else's update: %v %v", err, a)
	}
}

// startDNSTest runs a server in process.
func startDNSTest(t *testing.T) *world {
	s, err := dnstest.New(dnstest.Options{Zones: map[string]string{"contoso.com": contoso}, TSIG: map[string]string{keyName: secret}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return newWorld(t, s.Addr())
}

// program is a name server to be installed on the machine.
type program struct {
	name string // of the command
	// config writes the server's files into dir and gives its arguments.
	config func(t *testing.T, dir string, port int) (args []string)
	ready  []string // what it must have written to stderr
}

// start runs the program in a folder of its own until the test ends. Another may
// take the port in between, so it is tried a few times.
func (p program) start(t *testing.T) *world {
	t.Helper()
	path, err := exec.LookPath(p.name)
	if err != nil {
		path = filepath.Join("/usr/sbin", p.name) // seldom in the PATH of users
		if _, err := os.Stat(path); err != nil {
			if os.Getenv("MAILRELAY_TEST_SERVERS") == "required" {
				t.Fatalf("%s is not installed, and MAILRELAY_TEST_SERVERS=required", p.name)
			}
			t.Skipf("%s is not installed", p.name)
		}
	}
	var said string
	for range 5 {
		port := freePort(t)
		dir, err := os.MkdirTemp("", "dns") // t.TempDir is too long for a Unix socket
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { os.RemoveAll(dir) })
		if err := os.WriteFile(filepath.Join(dir, "contoso.zone"), []byte("$ORIGIN contoso.com.\n"+contoso), 0o644); err != nil {
			t.Fatal(err)
		}
		var ok bool
		if said, ok = run(t, exec.Command(path, p.config(t, dir, port)...), p.ready); ok {
			return newWorld(t, fmt.Sprintf("127.0.0.1:%d", port))
		}
	}
	t.Fatalf("%s did not start:\n%s", p.name, said)
	return nil
}

// run starts cmd and waits until it has written every word of ready. ok is false
// if it ends before or takes longer than 20 s.
func run(t *testing.T, cmd *exec.Cmd, ready []string) (said string, ok bool) {
	t.Helper()
	out, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stop := context.AfterFunc(t.Context(), func() { cmd.Process.Kill() }) // before Cleanup, and if that never comes
	up, done := make(chan string), make(chan string)
	go func() {
		var all strings.Builder
		left := ready
		for lines := bufio.NewScanner(out); lines.Scan(); {
			fmt.Fprintln(&all, lines.Text())
			if len(left) > 0 && strings.Contains(lines.Text(), left[0]) {
				if left = left[1:]; len(left) == 0 {
					up <- all.String()
				}
			}
		}
		cmd.Wait()
		done <- all.String()
	}()
	limit := time.NewTimer(20 * time.Second)
	defer limit.Stop()
	select {
	case said = <-up:
		t.Cleanup(func() {
			stop()
			cmd.Process.Kill()
			if said := <-done; t.Failed() {
				t.Log(said)
			}
		})
		return said, true
	case said = <-done:
		return said, false
	case <-limit.C:
		cmd.Process.Kill()
		select {
		case <-up:
			return <-done, false
		case said = <-done:
			return said, false
		}
	}
}

// freePort finds a port that is free for UDP and TCP.
func freePort(t *testing.T) int {
	t.Helper()
	for range 20 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		p, err := net.ListenPacket("udp", l.Addr().String())
		l.Close()
		if err == nil {
			p.Close()
			return l.Addr().(*net.TCPAddr).Port
		}
	}
	t.Fatal("no port is free")
	return 0
}
