package deliver

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	mime "github.com/emersion/go-message"
	"github.com/google/go-cmp/cmp"

	"github.com/mailrelay/mailrelay/apply/relay/spool"
)

// crlf makes the lines of a message.
func crlf(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") }

// made7 converts a message.
func made7(t testing.TB, message string, wrap func(io.Reader) io.Reader) (string, error) {
	n, err := survey(wrap(strings.NewReader(message)))
	if err != nil {
		return "", err
	}
	var out strings.Builder
	if err := n.write(&out, wrap(strings.NewReader(message))); err != nil {
		t.Fatal(err)
	}
	return out.String(), nil
}

func TestNarrow(t *testing.T) {
	for _, tt := range []struct {
		name, message, want string
		err                 error
	}{
		{"text", "MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\nfünf\n.x\n",
			"MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: quoted-printable\n\nf=C3=BCnf\n.x\n", nil},
		{"no MIME", "Subject: a\n\nfünf\n",
			"Subject: a\nContent-Type: text/plain; charset=utf-8\nMIME-Version: 1.0\nContent-Transfer-Encoding: quoted-printable\n\nf=C3=BCnf\n", nil},
		{"no MIME and no UTF-8", "Subject: a\n\nf\xfcnf\n",
			"Subject: a\nContent-Type: text/plain; charset=unknown-8bit\nMIME-Version: 1.0\nContent-Transfer-Encoding: quoted-printable\n\nf=FCnf\n", nil},
		{"parts", `Content-Type: multipart/mixed;
	boundary="a b"
Content-Transfer-Encoding: 8bit

for the öld
--a b
Content-Transfer-Encoding: 8bit

plain
--a b
Content-Type: text/html; charset=iso-8859-1
content-transfer-encoding:
 8bit
X: y

fünf

--a b
Content-Type: application/pdf

büte
--a b
Content-Type: application/pdf
Content-Transfer-Encoding: base64

YWJj
--a b--
the énd
`, `Content-Type: multipart/mixed;
	boundary="a b"
Content-Transfer-Encoding: 7bit

for the ??ld
--a b
Content-Transfer-Encoding: 7bit

plain
--a b
Content-Type: text/html; charset=iso-8859-1
X: y
Content-Transfer-Encoding: quoted-printable

f=C3=BCnf

--a b
Content-Type: application/pdf
Content-Transfer-Encoding: base64

YsO8dGU=
--a b
Content-Type: application/pdf
Content-Transfer-Encoding: base64

YWJj
--a b--
the ??nd
`, nil},
		{"a message in a message", "Content-Type: multipart/digest; boundary=x\n\n--x\n\nSubject: a\n\nfünf\n--x--\n",
			"Content-Type: multipart/digest; boundary=x\n\n--x\n\nSubject: a\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: quoted-printable\n\nf=C3=BCnf\n--x--\n", nil},
		{"signed beside", "Content-Type: multipart/mixed; boundary=x\n\n--x\nContent-Type: multipart/signed; boundary=y\n\n--y\n\nplain\n--y--\n--x\n\nfünf\n--x--\n",
			"Content-Type: multipart/mixed; boundary=x\n\n--x\nContent-Type: multipart/signed; boundary=y\n\n--y\n\nplain\n--y--\n--x\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: quoted-printable\n\nf=C3=BCnf\n--x--\n", nil},
		{"an end that never comes", "Content-Type: multipart/mixed; boundary=x\n\n--x\n\nfünf\n",
			"Content-Type: multipart/mixed; boundary=x\n\n--x\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: quoted-printable\n\nf=C3=BCnf\n", nil},

		{"signed", "Content-Type: multipart/signed; boundary=x\n\n--x\n\nfünf\n--x--\n", "", errSigned},
		{"encrypted", "Content-Type: multipart/mixed; boundary=y\n\n--y\nContent-Type: Multipart/Encrypted; boundary=x\n\n--x\n\nfünf\n--x--\n--y--\n", "", errSigned},
		{"header of a part", "Content-Type: multipart/mixed; boundary=x\n\n--x\nContent-Description: fünf\n\nplain\n--x--\n", "", errPart},
		{"8-bit in base64", "Content-Transfer-Encoding: base64\n\nfünf\n", "", errPart},
		{"a report", "Content-Type: message/delivery-status\n\nfünf\n", "", errPart},
		{"no boundary", "Content-Type: multipart/mixed\n\n--x\n\nfünf\n--x--\n", "", errStrange},
		{"too deep", strings.Repeat("Content-Type: message/rfc822\n\n", 40) + "fünf\n", "", errStrange},
	} {
		for _, wrap := range []func(io.Reader) io.Reader{func(r io.Reader) io.Reader { return r }, iotest.OneByteReader} {
			got, err := made7(t, crlf(tt.message), wrap)
			if !errors.Is(err, tt.err) && err != tt.err {
				t.Errorf("%s: %v, want %v", tt.name, err, tt.err)
			}
			if diff := cmp.Diff(crlf(tt.want), got); diff != "" {
				t.Errorf("%s: %s", tt.name, diff)
			}
		}
	}
}

// TestConverted: a next hop without 8BITMIME gets 7-bit content of the size that
// was announced, from memory and from the spool alike.
func TestConverted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, through(connector(t, "192.0.2.1")), Options{})
		p := &peer{ext: []string{"SIZE 1000"}}
		w.net.peers["192.0.2.1:25"] = p.serve
		w.start()
		defer func() { w.stop() }()
		env := spool.Envelope{From: box(t, "a@example.org"), Rcpts: []spool.Rcpt{{To: box(t, "b@example.com")}}, Received: time.Now(), EightBit: true}
		body := []byte("Subject: a\r\n\r\nfünf\r\n")
		first, err := w.store.Put(env, body)
		if err != nil {
			t.Fatal(err)
		}
		second, err := w.store.Put(env, body)
		if err != nil {
			t.Fatal(err)
		}
		w.Add(first, body)
		w.Add(second, nil)
		synctest.Wait()
		want := "Subject: a\r\nContent-Type: text/plain; charset=utf-8\r\nMIME-Version: 1.0\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nf=C3=BCnf\r\n"
		got := p.messages()
		if len(got) != 2 || got[0].Body != want || got[1].Body != want {
			t.Errorf("arrived: %+v, want twice %q", got, want)
		}
		if mail := "MAIL FROM:<a@example.org> SIZE=" + strconv.Itoa(len(want)); !slices.Contains(p.lines, mail) {
			t.Errorf("%q, want %s", p.lines, mail)
		}
	})
}

