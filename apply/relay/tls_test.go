package relay

import (
	"crypto/tls"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"

	"github.com/mailrelay/mailrelay/schema"
)

// upgraded is a session that has gone through STARTTLS.
const upgraded = `
	<~ 220
	-> EHLO me
	<~ 250-.*\n250-STARTTLS\n
	-> STARTTLS
	<~ 220 2\.0\.0
	tls
	-> MAIL FROM:<a@contoso.com>
	<~ 502 5\.5\.1 Please introduce yourself first
	-> EHLO me
	<~ 250-`

func TestSTARTTLS(t *testing.T) {
	w := newWorld(t, nil)
	r := w.config(block(connector("one", relaying)))
	w.run()
	w.runs(r)
	w.talk("10.1.2.3", upgraded+`
		-> STARTTLS
		<~ 502
		-> MAIL FROM:<a@contoso.com>
		<~ 250
		-> RCPT TO:<postmaster>
		<~ 250
		-> DATA
		<~ 354
		-> A: 1
		-> .
		<~ 250
		-> NOOP `+strings.Repeat("x", maxLine)+`
		<~ 500 5\.5\.2 The command line is too long
		<eof`)
	got := w.sink.next(t).Content
	want := regexp.MustCompile(`^Received: from me \(\[10\.1\.2\.3\]\)\r\n\t\(using TLS 1\.3 with cipher TLS_[A-Z0-9_]+\)\r\n\tby relay\.contoso\.com with ESMTPS id [0-9A-Z]{11};\r\n\t\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d [+-]\d{4}\r\nA: 1\r\n$`)
	if !want.MatchString(got) {
		t.Errorf("arrived: %q", got)
	}
}

func TestNothingFollowsSTARTTLSInClear(t *testing.T) {
	w := newWorld(t, nil)
	r := w.config(block(connector("one", relaying)))
	w.run()
	w.runs(r)
	w.talk("10.1.2.3", hello+`
		)> STARTTLS\r\nMAIL FROM:<evil@contoso.com>\r\n
		<~ 501 5\.5\.4
		<eof`)
	w.talk("10.1.2.3", hello+`
		-> STARTTLS now
		<~ 501 5\.5\.4
		-> NOOP
		<~ 250`)
}

