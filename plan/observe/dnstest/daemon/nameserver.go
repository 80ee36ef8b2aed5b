package daemon

import (
	"cmp"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Zone is what a name server serves, and who may change it.
type Zone struct {
	Name   string // "contoso.com"
	Text   string // of the master file; names in it are relative to Name
	Key    string // name of the TSIG key that may update it
	Secret string // base64
	// Algorithm is that of Key. Empty: hmac-sha256.
	Algorithm string
	// Idle is the name of a key with the same secret that the server knows, and that
	// may change nothing. Empty: none.
	Idle string
	// Closed: nobody may transfer the zone.
	Closed bool
}

// transfer is what BIND's allow-transfer says.
func (z Zone) transfer() string {
	if z.Closed {
		return "none"
	}
	return "any"
}

// NameServer is one that runs, as the primary server of some zones. Everybody on
// this machine may transfer them, unless they are closed.
type NameServer struct {
	*Process
	Addr string // 127.0.0.1:port
	Port string
}

// Named runs BIND's name server. Zones with the same key have the same secret.
func Named(t testing.TB, zones ...Zone) *NameServer {
	t.Helper()
	return program{"named", namedConf, []string{"-g", "-n", "1", "-c"}, []string{"all zones loaded", "running"}}.serve(t, zones)
}

// Knotd runs Knot DNS. Zones with the same key have the same secret.
func Knotd(t testing.TB, zones ...Zone) *NameServer {
	t.Helper()
	loaded := slices.Repeat([]string{"loaded, serial"}, len(zones))
	return program{"knotd", knotConf, []string{"-c"}, loaded}.serve(t, zones)
}

// program is a kind of name server.
type program struct {
	name  string
	conf  func(dir string, port int, zones []Zone) string
	args  []string // before the name of the configuration file
	ready []string
}

// serve starts the program in a folder of its own. Another may take the port in
// between, so it is tried a few times.
func (p program) serve(t testing.TB, zones []Zone) *NameServer {
	t.Helper()
	path := Find(t, p.name)
	var last error
	for range 5 {
		dir, err := os.MkdirTemp("", "dns") // t.TempDir is too long for a Unix socket
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { os.RemoveAll(dir) })
		port := FreePort(t)
		conf := filepath.Join(dir, "server.conf")
		if err := os.WriteFile(conf, []byte(p.conf(dir, port, zones)), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, z := range zones {
			if err := os.WriteFile(filepath.Join(dir, z.Name+".zone"), []byte("$ORIGIN "+z.Name+".\n"+z.Text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		run, err := Start(t, exec.Command(path, append(p.args, conf)...), p.ready...)
		if err == nil {
			return &NameServer{run, fmt.Sprintf("127.0.0.1:%d", port), fmt.Sprint(port)}
		}
		last = err
	}
	t.Fatal(last)
	return nil
}

// keys are the keys of the zones, each once.
func keys(zones []Zone) []Zone {
	seen := map[string]bool{}
	var out []Zone
	for _, z := range zones {
		z.Algorithm = cmp.Or(z.Algorithm, "hmac-sha256")
		for _, name := range []string{z.Key, z.Idle} {
			if name != "" && !seen[name] {
				seen[name] = true
				z.Key = name
				out = append(out, z)
			}
		}
	}
	return out
}

func namedConf(dir string, port int, zones []Zone) string {
	var b strings.Builder
	fmt.Fprintf(&b, `
options {
	directory %q;
	pid-file none;
	session-keyfile none;
	listen-on port %d { 127.0.0.1; };
	listen-on-v6 { none; };
	recursion no;
	notify no;
	dnssec-validation no;
	empty-zones-enable no;
};
controls { };
`, dir, port)
	for _, z := range keys(zones) {
		fmt.Fprintf(&b, "key %q { algorithm %s; secret %q; };\n", z.Key, z.Algorithm, z.Secret)
	}
	for _, z := range zones {
		fmt.Fprintf(&b, "zone %q { type primary; file %q; allow-update { key %q; }; allow-transfer { %s; }; };\n", z.Name, z.Name+".zone", z.Key, z.transfer())
	}
	return b.String()
}

func knotConf(dir string, port int, zones []Zone) string {
	var b strings.Builder
	fmt.Fprintf(&b, `
server:
  rundir: %[1]q
  listen: 127.0.0.1@%[2]d
  udp-workers: 1
  tcp-workers: 1
  background-workers: 1
database:
  storage: %[1]q
log:
  - target: stderr
    any: info
template:
  - id: default
    storage: %[1]q
    file: "%%s.zone"
    zonefile-sync: 1h
`, dir, port)
	b.WriteString("key:\n")
	for _, z := range keys(zones) {
		fmt.Fprintf(&b, "  - id: %q\n    algorithm: %s\n    secret: %q\n", z.Key, z.Algorithm, z.Secret)
	}
	b.WriteString("acl:\n  - id: transfer\n    address: 127.0.0.1\n    action: transfer\n")
	for _, z := range keys(zones) {
		if !slices.ContainsFunc(zones, func(of Zone) bool { return of.Idle == z.Key }) {
			fmt.Fprintf(&b, "  - id: %q\n    key: %[1]q\n    action: update\n", z.Key)
		}
	}
	b.WriteString("zone:\n")
	for _, z := range zones {
		acl := fmt.Sprintf("transfer, %q", z.Key)
		if z.Closed {
			acl = fmt.Sprintf("%q", z.Key)
		}
		fmt.Fprintf(&b, "  - domain: %q\n    acl: [%s]\n", z.Name, acl)
	}
	return b.String()
}