// TestNarrowLong: long lines and large parts, which come in several pieces.
func TestNarrowLong(t *testing.T) {
	text := strings.Repeat("ä", blockSize) + "\r\n" + strings.Repeat("ö--x\r\n", blockSize)
	message := "Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n" + text +
		"\r\n--x\r\nContent-Type: image/png\r\n\r\n" + text + "\r\n--x--\r\n"
	got, err := made7(t, message, func(r io.Reader) io.Reader { return r })
	if err != nil || !plain([]byte(got)) {
		t.Fatalf("%v", err)
	}
	if diff := cmp.Diff([]string{text, text}, bodies(t, got)); diff != "" {
		t.Errorf("%.300s", diff)
	}
	for line := range strings.Lines(got) {
		if len(line) > 78 {
			t.Fatalf("a line of %d bytes", len(line))
		}
	}
}

// bodies decodes all leaves of a message.
func bodies(t testing.TB, message string) (out []string) {
	e, err := mime.Read(strings.NewReader(message))
	if err != nil && !mime.IsUnknownCharset(err) {
		t.Skip(err)
	}
	err = e.Walk(func(_ []int, e *mime.Entity, err error) error {
		if err != nil && !mime.IsUnknownCharset(err) {
			return err
		}
		if e.MultipartReader() != nil {
			return nil
		}
		b, err := io.ReadAll(e.Body)
		out = append(out, string(b))
		return err
	})
	if err != nil {
		t.Skip(err)
	}
	return out
}

// FuzzNarrow: what is converted is 7-bit behind its header, 7-bit messages do not
// change, and converting again changes nothing.
func FuzzNarrow(f *testing.F) {
	f.Add("Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\nContent-Type: a/b\r\n\r\nf\xfcnf\r\n--x\r\n\r\n\xff\r\n--x--\r\n")
	f.Add("A: b\r\n\r\nf\xfcnf")
	f.Add("Content-Type: message/rfc822\r\n\r\nContent-Transfer-Encoding: binary\r\n\r\n\xff\n")
	f.Fuzz(func(t *testing.T, message string) {
		same := func(r io.Reader) io.Reader { return r }
		got, err := made7(t, message, same)
		if err != nil {
			var no unchangeable
			if !errors.As(err, &no) {
				t.Fatal(err)
			}
			return
		}
		var n needs
		if err := n.read(strings.NewReader(got)); err != nil {
			t.Fatal(err)
		}
		i := bytes.Index([]byte(got), []byte("\r\n\r\n"))
		if n.eightBit && i >= 0 {
			t.Fatalf("8-bit: %q of %q", got, message)
		}
		again, err := made7(t, got, same)
		if err != nil || again != got {
			t.Fatalf("%v: %q of %q of %q", err, again, got, message)
		}
	})
}