func TestSelfSignedIsMadeOnce(t *testing.T) {
	now := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	w := newWorld(t, func(o *Options) { o.Clock = func() time.Time { return now } })
	n := newNode(t.Context(), w.o.withDefaults())
	first, err := n.selfSigned("relay.contoso.com")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(w.o.Dir, "tls", "relay.contoso.com.pem")
	if fi, err := os.Stat(file); err != nil || runtime.GOOS != "windows" && fi.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", fi.Mode(), err)
	}
	same := func(c tls.Certificate) bool { return c.Leaf.SerialNumber.Cmp(first.Leaf.SerialNumber) == 0 }
	if again, err := n.selfSigned("relay.contoso.com"); err != nil || !same(again) {
		t.Errorf("the second time another one: %v", err)
	}
	if other, err := n.selfSigned("other.contoso.com"); err != nil || same(other) || other.Leaf.VerifyHostname("other.contoso.com") != nil {
		t.Errorf("another name: %v", err)
	}
	now = now.Add(selfSignedFor + time.Hour)
	if later, err := n.selfSigned("relay.contoso.com"); err != nil || same(later) {
		t.Errorf("after its end: %v", err)
	}
	if err := os.WriteFile(file, []byte("damaged"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := n.selfSigned("relay.contoso.com"); err != nil {
		t.Errorf("damaged: %v", err)
	}
}

func TestPartner(t *testing.T) {
	dir := t.TempDir()
	write := func(name, host string) tls.Certificate {
		raw, err := makeCertificate(host, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), raw, 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := tls.X509KeyPair(raw, raw)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	server := write("server.pem", "relay.contoso.com")
	known, unknown := write("known.pem", "mail.partner.example"), write("unknown.pem", "mail.partner.example")
	path := func(name string) string { return filepath.ToSlash(filepath.Join(dir, name)) }
	w := newWorld(t, func(o *Options) {
		o.Secret = func(s schema.Secret) ([]byte, error) { return os.ReadFile(s.File) }
	})
	text := strings.Replace(block(connector("one", `remote_ip_ranges = ["10.0.0.0/8"]
  tls_client_names = ["*.partner.example"]
  permission "partner" {
    allow = ["accept_any_recipient"]
  }`)), `hostname = "relay.contoso.com"`, `hostname = "relay.contoso.com"
  tls {
    certificate = "`+path("server.pem")+`"
    key         = secret_file("`+path("server.pem")+`")
    client_ca   = "`+path("known.pem")+`"
  }`, 1)
	r := w.config(text)
	w.run()
	w.runs(r)
	for _, tt := range []struct {
		name, answer string
		cert         []tls.Certificate
	}{
		{"none", `550 5\.7\.54`, nil},
		{"unknown", `550 5\.7\.54`, []tls.Certificate{unknown}},
		{"known", `250`, []tls.Certificate{known}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := w.talk("10.1.2.3", ``)
			c.t, c.cert = t, tt.cert
			c.play(upgraded + `
				-> MAIL FROM:<a@fabrikam.com>
				<~ 250
				-> RCPT TO:<b@fabrikam.com>
				<~ ` + tt.answer)
			if shown := c.conn.(*tls.Conn).ConnectionState().PeerCertificates[0]; !shown.Equal(server.Leaf) {
				t.Error("the relay shows another certificate than the one given")
			}
		})
	}
}

func TestAUTH(t *testing.T) {
	users := filepath.Join(t.TempDir(), "users")
	var file string
	for _, u := range []string{"scan:geheim", "nobody:geheim"} {
		name, password, _ := strings.Cut(u, ":")
		h, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
		if err != nil {
			t.Fatal(err)
		}
		file += "# " + name + "\n" + name + ":" + string(h) + "\n\n"
	}
	if err := os.WriteFile(users, []byte(file), 0o600); err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, nil)
	r := w.config(block(strings.Replace(connector("one", `remote_ip_ranges = ["10.0.0.0/8"]
  auth_mechanisms = ["tls", "basic_auth", "basic_auth_require_tls"]
  users {
    file = "`+filepath.ToSlash(users)+`"
  }
  permission "user:nobody" {
    deny = ["smtp_submit"]
  }`), `["anonymous_users"]`, `["exchange_users"]`, 1)))
	w.run()
	w.runs(r)
	// base64 of \0name\0password, and of the name and the password
	const (
		scan    = "AHNjYW4AZ2VoZWlt"
		wrong   = "AHNjYW4AZmFsc2No"
		missing = "AHdlcgBnZWhlaW0="
		nobody  = "AG5vYm9keQBnZWhlaW0="
	)
	t.Run("in clear", func(t *testing.T) {
		w.talk("10.1.2.3", hello+`
			-> MAIL FROM:<a@contoso.com>
			<~ 530 5\.7\.57 .*receive_connector\.one
			-> AUTH PLAIN `+scan+`
			<~ 538 5\.7\.11 receive_connector\.one`)
		c := w.talk("10.1.2.3", `
			<~ 220
			-> EHLO x`)
		if caps, err := c.answer(); err != nil || strings.Contains(caps, "AUTH") {
			t.Errorf("AUTH is offered in clear: %q, %v", caps, err)
		}
	})
	for name, dialogue := range map[string]string{
		"PLAIN": `
			-> AUTH PLAIN ` + scan + `
			<~ 235`,
		"PLAIN, asked for": `
			-> AUTH PLAIN
			<~ 334 $
			-> ` + scan + `
			<~ 235`,
		"LOGIN": `
			-> AUTH LOGIN
			<~ 334 VXNlcm5hbWU6
			-> c2Nhbg==
			<~ 334 UGFzc3dvcmQ6
			-> Z2VoZWlt
			<~ 235`,
		"LOGIN with the name": `
			-> AUTH LOGIN c2Nhbg==
			<~ 334 UGFzc3dvcmQ6
			-> Z2VoZWlt
			<~ 235`,
		"after a mistake": `
			-> AUTH PLAIN ` + wrong + `
			<~ 535 5\.7\.8
			-> AUTH PLAIN ` + missing + `
			<~ 535 5\.7\.8
			-> AUTH PLAIN ` + scan + `
			<~ 235`,
	} {
		t.Run(name, func(t *testing.T) {
			c := w.talk("10.1.2.3", upgraded+dialogue+`
				-> MAIL FROM:<a@contoso.com>
				<~ 250
				-> RCPT TO:<b@fabrikam.com>
				<~ 250
				-> DATA
				<~ 354
				-> A: 1
				-> .
				<~ 250`)
			c.t = t
			if got := w.sink.next(t).Content; !strings.Contains(got, "with ESMTPSA id") {
				t.Errorf("arrived: %q", got)
			}
		})
	}
	t.Run("a user without the right", func(t *testing.T) {
		w.talk("10.1.2.3", upgraded+`
			-> AUTH PLAIN `+nobody+`
			<~ 535 5\.7\.3 receive_connector\.one`)
	})
	t.Run("what is not base64", func(t *testing.T) {
		w.talk("10.1.2.3", upgraded+`
			-> AUTH PLAIN !!!
			<~ 501 5\.5\.2 .*receive_connector\.one
			-> AUTH LOGIN
			<~ 334
			-> scan!
			<~ 501 5\.5\.2
			-> AUTH LOGIN
			<~ 334
			-> *
			<~ 501
			-> AUTH PLAIN `+scan+`
			<~ 235`)
	})
	t.Run("too many failures", func(t *testing.T) {
		w.talk("10.1.2.3", upgraded+`
			-> AUTH PLAIN `+wrong+`
			<~ 535
			-> AUTH PLAIN `+missing+`
			<~ 535
			-> AUTH PLAIN `+wrong+`
			<~ 421 4\.7\.0
			<eof`)
	})
	t.Run("a new user needs no new revision", func(t *testing.T) {
		h, err := bcrypt.GenerateFromPassword([]byte("geheim"), bcrypt.MinCost)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(users, []byte("wer:"+string(h)), 0o600); err != nil {
			t.Fatal(err)
		}
		w.talk("10.1.2.3", upgraded+`
			-> AUTH PLAIN `+missing+`
			<~ 235`)
	})
}

