package state

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/mailrelay/mailrelay/plan/observe/dnstest/daemon"
)

// sql runs statements as the superuser of a database.
func sql(t testing.TB, db *daemon.Postgres, database string, statements ...string) {
	t.Helper()
	c, err := pgx.Connect(t.Context(), db.URL("postgres", db.Password, database))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(context.WithoutCancel(t.Context()))
	for _, s := range statements {
		if _, err := c.Exec(t.Context(), s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

// roles holds that the rights which the README asks for are enough, that less
// is said, and that nobody has more than he needs.
func roles(t *testing.T, db *daemon.Postgres) {
	ctx := t.Context()
	sql(t, db, "postgres", `CREATE ROLE mailrelay LOGIN PASSWORD 'a'`, `CREATE ROLE relay LOGIN PASSWORD 'b'`, `CREATE ROLE reader LOGIN PASSWORD 'c'`, `CREATE ROLE stranger LOGIN PASSWORD 'd'`, `CREATE DATABASE mail`)
	sql(t, db, "mail", `CREATE SCHEMA mailrelay AUTHORIZATION mailrelay`)
	as := func(role, password string) *Postgres { return openAt(t, db.URL(role, password, "mail")) }
	owner, relay, reader, stranger := as("mailrelay", "a"), as("relay", "b"), as("reader", "c"), as("stranger", "d")

	one := next(nil, "a")
	unlock, err := owner.Lock(ctx, Info{Who: "ann"}, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := owner.Put(ctx, one); err != nil {
		t.Fatal(err)
	}
	sql(t, db, "mail",
		`GRANT USAGE ON SCHEMA mailrelay TO relay, reader`,
		`GRANT SELECT ON ALL TABLES IN SCHEMA mailrelay TO relay, reader`,
		`GRANT INSERT, UPDATE ON mailrelay.nodes TO relay`)

	for _, p := range []*Postgres{relay, reader} {
		if r, err := p.Current(ctx); err != nil || r.Hash != one.Hash {
			t.Errorf("%s reads %v, %v", p, r, err)
		}
		if _, err := p.Nodes(ctx); err != nil {
			t.Error(err)
		}
		if h, err := p.Holder(ctx); err != nil || h == nil || h.Who != "ann" {
			t.Errorf("%s: the holder is %v, %v", p, h, err)
		}
	}
	if err := relay.Report(ctx, Node{Name: "edge"}); err != nil {
		t.Error(err)
	}
	ch, err := relay.Watch(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if got := <-ch; got != one.Hash {
		t.Errorf("the relay watches %s", got)
	}
	if err := unlock(); err != nil {
		t.Error(err)
	}
	two := next(one, "b")
	refused := map[string]error{
		"a relay that puts":    relay.Put(ctx, two),
		"a relay that forgets": relay.Forget(ctx, "edge"),
		"a reader that puts":   reader.Put(ctx, two), "a reader that reports": reader.Report(ctx, Node{Name: "x"}),
	}
	_, refused["a relay that locks"] = relay.Lock(ctx, Info{}, 0)
	_, refused["a stranger that reads"] = stranger.Current(ctx)
	refused["a stranger that puts"] = stranger.Put(ctx, two)
	for what, err := range refused {
		if code(err) != codeNoRight || !strings.Contains(err.Error(), "which rights the role") {
			t.Errorf("%s: %v", what, err)
		}
	}
	if h, err := owner.Holder(ctx); h != nil || err != nil {
		t.Errorf("a lock that was refused is held by %v, %v", h, err)
	}
	if err := owner.Put(ctx, two); err != nil {
		t.Error(err)
	}
	if got := <-ch; got != two.Hash {
		t.Errorf("the relay watches %s", got)
	}
}

// versions holds that tables are upgraded only when that is asked for, and that
// neither side takes what it does not know.
func versions(t *testing.T, db *daemon.Postgres) {
	ctx := t.Context()
	older, newer := openSchema(t, db, "v"), openSchema(t, db, "v")
	newer.format = append(newer.format, "ALTER TABLE state.nodes ADD COLUMN place text NOT NULL DEFAULT ''")
	one := next(nil, "a")
	if err := older.Put(ctx, one); err != nil {
		t.Fatal(err)
	}
	_, reads := newer.Current(ctx)
	_, locks := newer.Lock(ctx, Info{}, 0)
	for _, err := range []error{reads, locks, newer.Put(ctx, next(one, "b")), newer.Report(ctx, Node{Name: "x"})} {
		if err == nil || !strings.Contains(err.Error(), "its tables have format 1, and this version of mailrelay needs 2: upgrade them with mailrelay state migrate") {
			t.Errorf("a newer program on older tables: %v", err)
		}
	}

	broken := openSchema(t, db, "v")
	broken.format = append(newer.format, "CREATE TABLE state.nodes ()")
	if _, err := broken.Upgrade(ctx); err == nil {
		t.Error("a step that fails is no error")
	}
	if r, err := older.Current(ctx); err != nil || r.Hash != one.Hash {
		t.Errorf("after an upgrade that failed the older program reads %v, %v", r, err)
	}

	if from, err := newer.Upgrade(ctx); from != 1 || err != nil {
		t.Fatalf("the upgrade began at %d: %v", from, err)
	}
	if from, err := newer.Upgrade(ctx); from != 2 || err != nil {
		t.Fatalf("the second upgrade began at %d: %v", from, err)
	}
	if r, err := newer.Current(ctx); err != nil || r.Hash != one.Hash {
		t.Errorf("after the upgrade the newer program reads %v, %v", r, err)
	}
	_, reads = older.Current(ctx)
	_, upgrades := older.Upgrade(ctx)
	for _, err := range []error{reads, upgrades, older.Put(ctx, next(one, "b"))} {
		if err == nil || !strings.Contains(err.Error(), "its tables have format 2, and this version of mailrelay knows up to 1: use a newer one") {
			t.Errorf("an older program on newer tables: %v", err)
		}
	}
	ch, err := older.Watch(ctx) // it goes on to look, and never gives what it cannot read
	if err != nil {
		t.Fatal(err)
	}
	sql(t, db, "postgres", "UPDATE v.format SET version = 1")
	if got := <-ch; got != one.Hash {
		t.Errorf("got %s", got)
	}
}

func underTLS(t *testing.T, db *daemon.Postgres) {
	ctx := t.Context()
	at := func(host, options string) *Postgres {
		u, err := url.Parse(db.Super())
		if err != nil {
			t.Fatal(err)
		}
		u.Host = fmt.Sprintf("%s:%d", host, db.Port)
		u.RawQuery = options + "&search_path=tls"
		return openAt(t, u.String())
	}
	root := "&sslrootcert=" + url.QueryEscape(db.Cert)
	for _, tt := range []struct {
		host, options string
		ok            bool
	}{
		{"localhost", "sslmode=verify-full" + root, true},
		{"127.0.0.1", "sslmode=verify-ca" + root, true},
		{"127.0.0.1", "sslmode=require", true},
		{"127.0.0.1", "sslmode=verify-full" + root, false}, // the certificate is for localhost
		{"localhost", "sslmode=verify-full", false},        // nobody we trust has signed it
	} {
		p := at(tt.host, tt.options)
		err := p.Report(ctx, Node{Name: "x"})
		if (err == nil) != tt.ok {
			t.Errorf("%s %s: %v", tt.host, tt.options, err)
		}
		if err != nil && !strings.Contains(err.Error(), "x509") {
			t.Errorf("%s %s: the error does not say why: %v", tt.host, tt.options, err)
		}
		if tt.ok {
			c, err := p.session(ctx)
			if err != nil {
				t.Fatal(err)
			}
			var secure bool
			if err := c.QueryRow(ctx, "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()").Scan(&secure); err != nil || !secure {
				t.Errorf("%s: the session is not under TLS: %v", tt.options, err)
			}
			p.end(c)
		}
	}
}

// TestNoPassword holds that no error holds a password, or a part of one.
func TestNoPassword(t *testing.T) {
	const secret = "hun%2Fter2"
	closed := fmt.Sprintf("127.0.0.1:%d", daemon.FreePort(t))
	for _, address := range []string{
		"postgres://ann:" + secret + "@" + closed + "/mail",
		"postgres://ann:hun/ter2@127.0.0.1/mail",
		"postgres://ann:hun?ter2@127.0.0.1/mail",
		"postgres://ann:hun#ter2@127.0.0.1/mail",
		"postgres://ann:5432#ter2@127.0.0.1/mail",
		"postgres://ann:5432/ter2@127.0.0.1/mail",
		"postgres://ann:hun%zter2@127.0.0.1/mail",
		"postgres://ann:hun ter2@127.0.0.1/mail",
		"postgres://ann:" + secret + "@127.0.0.1:xyz/mail",
		"postgres://ann:" + secret + "@127.0.0.1/mail?sslmode=perhaps",
		"postgres://127.0.0.1/mail?user=ann&password=" + secret + "&sslmode=perhaps",
		"postgres://ann@" + closed + "/mail?password=" + secret,
		"host=127.0.0.1 password=hunter2",
	} {
		p, err := OpenPostgres(address, time.Now)
		said := fmt.Sprint(err, " ", Redact(address))
		if err == nil {
			_, err = p.Current(t.Context())
			said += fmt.Sprint(err, p)
			_, err = p.Lock(t.Context(), Info{}, 0)
			said += fmt.Sprint(err)
			p.Close()
		}
		if err == nil {
			t.Errorf("%s is taken", address)
		}
		for _, part := range []string{"hun", "ter2"} {
			if IsPostgres(address) && strings.Contains(said, part) {
				t.Errorf("%s: the error says %s", address, said)
			}
		}
	}
}

// TestSilence asks a server that takes connections and says nothing, and one that
// is not there.
func TestSilence(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	silent := openAt(t, "postgres://ann:secret@"+l.Addr().String()+"/mail?sslmode=disable&connect_timeout=1")
	silent.patient = 100 * time.Millisecond
	_, err = silent.Current(t.Context())
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "there was no answer within 100ms") {
		t.Errorf("got %v", err)
	}
	if _, err = silent.Lock(t.Context(), Info{}, time.Hour); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	stopped, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err = silent.Current(stopped); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	absent := openAt(t, fmt.Sprintf("postgres://ann:secret@127.0.0.1:%d/mail?sslmode=disable", daemon.FreePort(t)))
	if _, err = absent.Current(t.Context()); err == nil || !strings.Contains(err.Error(), "refused") {
		t.Errorf("got %v", err)
	}
}

// TestRestart stops the server under a store and a watcher, and starts it again.
func TestRestart(t *testing.T) {
	db, ctx := daemon.NewPostgres(t), t.Context()
	p := openSchema(t, db, "r")
	one := next(nil, "a")
	if err := p.Put(ctx, one); err != nil {
		t.Fatal(err)
	}
	ch, err := openSchema(t, db, "r").Watch(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if got := <-ch; got != one.Hash {
		t.Fatalf("got %s", got)
	}
	unlock, err := p.Lock(ctx, Info{Who: "ann"}, 0)
	if err != nil {
		t.Fatal(err)
	}
	db.Stop()
	two := next(one, "b")
	if err := p.Put(ctx, two); err == nil || errors.Is(err, ErrStale) {
		t.Errorf("a put without a server: %v", err)
	}
	db.Start(t)
	if r, err := p.Current(ctx); err != nil || r.Hash != one.Hash { // over connections that do not know yet
		t.Errorf("after the server came back the store has %v, %v", r, err)
	}
	if err := unlock(); err == nil {
		t.Error("a lock that was lost is given up without an error")
	}
	if err := p.Put(ctx, two); err != nil {
		t.Errorf("a put after the server came back: %v", err)
	}
	if got := <-ch; got != two.Hash {
		t.Errorf("the watcher got %s", got)
	}
	unlock, err = p.Lock(ctx, Info{Who: "ben"}, 0)
	if err != nil {
		t.Fatalf("the lock of a session that is lost is held on: %v", err)
	}
	if err := unlock(); err != nil {
		t.Error(err)
	}
}

// polling holds that a revision is seen where no announcement comes.
func polling(t *testing.T, db *daemon.Postgres) {
	ctx := t.Context()
	p, w := openSchema(t, db, "p"), openSchema(t, db, "p")
	w.poll = 10 * time.Millisecond
	ch, err := w.Watch(ctx)
	if err != nil {
		t.Fatal(err)
	}
	one := next(nil, "a")
	if err := p.Put(ctx, one); err != nil {
		t.Fatal(err)
	}
	<-ch
	two := next(one, "b")
	sql(t, db, "postgres", fmt.Sprintf("INSERT INTO p.revisions SELECT 2, '%s', hash, lineage, applied, by, content FROM p.revisions", two.Hash))
	if got := <-ch; got != two.Hash {
		t.Errorf("got %s", got)
	}
}

// breakLock ends the session of a holder that hangs.
func breakLock(t *testing.T, db *daemon.Postgres) {
	ctx := t.Context()
	p, other := openSchema(t, db, "b"), openSchema(t, db, "b")
	if broken, err := p.Break(ctx); broken || err != nil {
		t.Errorf("an empty store: %v, %v", broken, err)
	}
	unlock, err := p.Lock(ctx, Info{Who: "ann"}, 0)
	if err != nil {
		t.Fatal(err)
	}
	if broken, err := other.Break(ctx); !broken || err != nil {
		t.Fatalf("%v, %v", broken, err)
	}
	if err := unlock(); err == nil {
		t.Error("the holder does not notice")
	}
	unlock, err = other.Lock(ctx, Info{Who: "ben"}, 0)
	if err != nil {
		t.Fatal(err)
	}
	if h, err := p.Holder(ctx); err != nil || h == nil || h.Who != "ben" {
		t.Errorf("the holder is %v, %v", h, err)
	}
	if err := unlock(); err != nil {
		t.Error(err)
	}
	if broken, err := p.Break(ctx); broken || err != nil {
		t.Errorf("a free lock: %v, %v", broken, err)
	}
}

// environment holds that a password may come from libpq's own places.
func environment(t *testing.T, db *daemon.Postgres) {
	file := filepath.Join(t.TempDir(), "pass")
	if err := os.WriteFile(file, []byte("*:*:*:postgres:"+strings.ReplaceAll(db.Password, ":", `\:`)+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PGPASSFILE", file)
	if _, err := openAt(t, db.URL("postgres", "", "postgres")).Current(t.Context()); err != nil {
		t.Error(err)
	}
	t.Setenv("PGPASSFILE", "")
	t.Setenv("PGPASSWORD", db.Password)
	if _, err := openAt(t, db.URL("postgres", "", "postgres")).Current(t.Context()); err != nil {
		t.Error(err)
	}
	t.Setenv("PGPASSWORD", "another")
	if _, err := openAt(t, db.URL("postgres", "", "postgres")).Current(t.Context()); err == nil || strings.Contains(err.Error(), "another") {
		t.Errorf("got %v", err)
	}
}
