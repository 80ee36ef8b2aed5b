package relay

import (
	"bufio"
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/emersion/go-message/mail"
	"github.com/emersion/go-message/textproto"
	"github.com/emersion/go-msgauth/dkim"

	"github.com/mailrelay/mailrelay/apply/relay/spool"
	"github.com/mailrelay/mailrelay/schema"
)

const (
	// keyEvery is how often a key is read again.
	keyEvery = 30 * time.Second
	// signedHeader is the largest header that is signed, in bytes.
	signedHeader = 1 << 20
	// leastRSA is the shortest RSA key, in bits; verifiers distrust shorter ones.
	leastRSA = 2048
)

// signer signs with one key. It is safe for concurrent use.
type signer struct {
	conf schema.DKIM
	key  *fresh[crypto.Signer]
}

// newSigners reads the keys of a relay. One that cannot be used is an error.
func (n *node) newSigners(r *schema.Relay) ([]*signer, error) {
	var out []*signer
	for _, c := range r.DKIM {
		if !c.Sign {
			continue
		}
		s := n.newSigner(c)
		if err := s.key.start(); err != nil {
			return nil, fmt.Errorf("%s: dkim %q: key: %w", r.Addr(), c.Name, err)
		}
		out = append(out, s)
	}
	return out, nil
}

func (n *node) newSigner(c schema.DKIM) *signer {
	return &signer{c, &fresh[crypto.Signer]{
		what: "a DKIM key", attrs: []any{"dkim", c.Name, "selector", c.Selector, "domain", c.Domain}, every: keyEvery,
		read:  single(func() ([]byte, error) { return n.o.Secret(c.Key) }),
		make:  func(raw [][]byte) (crypto.Signer, error) { return readKey(raw[0]) },
		clock: n.o.Clock, log: n.o.Log,
	}}
}

// readKey reads a private key, PEM: RSA or Ed25519.
func readKey(raw []byte) (crypto.Signer, error) {
	block, _ := pem.Decode(raw)
	if block == nil {
		return nil, errors.New("it holds no private key in PEM form")
	}
	if key, err := x509.ParsePKCS1PrivateKey(block.Bytes); err == nil {
		return longEnough(key)
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("the private key cannot be read: %w", err)
	}
	switch key := key.(type) {
	case *rsa.PrivateKey:
		return longEnough(key)
	case ed25519.PrivateKey:
		return key, nil
	}
	return nil, fmt.Errorf("DKIM knows RSA and Ed25519 keys, and this is %T", key)
}

func longEnough(key *rsa.PrivateKey) (crypto.Signer, error) {
	if bits := key.N.BitLen(); bits < leastRSA {
		return nil, fmt.Errorf("an RSA key needs %d bits, and this one has %d: make another", leastRSA, bits)
	}
	return key, nil
}

// sign gives the signatures of a message, as fields that go before it. write
// writes the message as it is sent. The error is one of write.
//
// Only what entered by somebody who may relay is signed, and our own reports:
// what strangers write to us in the name of our domains must not become ours.
func (n *node) sign(env *spool.Envelope, write func(io.Writer) error) (string, error) {
	e := n.current.Load()
	if len(e.signers) == 0 || !env.Relayed && !env.Connector.IsZero() {
		return "", nil
	}
	s := &signature{all: e.signers}
	defer s.abort()
	if err := write(s); err != nil && !errors.Is(err, errUnsigned) {
		return "", err
	}
	fields, err := s.end()
	if err != nil {
		n.o.Log.Warn("a message could not be signed, and is sent as it is", "id", env.ID, "error", err)
	}
	return fields, nil
}

// errUnsigned ends the reading of a message that needs no signature.
var errUnsigned = errors.New("no key signs this message")

// signature passes a message to all signers that its header asks for.
type signature struct {
	all    []*signer
	header []byte // until it is whole; then nil
	begun  bool
	to     []*dkim.Signer
	err    error
}

