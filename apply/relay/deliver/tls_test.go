package deliver

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mailrelay/mailrelay/schema"
)

// authority issues certificates.
type authority struct {
	t    testing.TB
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t testing.TB) *authority {
	a := &authority{t: t}
	a.cert, a.key = a.issue(&x509.Certificate{IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign, Subject: pkix.Name{CommonName: "test"}})
	return a
}

func (a *authority) issue(c *x509.Certificate) (*x509.Certificate, *ecdsa.PrivateKey) {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	c.SerialNumber = big.NewInt(1)
	c.NotBefore, c.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	parent, signer := a.cert, a.key
	if parent == nil {
		parent, signer = c, key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, &key.PublicKey, signer)
	if err != nil {
		a.t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	return cert, key
}

// server is the side of a host with these names.
func (a *authority) server(names ...string) *tls.Config {
	cert, key := a.issue(&x509.Certificate{DNSNames: names, IPAddresses: []net.IP{net.ParseIP("192.0.2.9")}})
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{cert.Raw}, PrivateKey: key}}}
}

func (a *authority) pool() *x509.CertPool {
	p := x509.NewCertPool()
	p.AddCert(a.cert)
	return p
}

func (a *authority) pem() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.cert.Raw})
}

// try is how one connection ended.
type try struct {
	TLS      bool
	Verified string
	Dials    int
	Error    string // beginning of the outcome's text; empty: it was delivered
}

