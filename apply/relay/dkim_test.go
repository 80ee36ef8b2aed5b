package relay

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-msgauth/dkim"
	"github.com/google/go-cmp/cmp"

	"github.com/mailrelay/mailrelay/schema"
)

// keyring makes keys in a directory, and is the DNS in which they are published.
type keyring struct {
	t   *testing.T
	dir string
	txt map[string]string
}

func newKeyring(t *testing.T) *keyring { return &keyring{t, t.TempDir(), map[string]string{}} }

// add makes a key and publishes it; it replaces one of the same selector.
func (k *keyring) add(selector, domain, kind string) {
	k.t.Helper()
	var key crypto.Signer
	var err error
	record := "v=DKIM1; k=" + kind + "; p="
	if kind == "rsa" {
		key, err = rsa.GenerateKey(rand.Reader, 2048)
	} else {
		_, key, err = ed25519.GenerateKey(rand.Reader)
	}
	if err != nil {
		k.t.Fatal(err)
	}
	if pub, ok := key.Public().(ed25519.PublicKey); ok {
		record += base64.StdEncoding.EncodeToString(pub)
	} else {
		der, err := x509.MarshalPKIXPublicKey(key.Public())
		if err != nil {
			k.t.Fatal(err)
		}
		record += base64.StdEncoding.EncodeToString(der)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		k.t.Fatal(err)
	}
	k.write(selector, string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})))
	k.txt[selector+"._domainkey."+domain] = record
}

func (k *keyring) write(selector, text string) {
	k.t.Helper()
	if err := os.WriteFile(k.file(selector), []byte(text), 0o600); err != nil {
		k.t.Fatal(err)
	}
}

func (k *keyring) file(selector string) string { return filepath.Join(k.dir, selector+".pem") }

// block is a dkim block for the key.
func (k *keyring) block(selector, domain, more string) string {
	return fmt.Sprintf(`
  dkim %[1]q {
    selector = %[1]q
    domain   = %[2]q
    key      = secret_file(%[3]q)
    %[4]s
  }`, selector, domain, filepath.ToSlash(k.file(selector)), more)
}

// verify gives the signatures of a message that are good.
func (k *keyring) verify(content string) []string {
	k.t.Helper()
	found, err := dkim.VerifyWithOptions(strings.NewReader(content), &dkim.VerifyOptions{LookupTXT: func(name string) ([]string, error) {
		if r := k.txt[name]; r != "" {
			return []string{r}, nil
		}
		return nil, errors.New("no such name: " + name)
	}})
	if err != nil {
		k.t.Fatal(err)
	}
	var out []string
	for _, v := range found {
		if v.Err != nil {
			k.t.Errorf("a signature of %s is bad: %v\n%s", v.Domain, v.Err, content[:min(len(content), 2000)])
			continue
		}
		out = append(out, v.Domain)
	}
	return out
}

// signing is a world whose relay has the given dkim blocks.
func signing(t *testing.T, blocks string, change func(*Options)) *world {
	w := newWorld(t, func(o *Options) {
		o.Secret = func(s schema.Secret) ([]byte, error) { return os.ReadFile(s.File) }
		if change != nil {
			change(o)
		}
	})
	in := connector("in", relaying) + connector("strangers", `remote_ip_ranges = ["192.0.2.0/24"]`)
	w.runsFrom(strings.Replace(block(in), `hostname = "relay.contoso.com"`, `hostname = "relay.contoso.com"`+blocks, 1))
	return w
}

// mail sends content, lines of a dialogue, and gives what arrives.
func (w *world) mail(from, content string) string {
	w.t.Helper()
	w.talk(from, "<~ 220\n-> EHLO x\n<~ 250\n-> MAIL FROM:<a@contoso.com>\n<~ 250\n-> RCPT TO:<b@contoso.com>\n<~ 250\n-> DATA\n<~ 354\n-> "+
		strings.ReplaceAll(content, "\n", "\n-> ")+"\n-> .\n<~ 250\n-> QUIT\n<~ 221")
	return w.sink.next(w.t).Content
}

