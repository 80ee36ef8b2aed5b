package relay

import (
	"bytes"
	"errors"
	"strconv"
	"strings"

	"github.com/emersion/go-smtp"
)

// misread is the answer to a MAIL, RCPT or AUTH that go-smtp refuses without asking
// the session; nil if its own answer, p, is as good. Most often a device was given a
// sender without a domain.
func (c *conn) misread(p []byte) *smtp.SMTPError {
	if len(p) < 4 || p[0] < '4' {
		return nil
	}
	verb := c.verb()
	if verb == "AUTH" && bytes.HasSuffix(p, []byte(" Invalid base64 data\r\n")) { // which it calls a passing trouble
		return reply(501, 5, 5, 2, "What was said to log on to %s is not base64", c.connector)
	}
	if c.asked || c.err != nil || verb != "MAIL" && verb != "RCPT" || p[0] != '5' || p[3] != ' ' {
		return nil
	}
	if bytes.HasPrefix(p, []byte("502 ")) || bytes.HasPrefix(p, []byte("503 ")) { // it came too early
		return nil
	}
	what, word, detail := "sender", "FROM:", 7
	if verb == "RCPT" {
		what, word, detail = "recipient", "TO:", 3
	}
	rest := bytes.TrimSpace(c.line[4:])
	if len(rest) < len(word) || !strings.EqualFold(string(rest[:len(word)]), word) {
		return reply(501, 5, 5, 4, "%s takes no such command: write %s %s<name@example.com>", c.connector, verb, word)
	}
	if !bytes.Contains(p, []byte("Was expecting")) { // the address is one, what follows is not known
		if largeSize(rest) {
			return reply(552, 5, 3, 4, "The message is too large: %s takes up to %d bytes", c.connector, c.most-beyond)
		}
		_, said, _ := strings.Cut(string(bytes.TrimRight(p[4:], "\r\n")), " ")
		return reply(501, 5, 5, 4, "%s cannot read what follows the %s: %s", c.connector, what, said)
	}
	path := bytes.TrimSpace(rest[len(word):])
	if i := bytes.LastIndexByte(path, '>'); i >= 0 {
		path = path[:i+1]
	}
	text := strconv.QuoteToASCII(string(path[:min(len(path), 200)]))
	if bytes.IndexByte(path, '@') < 0 {
		return reply(501, 5, 1, detail, "The %s %s has no domain, so %s cannot take it: set a whole address like name@example.com in the device or program that sends", what, text, c.connector)
	}
	return reply(501, 5, 1, detail, "The %s %s is not a mail address, so %s cannot take it: write it as <name@example.com>", what, text, c.connector)
}

// largeSize reports whether a SIZE is a number that go-smtp cannot read because it is
// so large.
func largeSize(args []byte) bool {
	for word := range bytes.FieldsSeq(args) {
		if digits, ok := bytes.CutPrefix(bytes.ToUpper(word), []byte("SIZE=")); ok {
			_, err := strconv.ParseUint(string(digits), 10, 32)
			return errors.Is(err, strconv.ErrRange)
		}
	}
	return false
}

// proxy answers a PROXY header from an address that is not believed.
func (c *conn) proxy() {
	r := reply(554, 5, 7, 1, "Your address %s is not in proxy_protocol of %s, so your PROXY header is not believed; this connection ends", c.client.Remote, c.connector)
	c.refused("PROXY", r)
	c.say(line(r))
	c.rest = nil
	c.end()
}