func TestTLSModes(t *testing.T) {
	for _, tt := range []struct {
		name  string
		tls   schema.SendTLS
		names []string // in the certificate; nil: no STARTTLS
		roots string   // "system" gives the issuer to Options.Roots, "file" to ca
		broken,
		auth bool
		want try
	}{
		{name: "none ignores the offer", tls: schema.SendTLS{Mode: "none"}, names: []string{"mx.test"}, want: try{Dials: 1}},
		{name: "opportunistic", tls: schema.SendTLS{Mode: "opportunistic", Verify: "none"}, names: []string{"mx.test"}, want: try{TLS: true, Dials: 1}},
		{name: "opportunistic, not offered", tls: schema.SendTLS{Mode: "opportunistic", Verify: "none"}, want: try{Dials: 1}},
		{name: "opportunistic, handshake fails", tls: schema.SendTLS{Mode: "opportunistic", Verify: "none"}, names: []string{"mx.test"}, broken: true, want: try{Dials: 2}},
		{name: "opportunistic but verified, handshake fails", tls: schema.SendTLS{Mode: "opportunistic", Verify: "certificate"}, names: []string{"mx.test"}, broken: true, want: try{Dials: 1, Error: "securing the connection to mx.test: the TLS handshake failed"}},
		{name: "required, not offered", tls: schema.SendTLS{Mode: "required", Verify: "none"}, want: try{Dials: 1, Error: "mx.test does not offer STARTTLS"}},
		{name: "required, handshake fails", tls: schema.SendTLS{Mode: "required", Verify: "none"}, names: []string{"mx.test"}, broken: true, want: try{Dials: 1, Error: "securing the connection to mx.test: the TLS handshake failed"}},
		{name: "required, any certificate", tls: schema.SendTLS{Mode: "required", Verify: "none"}, names: []string{"other.test"}, want: try{TLS: true, Dials: 1}},
		{name: "certificate of the host", tls: schema.SendTLS{Mode: "required", Verify: "certificate"}, names: []string{"mx.test"}, roots: "system", want: try{TLS: true, Verified: "mx.test", Dials: 1}},
		{name: "certificate by roots of its own", tls: schema.SendTLS{Mode: "required", Verify: "certificate"}, names: []string{"mx.test"}, roots: "file", want: try{TLS: true, Verified: "mx.test", Dials: 1}},
		{name: "certificate of another host", tls: schema.SendTLS{Mode: "required", Verify: "certificate"}, names: []string{"other.test"}, roots: "system", want: try{Dials: 1, Error: "securing the connection to mx.test: the TLS handshake failed: the certificate is not one of mx.test"}},
		{name: "certificate of nobody known", tls: schema.SendTLS{Mode: "required", Verify: "certificate"}, names: []string{"mx.test"}, want: try{Dials: 1, Error: "securing the connection to mx.test: the TLS handshake failed: the certificate of mx.test is not trusted"}},
		{name: "domain, one label before it", tls: schema.SendTLS{Mode: "required", Verify: "domain", Domain: "mail.test"}, names: []string{"x.mail.test"}, roots: "system", want: try{TLS: true, Verified: "mail.test", Dials: 1}},
		{name: "domain, wildcard", tls: schema.SendTLS{Mode: "required", Verify: "domain", Domain: "mail.test"}, names: []string{"*.mail.test"}, roots: "file", want: try{TLS: true, Verified: "mail.test", Dials: 1}},
		{name: "domain, the name itself", tls: schema.SendTLS{Mode: "required", Verify: "domain", Domain: "mail.test"}, names: []string{"MAIL.test"}, roots: "system", want: try{TLS: true, Verified: "mail.test", Dials: 1}},
		{name: "domain, two labels before it", tls: schema.SendTLS{Mode: "required", Verify: "domain", Domain: "mail.test"}, names: []string{"x.y.mail.test"}, roots: "system", want: try{Dials: 1, Error: "securing the connection to mx.test: the TLS handshake failed: the certificate of mx.test bears no name of the domain mail.test"}},
		{name: "domain, name ends alike", tls: schema.SendTLS{Mode: "required", Verify: "domain", Domain: "mail.test"}, names: []string{"xmail.test"}, roots: "system", want: try{Dials: 1, Error: "securing the connection to mx.test: the TLS handshake failed: the certificate of mx.test bears no name of the domain"}},
		{name: "domain, right name of nobody known", tls: schema.SendTLS{Mode: "required", Verify: "domain", Domain: "mail.test"}, names: []string{"x.mail.test"}, want: try{Dials: 1, Error: "securing the connection to mx.test: the TLS handshake failed: the certificate of mx.test is not trusted"}},
		{name: "dane without a validator", tls: schema.SendTLS{Mode: "opportunistic", Verify: "dane"}, names: []string{"mx.test"}, want: try{Error: `send_connector.out has verify = "dane", which cannot be done: this relay was given no validating resolver`}},
		{name: "user name without TLS", tls: schema.SendTLS{Mode: "none", Verify: "none"}, auth: true, want: try{Dials: 1, Error: "send_connector.out has a user name but tls { mode = \"none\" }"}},
		{name: "user name, not offered", tls: schema.SendTLS{Mode: "opportunistic", Verify: "none"}, auth: true, want: try{Dials: 1, Error: "mx.test does not offer STARTTLS"}},
		{name: "user name, handshake fails", tls: schema.SendTLS{Mode: "opportunistic", Verify: "none"}, names: []string{"mx.test"}, broken: true, auth: true, want: try{Dials: 1, Error: "securing the connection"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := newAuthority(t)
				s := connector(t, "mx.test")
				s.TLS = tt.tls
				if tt.auth {
					s.Auth = &schema.SendAuth{Username: "relay"}
				}
				o := Options{Resolver: names{ip: map[string][]string{"mx.test": {"192.0.2.1"}}}, Roots: x509.NewCertPool()}
				switch tt.roots {
				case "system":
					o.Roots = a.pool()
				case "file":
					s.TLS.CA = "/roots.pem"
					o.ReadFile = func(name string) ([]byte, error) { return a.pem(), nil }
				}
				got := try{}
				o.Delivered = func(e Event) { got.TLS, got.Verified = e.TLSVersion == "TLS 1.3", e.Verified }
				w := newWorld(t, through(s), o)
				p := &peer{}
				if tt.names != nil {
					p.ext, p.tls = []string{"STARTTLS"}, a.server(tt.names...)
				}
				if tt.broken {
					p.tls.Certificates = nil
				}
				w.net.peers["192.0.2.1:25"] = p.serve
				w.start()
				w.mail("a@example.org", "b@example.com")
				synctest.Wait()
				got.Dials = w.net.count()
				if got.Error = w.Stats().LastError; strings.HasPrefix(got.Error, tt.want.Error) && tt.want.Error != "" {
					got.Error = tt.want.Error
				}
				if diff := cmp.Diff(tt.want, got); diff != "" {
					t.Errorf("%s\nlog: %s", diff, w.log)
				}
				arrived := 0
				if tt.want.Error == "" {
					arrived = 1
				}
				if w.Stats().Messages != 1-arrived || len(p.messages()) != arrived {
					t.Errorf("%d messages arrived and %d wait", len(p.messages()), w.Stats().Messages)
				}
				if len(p.got) > 0 && p.got[0].TLS != tt.want.TLS {
					t.Errorf("under TLS: %t, want %t", p.got[0].TLS, tt.want.TLS)
				}
				w.stop()
			})
		})
	}
}