func TestDKIM(t *testing.T) {
	k := newKeyring(t)
	k.add("s1", "contoso.com", "rsa")
	k.add("s2", "contoso.com", "ed25519")
	k.add("next", "contoso.com", "rsa")
	k.add("f1", "fabrikam.com", "ed25519")
	w := signing(t, k.block("s1", "contoso.com", "")+k.block("s2", "contoso.com", "")+k.block("next", "contoso.com", "sign = false")+k.block("f1", "fabrikam.com", ""), nil)
	tests := []struct {
		name, client, content string
		want                  []string
	}{
		{"by all keys of the domain", "10.0.0.1", "From: A <a@contoso.com>\nTo: b@contoso.com\nSubject: x\n\n.dots\n..more\ntext  \n\n\n", []string{"contoso.com", "contoso.com"}},
		{"below the domain", "10.0.0.1", "From: a@News.Contoso.com\nSubject: x\n\ntext", []string{"contoso.com", "contoso.com"}},
		{"another domain", "10.0.0.1", "From: a@fabrikam.com\nSubject: x\n\ntext", []string{"fabrikam.com"}},
		{"nobody's domain", "10.0.0.1", "From: a@notcontoso.com\nSubject: x\n\ntext", nil},
		{"an empty body", "10.0.0.1", "From: a@fabrikam.com\nSubject: x\n\n", []string{"fabrikam.com"}},
		{"a large message", "10.0.0.1", "From: a@fabrikam.com\nSubject: x\n\n" + strings.Repeat(strings.Repeat("x", 900)+"\n", 300), []string{"fabrikam.com"}},
		{"a stranger", "192.0.2.9", "From: a@contoso.com\nSubject: x\n\ntext", nil},
		{"two authors", "10.0.0.1", "From: a@contoso.com, b@fabrikam.com\n\ntext", nil},
		{"two fields", "10.0.0.1", "From: a@contoso.com\nFrom: b@fabrikam.com\n\ntext", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := w.mail(tt.client, tt.content)
			if diff := cmp.Diff(tt.want, k.verify(got)); diff != "" {
				t.Errorf("%s\n%s", diff, got[:min(len(got), 1000)])
			}
		})
	}
	// Nobody can add another author to what is signed.
	once := w.mail("10.0.0.1", "From: a@fabrikam.com\nSubject: x\n\ntext")
	found, err := dkim.VerifyWithOptions(strings.NewReader("From: evil@fabrikam.com\r\n"+once), &dkim.VerifyOptions{
		LookupTXT: func(name string) ([]string, error) { return []string{k.txt[name]}, nil },
	})
	if err != nil || len(found) != 1 || found[0].Err == nil {
		t.Errorf("a message with another author verifies: %+v, %v", found, err)
	}
	// What is signed by the same key is not signed again.
	head, _, _ := strings.Cut(once, "\r\nReceived:")
	again := w.mail("10.0.0.1", strings.ReplaceAll(head, "\r\n", "\n")+"\nFrom: a@fabrikam.com\nSubject: x\n\ntext")
	if n := strings.Count(again, "DKIM-Signature:"); n != 1 {
		t.Errorf("there are %d signatures:\n%s", n, again)
	}
}

func TestDKIMKeyChanges(t *testing.T) {
	k := newKeyring(t)
	k.add("s1", "contoso.com", "rsa")
	now := time.Now()
	w := newWorld(t, func(o *Options) {
		o.Clock = func() time.Time { return now }
		o.Secret = func(s schema.Secret) ([]byte, error) { return os.ReadFile(s.File) }
	})
	n := newNode(t.Context(), w.o.withDefaults())
	s := n.newSigner(schema.DKIM{Name: "s1", Key: schema.Secret{File: k.file("s1")}}).key
	if err := s.start(); err != nil {
		t.Fatal(err)
	}
	first := s.now()
	k.write("s1", "not a key")
	now = now.Add(keyEvery)
	if got := s.now(); got != first || s.bad == "" {
		t.Errorf("a broken file gives %v, %q", got, s.bad)
	}
	k.add("s1", "contoso.com", "ed25519")
	if got := s.now(); got != first {
		t.Error("the file is read at each message")
	}
	now = now.Add(keyEvery)
	if _, ok := s.now().(ed25519.PrivateKey); !ok || s.bad != "" {
		t.Errorf("the new key is not in use: %T, %q", s.now(), s.bad)
	}
}

func TestReadKey(t *testing.T) {
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ name, text, want string }{
		{"none", "x", "no private key in PEM form"},
		{"weak", string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(weak)})), "needs 2048 bits"},
		{"damaged", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte("x")})), "cannot be read"},
	} {
		if _, err := readKey([]byte(tt.text)); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}
