package relay

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strings"
)

// command reads a line and puts it, or what stands for it, into rest.
func (c *conn) command() {
	line := c.next()
	if line == nil {
		return
	}
	if c.stage == response {
		c.talk.Command("")
		c.stage, c.rest = commands, line
		return
	}
	if !c.clean(line) {
		return
	}
	c.rest = line
	if c.talk != nil {
		c.talk.Command(string(c.line))
	}
	switch verb := c.verb(); verb {
	case "EHLO", "HELO":
		c.extended = verb == "EHLO"
	case "STAR":
		c.starttls()
	case "BDAT":
		if c.body.announce(c.line) {
			c.rest = []byte("DATA\r\n")
		} else {
			c.rest = nil
		}
	case "PROX":
		c.proxy()
	case "RCPT":
		if to, ok := postmaster(c.line); ok {
			c.rest = to
		}
	}
}

// next reads a line. It is nil where there is none, and why is in err then.
func (c *conn) next() []byte {
	line, err := c.in.ReadSlice('\n')
	switch {
	case errors.Is(err, bufio.ErrBufferFull) || len(line) > maxLine:
		c.fail(errLong)
		return nil
	case err != nil:
		c.fail(err)
		return nil
	}
	return line
}

// clean makes line the command in hand, and refuses it if no command looks so.
func (c *conn) clean(line []byte) bool {
	c.line = append(c.line[:0], bytes.TrimRight(line, "\r\n")...)
	c.asked = false
	if bytes.ContainsFunc(c.line, func(r rune) bool { return r < ' ' && r != '\t' || r == 127 }) {
		c.say("500 5.5.2 A command must not hold control characters\r\n")
		return false
	}
	return true
}

// verb is the first four letters of the command.
func (c *conn) verb() string {
	return strings.ToUpper(string(c.line[:min(len(c.line), 4)]))
}

// starttls upgrades, where that is offered. Otherwise go-smtp refuses.
func (c *conn) starttls() {
	if c.upgrade == nil {
		return
	}
	c.rest = nil
	if !bytes.EqualFold(bytes.TrimSpace(c.line), []byte("STARTTLS")) {
		c.say("501 5.5.4 STARTTLS stands alone\r\n")
		return
	}
	if c.in.Buffered() > 0 { // somebody put it there who does not know the session to come
		c.fail(errNoTLS)
		return
	}
	c.say("220 2.0.0 Ready to start TLS\r\n")
	err := c.flush()
	if err == nil {
		err = c.upgrade(c)
	}
	if err == nil {
		c.moved = true
		err = io.EOF
	}
	c.last = true // nothing may be said in clear any more
	c.fail(err)
}

// nowhere is the domain that <postmaster> gets; no name can be that.
const nowhere = "."

// postmaster rewrites RCPT TO:<postmaster>, which RFC 5321, 4.1.1.3 wants, to a
// form with a domain.
func postmaster(line []byte) ([]byte, bool) {
	rest := bytes.TrimSpace(line[4:])
	if len(rest) < 3 || !bytes.EqualFold(rest[:3], []byte("TO:")) {
		return nil, false
	}
	path, params, _ := bytes.Cut(bytes.TrimSpace(rest[3:]), []byte(" "))
	if !bytes.EqualFold(path, []byte("<postmaster>")) {
		return nil, false
	}
	out := append([]byte("RCPT TO:"), path[:len(path)-1]...)
	out = append(out, "@"+nowhere+"> "...)
	return append(append(out, params...), "\r\n"...), true
}
