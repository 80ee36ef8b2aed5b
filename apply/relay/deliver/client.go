package deliver

import (
	"bufio"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/mailrelay/mailrelay/apply/relay/journal"
)

// Limits of RFC 5321, 4.5.3.2, and our own for what it leaves open.
const (
	dialLimit     = 30 * time.Second
	greetingLimit = 5 * time.Minute
	commandLimit  = 5 * time.Minute
	dataLimit     = 2 * time.Minute
	blockLimit    = 3 * time.Minute
	finalLimit    = 10 * time.Minute
	quitLimit     = 5 * time.Second
	// A body as a whole may take bodyLimit and a second for each bodyPace bytes: a
	// next hop that takes a byte every two minutes keeps no connection for days.
	bodyLimit = 10 * time.Minute
	bodyPace  = 4 << 10
	// blockSize is how much of a body is sent in one write, in bytes.
	blockSize = 32 << 10
)

// client is one connection to a next hop. One goroutine uses it.
type client struct {
	nc   net.Conn
	r    *bufio.Reader
	w    *bufio.Writer
	host string // name of the next hop, as configured or as in the MX
	addr string // address:port it was reached at
	at   hop    // both, for the dialer
	ext  extensions
	tls  tlsInfo
	talk *journal.Dialogue // nil: nobody listens
	sent int               // transactions begun
	open bool              // a transaction was begun and neither ended nor reset
	// cannotChunk means that the server offers CHUNKING and does not know it.
	cannotChunk bool
	last        bool // the server says that it closes, or nobody knows where the dialogue stands
}

func newClient(nc net.Conn, host, addr string) *client {
	c := &client{host: host, addr: addr}
	c.use(nc)
	return c
}

// use makes nc the connection and drops what was read or written before.
func (c *client) use(nc net.Conn) {
	c.nc = nc
	c.r = bufio.NewReaderSize(nc, replyLine)
	c.w = bufio.NewWriterSize(nc, blockSize)
}

// within sets the time in which the next reads and writes must be done. Deadlines
// of connections are those of the runtime's clock, never of Options.Clock.
func (c *client) within(d time.Duration) { c.nc.SetDeadline(time.Now().Add(d)) }

// line queues a command made of words without a space between them.
func (c *client) line(words ...string) {
	for _, w := range words {
		c.w.WriteString(w)
	}
	c.w.WriteString("\r\n")
	if c.talk != nil {
		c.talk.Command(strings.Join(words, ""))
	}
}

// answer sends what is queued and reads one reply.
func (c *client) answer() (reply, error) {
	if c.w.Buffered() > 0 {
		if err := c.w.Flush(); err != nil {
			return reply{}, c.lost(err)
		}
	}
	rep, err := c.read()
	if err != nil {
		return reply{}, c.lost(err)
	}
	if rep.code == 421 {
		c.last = true
	}
	return rep, nil
}

// read reads one reply.
func (c *client) read() (reply, error) {
	rep, err := readReply(c.r)
	if err != nil || c.talk == nil {
		return rep, err
	}
	for i, line := range rep.lines {
		sep := "-"
		if i == len(rep.lines)-1 {
			sep = " "
		}
		c.talk.Answer(strconv.Itoa(rep.code) + sep + line)
	}
	return rep, nil
}

// ask sends a command and reads its reply within d.
func (c *client) ask(d time.Duration, words ...string) (reply, error) {
	c.within(d)
	c.line(words...)
	return c.answer()
}

// lost marks the connection as unusable and says why in words.
func (c *client) lost(err error) error {
	c.last = true
	var timeout net.Error
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("the next hop closed the connection")
	case errors.As(err, &timeout) && timeout.Timeout():
		return errors.New("the next hop did not answer in time")
	}
	return err
}

// close says QUIT where that makes sense and closes the connection.
func (c *client) close() {
	defer c.talk.End()
	if !c.last {
		c.ask(quitLimit, "QUIT")
	}
	if t, ok := c.nc.(*tls.Conn); ok && c.last {
		t.NetConn().Close() // no close_notify to a peer that may not read
		return
	}
	c.nc.Close()
}

// extensions are what the server offers (RFC 5321, 4.1.1.1).
type extensions struct {
	startTLS, pipelining, eightBit, utf8, dsn, chunking bool
	size                                                bool
	limit                                               int64 // of SIZE, bytes; 0: none told
	auth                                                []string
}

// readExtensions reads the answer to EHLO.
func readExtensions(r reply) extensions {
	var e extensions
	for _, line := range r.lines[1:] {
		words := strings.Fields(strings.ToUpper(line))
		if len(words) == 0 {
			continue
		}
		switch words[0] {
		case "STARTTLS":
			e.startTLS = true
		case "PIPELINING":
			e.pipelining = true
		case "8BITMIME":
			e.eightBit = true
		case "CHUNKING":
			e.chunking = true
		case "DSN":
			e.dsn = true
		case "SMTPUTF8":
			e.utf8 = true
		case "SIZE":
			e.size = true
			if len(words) > 1 {
				e.limit = bytesOf(words[1])
			}
		case "AUTH":
			e.auth = words[1:]
		}
	}
	return e
}
