package relay

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/mailrelay/mailrelay/schema"
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
//   - what EHLO shows of limits is those of the connector
//   - an address that go-smtp cannot read is answered in words (see misread)
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
	unwanted int64  // bytes of a chunk that nobody wants
	most     int64  // bytes of a chunk
	body     body
	line     []byte // the last command
	asked    bool   // the last command is answered by the session, or here
	extended bool   // EHLO, not HELO
	err      error  // of a read; sticks
	last     bool   // the one answer after err was given
	greeted  bool   // the banner was written, or left out after STARTTLS
	moved    bool   // the link belongs to another conn
	limits   string // shown by EHLO: SIZE, and LIMITS of RFC 9422
	upgrade  func(*conn) error
}

// newConn wraps l for the connector b. upgrade, if not nil, is called at STARTTLS; it
// takes the link over, or gives an error.
func newConn(l *link, secure io.ReadWriteCloser, b *schema.ReceiveConnector, upgrade func(*conn) error) *conn {
	c := &conn{link: l, secure: secure, upgrade: upgrade, greeted: secure == nil, most: b.MaxMessageSize + beyond, limits: limitsOf(b)}
	c.in = bufio.NewReaderSize(source{c}, inBuffer)
	c.body.c = c
	return c
}

// limitsOf are the last two lines of an answer to EHLO.
func limitsOf(b *schema.ReceiveConnector) string {
	s := fmt.Sprintf("250-LIMITS RCPTMAX=%d", b.MaxRecipients)
	if b.MaxMessages > 0 {
		s += fmt.Sprintf(" MAILMAX=%d", b.MaxMessages)
	}
	return s + fmt.Sprintf("\r\n250 SIZE %d\r\n", b.MaxMessageSize)
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
			if _, err := io.CopyN(io.Discard, c.in, c.unwanted); err != nil {
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
		c.say("421 4.4.2 The connection was silent or open for too long (connection_inactivity_timeout and connection_timeout of " + c.connector.String() + ")\r\n")
	}
}
