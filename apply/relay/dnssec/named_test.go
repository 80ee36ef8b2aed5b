package dnssec

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mailrelay/mailrelay/plan/observe/dnstest/daemon"
)

// signedRoot is a root zone with a signed part, one that is not signed (open), and
// one whose records are changed after they were signed (mx.bad).
const signedRoot = `$TTL 60
. IN SOA ns. h. 1 3600 600 86400 60
. IN NS ns.
ns. IN A 127.0.0.1
a.test. IN MX 10 mx.a.test.
mx.a.test. IN A 192.0.2.1
_25._tcp.mx.a.test. IN TLSA 3 1 1 0102030405060708091011121314151617181920212223242526272829303132
alias.test. IN CNAME mx.a.test.
away.test. IN CNAME mx.open.
mx.bad.test. IN A 192.0.2.66
open. IN NS ns.
`

const openZone = `$TTL 60
open. IN SOA ns. h. 1 3600 600 86400 60
open. IN NS ns.
open. IN MX 10 mx.open.
mx.open. IN A 192.0.2.2
_25._tcp.mx.open. IN TLSA 3 1 1 00
`

// TestNamed asks BIND, which validates a root of the test's own.
func TestNamed(t *testing.T) {
	named := daemon.Find(t, "named")
	keygen, signzone := daemon.Find(t, "dnssec-keygen"), daemon.Find(t, "dnssec-signzone")
	dir := t.TempDir()
	write := func(name, text string) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	in := func(program string, args ...string) string {
		t.Helper()
		cmd := exec.Command(program, args...)
		cmd.Dir = dir
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%s: %v", program, err)
		}
		return strings.TrimSpace(string(out))
	}
	zone, anchor := signedRoot, ""
	for _, flags := range [][]string{{"-f", "KSK"}, nil} {
		name := in(keygen, append(append([]string{"-a", "ECDSAP256SHA256"}, flags...), ".")...)
		key, err := os.ReadFile(filepath.Join(dir, name+".key"))
		if err != nil {
			t.Fatal(err)
		}
		zone += string(key)
		if flags != nil {
			fields := strings.Fields(string(key)[strings.Index(string(key), "DNSKEY"):])
			anchor = strings.Join(fields[4:], "")
		}
	}
	write("root", zone)
	in(signzone, "-o", ".", "-e", "+1d", "root")
	signed, err := os.ReadFile(filepath.Join(dir, "root.signed"))
	if err != nil {
		t.Fatal(err)
	}
	write("root.signed", strings.ReplaceAll(string(signed), "192.0.2.66", "192.0.2.67"))
	write("open", openZone)

	start := func(name, options, more string) string {
		t.Helper()
		own := filepath.Join(dir, name)
		if err := os.Mkdir(own, 0o700); err != nil {
			t.Fatal(err)
		}
		var last error
		for range 5 { // another may take the port in between
			port := daemon.FreePort(t)
			conf := write(name+".conf", fmt.Sprintf(`options {
	directory %q; pid-file none; session-keyfile none; listen-on port %d { 127.0.0.1; }; listen-on-v6 { none; };
	allow-query { any; }; notify no; %s
};
controls {};
%s`, own, port, options, more))
			if _, last = daemon.Start(t, exec.Command(named, "-g", "-n", "1", "-c", conf), "all zones loaded", "running"); last == nil {
				return fmt.Sprintf("127.0.0.1:%d", port)
			}
		}
		t.Fatal(last)
		return ""
	}
	owner := start("owner", "recursion no; dnssec-validation no;", fmt.Sprintf("zone \".\" { type primary; file %q; };\nzone \"open\" { type primary; file %q; };",
		filepath.Join(dir, "root.signed"), filepath.Join(dir, "open")))
	_, port, _ := net.SplitHostPort(owner)
	forward := fmt.Sprintf("recursion yes; forward only; forwarders { 127.0.0.1 port %s; };", port)
	lax := start("lax", forward+" dnssec-validation no;", "")
	strict := start("strict", forward+" dnssec-validation yes;", fmt.Sprintf("trust-anchors { \".\" static-key 257 3 13 %q; };", anchor))

	use := func(at string) *Resolver {
		return New(Options{System: func() ([]string, error) { return []string{at}, nil }})
	}
	if err := use(lax).Usable(t.Context()); err == nil || !strings.Contains(err.Error(), "does not validate DNSSEC") {
		t.Errorf("a resolver that does not validate: %v", err)
	}
	r := use(strict)
	if err := r.Usable(t.Context()); err != nil {
		t.Fatal(err)
	}
	kind := func(err error) string {
		var e *net.DNSError
		switch {
		case err == nil:
			return "found"
		case errors.As(err, &e) && e.IsNotFound:
			return "nothing"
		}
		return "error"
	}
	for _, tt := range []struct{ question, want string }{
		{"MX a.test.", "found true"},
		{"MX mx.a.test.", "nothing true"},
		{"MX gone.test.", "nothing true"},
		{"MX open.", "found false"},
		{"TLSA _25._tcp.mx.a.test.", "found true"},
		{"TLSA _25._tcp.a.test.", "nothing true"},
		{"TLSA _25._tcp.mx.open.", "found false"},
		{"A mx.a.test.", "found true  false"},
		{"A alias.test.", "found true mx.a.test false"},
		{"A away.test.", "found false mx.open true"},
		{"A mx.open.", "found false  false"},
		{"A mx.bad.test.", "error false  false"},
	} {
		qtype, name, _ := strings.Cut(tt.question, " ")
		got := ""
		switch qtype {
		case "MX":
			_, secure, err := r.LookupMX(t.Context(), name)
			got = fmt.Sprint(kind(err), " ", secure)
		case "TLSA":
			_, secure, err := r.LookupTLSA(t.Context(), name)
			got = fmt.Sprint(kind(err), " ", secure)
		default:
			h, err := r.LookupHost(t.Context(), name)
			got = fmt.Sprint(kind(err), " ", h.Secure, " ", h.Name, " ", h.Alias)
		}
		if got != tt.want {
			t.Errorf("%s: %s, want %s", tt.question, got, tt.want)
		}
	}
}
