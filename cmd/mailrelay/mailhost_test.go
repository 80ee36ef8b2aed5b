package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
)

// letter is a message as a mail host got it.
type letter struct {
	From, To, Content string
	TLS               string // version; empty: in clear
}

// mailHost is a next hop in process. Unlike smtp-sink it speaks TLS, and refuses
// single recipients.
type mailHost struct {
	addr string
	got  chan letter
}

// newMailHost starts a mail host. Without a certificate it offers no TLS. refuse
// gives the answer to a recipient that it does not take; nil takes all.
func newMailHost(t *testing.T, cert *tls.Certificate, refuse func(to string) error) *mailHost {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h := &mailHost{l.Addr().String(), make(chan letter, 1000)}
	server := smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) {
		return &mailSession{got: h.got, conn: c, refuse: refuse}, nil
	}))
	if cert != nil {
		server.TLSConfig = &tls.Config{Certificates: []tls.Certificate{*cert}}
	}
	go server.Serve(l)
	t.Cleanup(func() { server.Close() })
	return h
}

// next waits for a letter.
func (h *mailHost) next(t *testing.T) letter {
	t.Helper()
	select {
	case l := <-h.got:
		return l
	case <-time.After(patience):
		t.Fatalf("no letter arrives within %s", patience)
		return letter{}
	}
}

type mailSession struct {
	got    chan<- letter
	conn   *smtp.Conn
	refuse func(to string) error
	letter letter
}

func (s *mailSession) Reset()        {}
func (s *mailSession) Logout() error { return nil }

func (s *mailSession) Mail(from string, _ *smtp.MailOptions) error {
	s.letter = letter{From: from}
	return nil
}

func (s *mailSession) Rcpt(to string, _ *smtp.RcptOptions) error {
	if s.refuse != nil {
		if err := s.refuse(to); err != nil {
			return err
		}
	}
	s.letter.To = to
	return nil
}

func (s *mailSession) Data(r io.Reader) error {
	raw, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	s.letter.Content = string(raw)
	if state, ok := s.conn.TLSConnectionState(); ok {
		s.letter.TLS = tls.VersionName(state.Version)
	}
	s.got <- s.letter
	return nil
}

// selfSigned makes a certificate for 127.0.0.1, and a PEM file of it that serves
// as its authority.
func selfSigned(t *testing.T) (cert tls.Certificate, file string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	file = filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, file
}