// TestDummy makes sure that a name which nobody has takes as long to refuse as a
// wrong password: bcrypt says at once what is no hash.
func TestDummy(t *testing.T) {
	if err := bcrypt.CompareHashAndPassword([]byte(dummy), []byte("x")); err != bcrypt.ErrMismatchedHashAndPassword {
		t.Error(err)
	}
}

// TestALogOnCountsWhereItWasMade: a revision that hands the session to a connector
// with other users does not hand the log-on over.
func TestALogOnCountsWhereItWasMade(t *testing.T) {
	w := newWorld(t, nil)
	config := func(file, comment string) string {
		hash, err := bcrypt.GenerateFromPassword([]byte("geheim"), bcrypt.MinCost)
		if err != nil {
			t.Fatal(err)
		}
		file = filepath.Join(w.o.Dir, file)
		if err := os.WriteFile(file, []byte("scan:"+string(hash)+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		return block(strings.Replace(connector("one", `remote_ip_ranges = ["10.0.0.0/8"]
  auth_mechanisms = ["tls", "basic_auth"]
  `+comment+`
  users {
    file = "`+filepath.ToSlash(file)+`"
  }`), `["anonymous_users"]`, `["exchange_users"]`, 1))
	}
	w.runsFrom(config("users", ""))
	c := w.talk("10.1.2.3", hello+`
		-> AUTH PLAIN AHNjYW4AZ2VoZWlt
		<~ 235
		-> MAIL FROM:<a@contoso.com>
		<~ 250
		-> RSET
		<~ 250`)
	w.runs(w.config(config("users", "max_message_size = 1000")))
	c.play(`
		-> MAIL FROM:<a@contoso.com>
		<~ 250
		-> RSET
		<~ 250`)
	w.runs(w.config(config("others", "")))
	c.play(`
		-> MAIL FROM:<a@contoso.com>
		<~ 530 5\.7\.57`)
}
