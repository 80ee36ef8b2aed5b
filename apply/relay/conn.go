package relay

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"strconv"
	"strings"
)

// Lengths in bytes.
const (
	maxLine  = 4096    // of a command, its CRLF included; RFC 5321, 4.5.3.1.4 wants 512 at least
	inBuffer = 8 << 10 // of what is read ahead
)

var (
	errDraining = errors.New("the relay is stopping")
	errChunk    = errors.New("chunk too large, or of unknown size")
	errNoTLS    = errors.New("nothing may follow STARTTLS before its answer")
	errLong     = errors.New("command line too long")
	errUnread   = errors.New("the rest of the message was not read")
	errEnd      = errors.New("the last answer was given")
)

// stage is what the client's next bytes are.
type stage int

const (
	commands stage = iota
	response       // one line of AUTH, after 334
	content        // a message, after 354
	skipped        // a chunk of a message that was refused
)

// conn is a client's connection as go-smtp reads and writes it. go-smtp gets one
// command line at a time, so that conn always knows what comes next, and:
//
//   - an error of a read sticks: what follows a message that was cut off is never
//     read as commands
//   - a command line has a limit, and holds no control characters; so
//     Server.MaxLineLength is 0, which does not cut lines of messages
//   - answers are written together, right before the next read that has to wait
//   - STARTTLS is answered here, and the connection goes on as another conn over
//     TLS at another server, whose client has said nothing yet (RFC 3207, 4.2)
//   - <postmaster> without a domain, which go-smtp cannot read, gets one
//   - the SIZE that EHLO shows is that of the connector
//   - BDAT is DATA to go-smtp, which would run a goroutine beside the session for
//     it, and take a connection that breaks off for the end of a message
//
// The content of a message does not pass through Read: a session reads it from
// body.
type conn struct {
	*link
	secure   io.ReadWriteCloser // the TLS connection; nil in clear
	in       *bufio.Reader
	out      []byte // answers that are not written yet
	stage    stage
	rest     []byte // of the line in hand, or of what is put in its place
	refused  int64  // bytes of a chunk that nobody wants
	most     int64  // bytes of a chunk
	body     body
	line     []byte // the last command
	extended bool   // EHLO, not HELO
	err      error  // of a read; sticks
	last     bool   // the one answer after err was given
	greeted  bool   // the banner was written, or left out after STARTTLS
	moved    bool   // the link belongs to another conn
	size     string // shown by EHLO
	upgrade  func(*conn) error
}

// newConn wraps l. upgrade, if not nil, is called at STARTTLS; it takes the link
// over, or gives an error.
func newConn(l *link, secure io.ReadWriteCloser, size int64, upgrade func(*conn) error) *conn {
	c := &conn{link: l, secure: secure, upgrade: upgrade, greeted: secure == nil, most: size + beyond, size: strconv.FormatInt(size, 10)}
	c.in = bufio.NewReaderSize(source{c}, inBuffer)
	c.body.c = c
	return c
}

// source is where conn reads when it has nothing left: the answers go out first.
type source struct{ c *conn }

func (s source) Read(p []byte) (int, error) {
	c := s.c
	if c.err != nil {
		return 0, c.err
	}
	if err := c.flush(); err != nil {
		c.err = err
		return 0, err
	}
	n, err := c.network().Read(p)
	if err != nil && n == 0 {
		c.fail(err)
	}
	return n, err
}

func (c *conn) network() io.ReadWriter {
	if c.secure != nil {
		return c.secure
	}
	return c.link
}

// fail makes err the end of everything that is read from now on.
func (c *conn) fail(err error) {
	if c.stopping() {
		err = errDraining
	}
	if c.err == nil {
		c.err = err
	}
}

// Read gives a command line, or the bytes of a BDAT chunk.
func (c *conn) Read(p []byte) (int, error) {
	for len(c.rest) == 0 {
		if c.err != nil {
			c.goodbye()
			return 0, io.EOF
		}
		switch c.stage {
		case content:
			// The session has read the message, and go-smtp sees the end of an empty
			// one; or the session gave up, and what follows must not be looked at.
			if !c.body.ended {
				c.fail(errUnread)
				continue
			}
			c.stage, c.rest = commands, []byte(".\r\n")
		case skipped:
			if _, err := io.CopyN(io.Discard, c.in, c.refused); err != nil {
				c.fail(err)
				continue
			}
			c.stage = commands
		default:
			c.command()
		}
	}
	n := copy(p, c.rest)
	c.rest = c.rest[n:]
	return n, nil
}

// goodbye is the answer that the end of reading deserves, if there is one.
func (c *conn) goodbye() {
	var timeout net.Error
	switch {
	case errors.Is(c.err, errDraining):
		c.say("421 4.3.2 The relay is being stopped; try again later\r\n")
	case errors.Is(c.err, errLong):
		c.say("500 5.5.2 The command line is too long; this connection ends\r\n")
	case errors.Is(c.err, errChunk):
		c.say("552 5.3.4 The chunk is too large, or its size cannot be read; this connection ends\r\n")
	case errors.Is(c.err, errNoTLS):
		c.say("501 5.5.4 Nothing may follow STARTTLS before its answer; this connection ends\r\n")
	case errors.As(c.err, &timeout) && timeout.Timeout():
		c.say("421 4.4.2 The connection was silent or open for too long\r\n")
	}
}

// command reads a line and puts it, or what stands for it, into rest.
func (c *conn) command() {
	line := c.next()
	if line == nil {
		return
	}
	if c.stage == response {
		c.stage, c.rest = commands, line
		return
	}
	if !c.clean(line) {
		return
	}
	c.rest = line
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
