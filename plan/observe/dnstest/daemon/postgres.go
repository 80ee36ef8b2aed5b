package daemon

import (
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Postgres is a PostgreSQL server with a cluster of its own. It speaks TLS and
// plain text on a port of 127.0.0.1, and every role needs its password.
type Postgres struct {
	Port     int
	Password string // of the superuser, postgres
	Cert     string // PEM file of the server's certificate, its own root, for localhost

	dir     string
	program string
	owner   string // who runs it; empty: who runs the test
	run     *Process
}

// NewPostgres makes a cluster and runs its server until the end of the test.
func NewPostgres(t testing.TB) *Postgres {
	t.Helper()
	p := &Postgres{program: findPostgres(t), Password: "super secret/?"}
	var err error
	if p.dir, err = os.MkdirTemp("", "pg"); err != nil { // t.TempDir is too long for a Unix socket
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(p.dir) })
	if os.Geteuid() == 0 { // as whom it refuses to run
		p.own(t)
	}
	p.make(t)
	for range 5 { // another may take the port in between
		p.Port = FreePort(t)
		if err = p.start(t); err == nil {
			return p
		}
	}
	t.Fatal(err)
	return nil
}

// findPostgres gives the path of the newest server that is installed: Debian keeps
// it out of the PATH.
func findPostgres(t testing.TB) string {
	t.Helper()
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	slices.SortFunc(found, func(a, b string) int {
		va, _ := strconv.Atoi(strings.Split(a, "/")[4])
		vb, _ := strconv.Atoi(strings.Split(b, "/")[4])
		return vb - va
	})
	if len(found) > 0 {
		return found[0]
	}
	return Find(t, "postgres")
}

// own gives the folder to the user postgres.
func (p *Postgres) own(t testing.TB) {
	t.Helper()
	u, err := user.Lookup("postgres")
	if err != nil {
		t.Fatal(err)
	}
	uid, _ := strconv.Atoi(u.Uid)
	gid, _ := strconv.Atoi(u.Gid)
	if err := os.Chown(p.dir, uid, gid); err != nil {
		t.Fatal(err)
	}
	p.owner = "postgres"
}

// command is a program of the server's, as its owner.
func (p *Postgres) command(program string, args ...string) *exec.Cmd {
	if p.owner != "" {
		args = append([]string{"--reuid=" + p.owner, "--regid=" + p.owner, "--clear-groups", program}, args...)
		program = "setpriv"
	}
	cmd := exec.Command(program, args...)
	cmd.Dir = p.dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C"}
	return cmd
}

func (p *Postgres) make(t testing.TB) {
	t.Helper()
	script := `set -e
printf '%s' "$2" >password
"$1"/initdb -D data -U postgres --pwfile=password -A scram-sha-256 -E UTF8 --locale=C --no-sync
rm password
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 3650 -subj /CN=localhost -addext subjectAltName=DNS:localhost -keyout data/server.key -out data/server.crt
chmod 600 data/server.key
`
	out, err := p.command("sh", "-c", script, "sh", filepath.Dir(p.program), p.Password).CombinedOutput()
	if err != nil {
		t.Fatalf("making a cluster: %v\n%s", err, out)
	}
	p.Cert = filepath.Join(p.dir, "data", "server.crt")
}

func (p *Postgres) start(t testing.TB) (err error) {
	t.Helper()
	args := []string{"-D", "data", "-p", strconv.Itoa(p.Port), "-h", "127.0.0.1", "-k", p.dir}
	for _, setting := range []string{"ssl=on", "fsync=off", "full_page_writes=off", "shared_buffers=16MB", "max_connections=100", "jit=off", "logging_collector=off"} {
		args = append(args, "-c", setting)
	}
	p.run, err = Start(t, p.command(p.program, args...), "ready to accept connections")
	if err == nil {
		t.Cleanup(p.Stop) // before the process is killed, which would leave its shared memory
	}
	return err
}

// Start runs the server again after Stop, on the same port.
func (p *Postgres) Start(t testing.TB) {
	t.Helper()
	if err := p.start(t); err != nil {
		t.Fatal(err)
	}
}

// Stop ends the server at once, as a crash does, and with it all connections. It
// may be called twice.
func (p *Postgres) Stop() {
	_ = p.run.cmd.Process.Signal(syscall.SIGQUIT) // fails if it is gone already
	limit := time.NewTimer(patience)
	defer limit.Stop()
	select {
	case <-p.run.done:
	case <-limit.C:
	}
	p.run.Stop()
}

// Said is what the server has written since it was started last.
func (p *Postgres) Said() string { return p.run.Said() }

// URL is an address of a database, in plain text. With an empty password it holds
// none.
func (p *Postgres) URL(role, password, database string) string {
	u := url.URL{Scheme: "postgres", User: url.UserPassword(role, password), Host: fmt.Sprintf("127.0.0.1:%d", p.Port), Path: "/" + database, RawQuery: "sslmode=disable"}
	if password == "" {
		u.User = url.User(role)
	}
	return u.String()
}

// Super is the address of the superuser's database.
func (p *Postgres) Super() string { return p.URL("postgres", p.Password, "postgres") }