// TestInjection: what comes in clear behind the answer to STARTTLS is not taken for
// an answer under TLS; with TLS required nothing is sent.
func TestInjection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := connector(t, "192.0.2.1")
		s.TLS.Mode = "required"
		w := newWorld(t, through(s), Options{})
		p := &peer{ext: []string{"STARTTLS"}, smug: "250-evil\n250 AUTH PLAIN"}
		w.net.peers["192.0.2.1:25"] = p.serve
		w.start()
		defer func() { w.stop() }()
		w.mail("a@example.org", "b@example.com")
		synctest.Wait()
		if want := "sent more in clear"; !strings.Contains(w.Stats().LastError, want) {
			t.Errorf("last error %q, want %q", w.Stats().LastError, want)
		}
		if diff := cmp.Diff([]string{"EHLO relay.example.org", "STARTTLS"}, p.lines); diff != "" {
			t.Error(diff)
		}
	})
}

// TestForgetsClear: extensions that were offered in clear do not count under TLS,
// and EHLO is said again.
func TestForgetsClear(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAuthority(t)
		s := connector(t, "192.0.2.1")
		s.HELO = "out.example.org"
		w := newWorld(t, through(s), Options{})
		p := &peer{ext: []string{"STARTTLS", "PIPELINING", "SIZE 1"}, tls: a.server("mx.test")}
		hellos := 0
		p.answer = func(line string) string {
			if strings.HasPrefix(line, "EHLO") {
				if hellos++; hellos == 2 {
					return "250 peer"
				}
			}
			return ""
		}
		w.net.peers["192.0.2.1:25"] = p.serve
		w.start()
		defer func() { w.stop() }()
		w.mail("a@example.org", "b@example.com")
		synctest.Wait()
		want := []string{"EHLO out.example.org", "STARTTLS", "EHLO out.example.org", "MAIL FROM:<a@example.org>", "RCPT TO:<b@example.com>", "DATA"}
		if diff := cmp.Diff(want, p.lines); diff != "" {
			t.Error(diff)
		}
	})
}

