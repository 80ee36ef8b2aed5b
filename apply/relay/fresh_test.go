package relay

import (
	"crypto/tls"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"

	"github.com/mailrelay/mailrelay/schema"
)

// TestFilesThatChange gives a running relay another certificate, other authorities
// and other users, by turns broken and right, without a new revision.
func TestFilesThatChange(t *testing.T) {
	dir := t.TempDir()
	path := func(name string) string { return filepath.ToSlash(filepath.Join(dir, name)) }
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(path(name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	certificate := func(host string) (string, tls.Certificate) {
		t.Helper()
		raw, err := makeCertificate(host, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		c, err := tls.X509KeyPair(raw, raw)
		if err != nil {
			t.Fatal(err)
		}
		return string(raw), c
	}
	user := func(name, password string) string {
		t.Helper()
		h, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
		if err != nil {
			t.Fatal(err)
		}
		return name + ":" + string(h) + "\n"
	}
	firstText, first := certificate("relay.contoso.com")
	secondText, second := certificate("relay.contoso.com")
	knownText, known := certificate("mail.partner.example")
	write("server.pem", firstText)
	write("ca.pem", secondText)
	write("users", user("scan", "alt"))
	var later atomic.Int64
	w := newWorld(t, func(o *Options) {
		o.Secret = func(s schema.Secret) ([]byte, error) { return os.ReadFile(s.File) }
		o.Clock = func() time.Time { return time.Now().Add(time.Duration(later.Load())) }
	})
	w.runsFrom(strings.Replace(block(strings.Replace(connector("one", `remote_ip_ranges = ["10.0.0.0/8"]
  auth_mechanisms  = ["tls", "basic_auth"]
  tls_client_names = ["*.partner.example"]
  permission "partner" {
    allow = ["accept_any_recipient"]
  }
  users {
    file = "`+path("users")+`"
  }`), `["anonymous_users"]`, `["anonymous_users", "exchange_users"]`, 1)), `hostname = "relay.contoso.com"`, `hostname = "relay.contoso.com"
  tls {
    certificate = "`+path("server.pem")+`"
    key         = secret_file("`+path("server.pem")+`")
    client_ca   = "`+path("ca.pem")+`"
  }`, 1))
	shows := func(want tls.Certificate, relays, password string) {
		t.Helper()
		c := w.connect("10.1.2.3")
		c.cert = []tls.Certificate{known}
		c.play(upgraded)
		if shown := c.conn.(*tls.Conn).ConnectionState().PeerCertificates[0]; !shown.Equal(want.Leaf) {
			t.Error("the relay shows another certificate")
		}
		c.play(`
			-> MAIL FROM:<a@fabrikam.com>
			<~ 250
			-> RCPT TO:<b@fabrikam.com>
			<~ ` + relays + `
			-> RSET
			<~ 250
			-> AUTH LOGIN c2Nhbg==
			<~ 334
			-> ` + password + `
			<~ 235
			-> QUIT
			<~ 221`)
	}
	const old, fresh = "YWx0", "bmV1"
	shows(first, "550", old)
	write("server.pem", "not a certificate")
	write("ca.pem", "none")
	write("users", "scan\n")
	later.Add(int64(certificateEvery))
	shows(first, "550", old)
	shows(first, "550", old)
	for _, what := range []string{"the certificate", "client_ca", "the list of users"} {
		if n := strings.Count(w.log.String(), "what "+what+" is made of has changed and cannot be used"); n != 1 {
			t.Errorf("the log says %d times that %s is broken", n, what)
		}
	}
	write("server.pem", secondText)
	write("ca.pem", knownText)
	write("users", user("scan", "neu"))
	shows(first, "550", fresh) // read a moment ago
	later.Add(int64(certificateEvery))
	shows(second, "250", fresh)
}
