package relay

import (
	"bufio"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"regexp"
	"strings"
	"testing"
	"time"
)

// client is an SMTP client that does what it is told.
type client struct {
	t    *testing.T
	conn net.Conn
	in   *bufio.Reader
	cert []tls.Certificate
}

// play reads a dialogue of lines: "-> text" sends text and CRLF, where \r, \n and
// \x00 stand for themselves; ")> text" sends text without CRLF; "<~ regexp" reads
// an answer, of one line or several, which must match; "<eof" is the end of the
// connection; "tls" makes TLS of it.
func (c *client) play(dialogue string) {
	c.t.Helper()
	plain := strings.NewReplacer(`\r`, "\r", `\n`, "\n", `\x00`, "\x00")
	_ = c.conn.SetDeadline(time.Now().Add(patience))
	for line := range strings.SplitSeq(dialogue, "\n") {
		line = strings.TrimSpace(line)
		verb, text, _ := strings.Cut(line, " ")
		switch verb {
		case "", "#":
		case "->":
			if _, err := io.WriteString(c.conn, plain.Replace(text)+"\r\n"); err != nil {
				c.t.Fatalf("%s: %v", line, err)
			}
		case ")>":
			if _, err := io.WriteString(c.conn, plain.Replace(text)); err != nil {
				c.t.Fatalf("%s: %v", line, err)
			}
		case "<~":
			got, err := c.answer()
			if err != nil {
				c.t.Fatalf("%s: got %q, %v", line, got, err)
			}
			if !regexp.MustCompile("(?s)^" + text).MatchString(got) {
				c.t.Fatalf("%s: got %q", line, got)
			}
		case "<eof":
			if got, err := c.answer(); !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
				c.t.Fatalf("want the end, got %q, %v", got, err)
			}
		case "tls":
			t := tls.Client(c.conn, &tls.Config{InsecureSkipVerify: true, Certificates: c.cert})
			if err := t.Handshake(); err != nil {
				c.t.Fatal(err)
			}
			c.conn, c.in = t, bufio.NewReader(t)
		default:
			c.t.Fatalf("not a line of a dialogue: %q", line)
		}
	}
}

// answer reads one, its lines joined by "\n".
func (c *client) answer() (string, error) {
	var out []string
	for {
		line, err := c.in.ReadString('\n')
		if err != nil {
			return line, err
		}
		line = strings.TrimRight(line, "\r\n")
		out = append(out, line)
		if len(line) < 4 || line[3] != '-' {
			return strings.Join(out, "\n"), nil
		}
	}
}