func TestLogOn(t *testing.T) {
	for _, tt := range []struct {
		name, offer string
		answer      map[string]string
		secret      error
		commands    []string // behind the second EHLO
		status      string   // of what is held; empty: it was delivered
	}{
		{name: "PLAIN", offer: "AUTH LOGIN PLAIN",
			answer:   map[string]string{"AUTH PLAIN AHJlbGF5AHMzY3JldA==": "235 2.7.0 ok"},
			commands: []string{"AUTH PLAIN AHJlbGF5AHMzY3JldA==", "MAIL FROM:<a@example.org>", "RCPT TO:<b@example.com>", "DATA", "QUIT"}},
		{name: "LOGIN", offer: "AUTH LOGIN",
			answer:   map[string]string{"AUTH LOGIN cmVsYXk=": "334 UGFzc3dvcmQ6", "czNjcmV0": "235 2.7.0 ok"},
			commands: []string{"AUTH LOGIN cmVsYXk=", "czNjcmV0", "MAIL FROM:<a@example.org>", "RCPT TO:<b@example.com>", "DATA", "QUIT"}},
		{name: "wrong password", offer: "AUTH PLAIN",
			answer:   map[string]string{"AUTH PLAIN AHJlbGF5AHMzY3JldA==": "535 5.7.8 wrong"},
			commands: []string{"AUTH PLAIN AHJlbGF5AHMzY3JldA==", "QUIT"}, status: "5.7.8"},
		{name: "basic authentication is off", offer: "AUTH PLAIN",
			answer:   map[string]string{"AUTH PLAIN AHJlbGF5AHMzY3JldA==": "550 5.7.30 Basic authentication is not supported"},
			commands: []string{"AUTH PLAIN AHJlbGF5AHMzY3JldA==", "QUIT"}, status: "5.7.30"},
		{name: "not offered", offer: "8BITMIME", commands: []string{"QUIT"}, status: "4.7.4"},
		{name: "password cannot be read", offer: "AUTH PLAIN", secret: errors.New("permission denied"), commands: []string{"QUIT"}, status: "4.3.5"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := newAuthority(t)
				s := connector(t, "192.0.2.1")
				s.Auth = &schema.SendAuth{Username: "relay", Password: schema.Secret{File: "/run/secret"}}
				w := newWorld(t, through(s), Options{Secret: func(x schema.Secret) ([]byte, error) {
					if x.File != "/run/secret" {
						t.Errorf("asked for %+v", x)
					}
					return []byte("s3cret"), tt.secret
				}})
				p := &peer{ext: []string{"STARTTLS", tt.offer}, tls: a.server("mx.test"), answer: func(line string) string { return tt.answer[line] }}
				w.net.peers["192.0.2.1:25"] = p.serve
				w.start()
				w.mail("a@example.org", "b@example.com")
				time.Sleep(time.Minute) // a TLS connection over a pipe takes 5 s to close
				synctest.Wait()
				if diff := cmp.Diff(tt.commands, p.lines[3:]); diff != "" {
					t.Error(diff)
				}
				if log := w.log.String(); tt.status != "" && (!strings.Contains(log, "level=ERROR msg=held") || !strings.Contains(log, "status="+tt.status)) || tt.status == "" && strings.Contains(log, "ERROR") {
					t.Errorf("log: %s, want status %q", log, tt.status)
				}
				if strings.Contains(w.log.String(), "s3cret") {
					t.Error("the password is in the log")
				}
				w.stop()
			})
		})
	}
}

// TestClientCertificate: the connector's own certificate is shown.
func TestClientCertificate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAuthority(t)
		cert, key := a.issue(&x509.Certificate{DNSNames: []string{"relay.example.org"}})
		der, err := x509.MarshalECPrivateKey(key)
		if err != nil {
			t.Fatal(err)
		}
		s := connector(t, "192.0.2.1")
		s.TLS.Certificate, s.TLS.Key = "/own.pem", schema.Secret{Env: "KEY"}
		var shown []string
		p := &peer{ext: []string{"STARTTLS"}, tls: a.server("mx.test")}
		p.tls.ClientAuth = tls.RequestClientCert
		p.tls.VerifyConnection = func(cs tls.ConnectionState) error {
			for _, c := range cs.PeerCertificates {
				shown = append(shown, c.DNSNames...)
			}
			return nil
		}
		w := newWorld(t, through(s), Options{
			ReadFile: func(string) ([]byte, error) {
				return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw}), nil
			},
			Secret: func(schema.Secret) ([]byte, error) {
				return pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der}), nil
			},
		})
		w.net.peers["192.0.2.1:25"] = p.serve
		w.start()
		w.mail("a@example.org", "b@example.com")
		synctest.Wait()
		w.stop()
		if diff := cmp.Diff([]string{"relay.example.org"}, shown); diff != "" {
			t.Errorf("%s\nlog: %s", diff, w.log)
		}
	})
}
