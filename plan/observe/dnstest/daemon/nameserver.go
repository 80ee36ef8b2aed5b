package daemon

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Zone is what a name server serves, and who may change it.
type Zone struct {
	Name   string // "contoso.com"
	Text   string // of the master file; names in it are relative to Name
	Key    string // name of the TSIG key that may update it, of hmac-sha256
	Secret string // base64
}

// NameServer is one that runs, as the primary server of a zone.
type NameServer struct {
	*Process
	Addr string // 127.0.0.1:port
	Port string
}

// Named runs BIND's name server.
func Named(t testing.TB, z Zone) *NameServer {
	t.Helper()
	return program{"named", namedConf, []string{"-g", "-n", "1", "-c"}, []string{"all zones loaded", "running"}}.serve(t, z)
}

// Knotd runs Knot DNS.
func Knotd(t testing.TB, z Zone) *NameServer {
	t.Helper()
	return program{"knotd", knotConf, []string{"-c"}, []string{"loaded, serial"}}.serve(t, z)
}

// program is a kind of name server.
type program struct {
	name  string
	conf  func(dir string, port int, z Zone) string
	args  []string // before the name of the configuration file
	ready []string
}

// serve starts the program in a folder of its own. Another may take the port in
// between, so it is tried a few times.
func (p program) serve(t testing.TB, z Zone) *NameServer {
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
		if err := os.WriteFile(conf, []byte(p.conf(dir, port, z)), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "master.zone"), []byte("$ORIGIN "+z.Name+".\n"+z.Text), 0o600); err != nil {
			t.Fatal(err)
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

func namedConf(dir string, port int, z Zone) string {
	return fmt.Sprintf(`
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
key %q { algorithm hmac-sha256; secret %q; };
zone %q { type primary; file "master.zone"; allow-update { key %[3]q; }; };
`, dir, port, z.Key, z.Secret, z.Name)
}

func knotConf(dir string, port int, z Zone) string {
	return fmt.Sprintf(`
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
key:
  - id: %[3]q
    algorithm: hmac-sha256
    secret: %[4]q
acl:
  - id: update
    key: %[3]q
    action: update
template:
  - id: default
    storage: %[1]q
zone:
  - domain: %[5]q
    file: master.zone
    acl: update
`, dir, port, z.Key, z.Secret, z.Name)
}