// Write takes any part of the message.
func (s *signature) Write(p []byte) (int, error) {
	if s.err != nil {
		return 0, errUnsigned
	}
	n := len(p)
	if !s.begun {
		from := max(0, len(s.header)-3)
		s.header = append(s.header, p...)
		end := bytes.Index(s.header[from:], []byte("\r\n\r\n"))
		switch {
		case end < 0 && len(s.header) > signedHeader:
			s.err = fmt.Errorf("its header is larger than %d bytes", signedHeader)
			return 0, errUnsigned
		case end < 0:
			return n, nil
		}
		if s.err = s.begin(s.header[:from+end+4]); s.err != nil {
			return 0, errUnsigned
		}
		p = s.header
	}
	for _, to := range s.to {
		if _, err := to.Write(p); err != nil {
			s.err = err
			return 0, errUnsigned
		}
	}
	return n, nil
}

// begin chooses who signs.
func (s *signature) begin(header []byte) error {
	s.begun = true
	h, err := textproto.ReadHeader(bufio.NewReader(bytes.NewReader(header)))
	if err != nil {
		return errUnsigned
	}
	domain := author(h)
	keys := signedFields(h)
	done := signed(h)
	for _, one := range s.all {
		c := one.conf
		if domain != c.Domain && !strings.HasSuffix(domain, "."+c.Domain) || done[c.Domain+" "+c.Selector] {
			continue
		}
		to, err := dkim.NewSigner(&dkim.SignOptions{
			Domain: c.Domain, Selector: c.Selector, Signer: one.key.now(), Hash: crypto.SHA256, HeaderKeys: keys,
			HeaderCanonicalization: dkim.CanonicalizationRelaxed, BodyCanonicalization: dkim.CanonicalizationRelaxed,
		})
		if err != nil {
			return err
		}
		s.to = append(s.to, to)
	}
	if len(s.to) == 0 {
		return errUnsigned
	}
	return nil
}

// end gives the signatures.
func (s *signature) end() (string, error) {
	if s.err != nil || !s.begun {
		if errors.Is(s.err, errUnsigned) {
			return "", nil
		}
		return "", s.err
	}
	var fields strings.Builder
	for i, to := range s.to {
		if err := to.Close(); err != nil {
			s.to = s.to[i+1:]
			return "", err
		}
		fields.WriteString(to.Signature())
	}
	s.to = nil
	return fields.String(), nil
}

// abort ends the goroutines of signatures that nobody wants.
func (s *signature) abort() {
	for _, to := range s.to {
		_ = to.Close()
	}
}

// author is the domain of the one author of a message; empty if there is none, or
// more than one.
func author(h textproto.Header) string {
	if len(h.Values("From")) != 1 {
		return ""
	}
	list, err := mail.ParseAddressList(h.Get("From"))
	if err != nil || len(list) != 1 {
		return ""
	}
	i := strings.LastIndexByte(list[0].Address, '@')
	domain, err := schema.CanonDomain(list[0].Address[i+1:])
	if err != nil {
		return ""
	}
	return domain
}

// signedFields are the fields of RFC 6376, 5.4.1, as often as they are there, and
// From once more, so that nobody can add another.
func signedFields(h textproto.Header) []string {
	out := []string{"From", "From"}
	for _, name := range []string{
		"Reply-To", "Subject", "Date", "To", "Cc", "Resent-Date", "Resent-From", "Resent-To", "Resent-Cc", "In-Reply-To", "References",
		"List-Id", "List-Help", "List-Unsubscribe", "List-Subscribe", "List-Post", "List-Owner", "List-Archive",
	} {
		for range h.Values(name) {
			out = append(out, name)
		}
	}
	return out
}

// signed finds the signatures that a message has: its keys are domain and selector.
func signed(h textproto.Header) map[string]bool {
	out := map[string]bool{}
	for _, v := range h.Values("DKIM-Signature") {
		var d, s string
		for tag := range strings.SplitSeq(v, ";") {
			name, value, _ := strings.Cut(tag, "=")
			switch strings.TrimSpace(name) {
			case "d":
				d = strings.ToLower(strings.TrimSpace(value))
			case "s":
				s = strings.ToLower(strings.TrimSpace(value))
			}
		}
		out[d+" "+s] = true
	}
	return out
}
