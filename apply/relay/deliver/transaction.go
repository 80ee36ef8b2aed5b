package deliver

import (
	"errors"
	"io"
	"strconv"
	"strings"

	"github.com/mailrelay/mailrelay/schema"
)

// transaction is one message for recipients of one next hop.
type transaction struct {
	from           schema.Mailbox
	to             []schema.Mailbox
	size           int64 // bytes; 0: not known
	eightBit, utf8 bool
	wanted         wanted
	body           []byte                        // nil: open
	open           func() (io.ReadCloser, error) // the body in the spool
	narrow         *narrow                       // the content is converted on its way; nil: sent as it is
	out            []outcome                     // one for each of to
	// sign gives the fields that go before the content that it has written; nil:
	// there are none.
	sign   func(write func(io.Writer) error) (string, error)
	fields string // what it gave
	chunk  bool   // it goes as one chunk, and not by DATA
	// answered means that the server has said something about this transaction:
	// only before that may another connection repeat it without thought.
	answered bool
}

// transact runs t. Every element of t.out is set, except where the error is not
// nil: then those that are untried have had no answer, and the connection is
// lost. Otherwise c.last tells whether it can be used again.
func (c *client) transact(t *transaction) error {
	if o, ok := c.impossible(t); ok {
		t.answered = true
		c.all(t, o)
		return nil
	}
	if t.sign != nil {
		var err error
		if t.fields, err = t.sign(t.copyTo); err != nil {
			t.answered = true
			c.all(t, local(deferred, "4.3.0", "the message could not be read from the spool: "+err.Error()))
			return nil
		}
		if t.size > 0 {
			t.size += int64(len(t.fields))
		}
	}
	c.sent++
	t.chunk = c.chunkable(t)
	var data reply
	var err error
	if c.ext.pipelining {
		data, err = c.batch(t)
	} else {
		data, err = c.stepwise(t)
	}
	if err != nil {
		return err
	}
	accepted := 0
	for _, o := range t.out {
		if o.kind == untried {
			accepted++
		}
	}
	switch {
	case t.chunk && accepted > 0:
		return c.chunk(t)
	case data.code == 0: // never asked for
		return nil
	case !data.intermediate():
		if accepted > 0 {
			c.all(t, judge(misplaced(data), atData))
		}
		return nil
	case accepted == 0: // asked for in the same breath, and granted for nobody
		c.within(dataLimit)
		c.line(".")
		c.open = false
		_, err := c.answer()
		return err
	}
	return c.content(t)
}

// batch sends MAIL, every RCPT and DATA in one write (RFC 2920) and reads the
// answers. It gives the one to DATA, or a zero reply where that is not said.
func (c *client) batch(t *transaction) (data reply, err error) {
	c.within(commandLimit)
	reset := c.open
	if reset {
		c.line("RSET")
	}
	c.mail(t)
	for i := range t.to {
		c.line(c.rcpt(t, i)...)
	}
	if !t.chunk {
		c.line("DATA")
	}
	c.open = true
	if reset {
		if _, err := c.first(); err != nil {
			return reply{}, err
		}
	}
	rep, err := c.first()
	if err != nil {
		return reply{}, err
	}
	t.answered = true
	if !rep.positive() {
		c.all(t, judge(misplaced(rep), atMail))
	}
	for i := range t.to {
		rep, err := c.answer()
		if err != nil {
			return reply{}, err
		}
		if t.out[i].kind == untried && !rep.positive() {
			c.put(t, i, judge(misplaced(rep), atRcpt))
		}
	}
	if t.chunk {
		return reply{}, nil
	}
	return c.answer()
}

// stepwise sends one command at a time. It gives the answer to DATA, or a zero
// reply where that is not said: to a chunk, or because no recipient was taken.
func (c *client) stepwise(t *transaction) (data reply, err error) {
	c.within(commandLimit)
	if c.open {
		c.line("RSET")
		if _, err := c.first(); err != nil {
			return reply{}, err
		}
	}
	c.open = true
	c.mail(t)
	rep, err := c.first()
	if err != nil {
		return reply{}, err
	}
	t.answered = true
	if !rep.positive() {
		c.all(t, judge(misplaced(rep), atMail))
		return reply{}, nil
	}
	accepted := false
	for i := range t.to {
		rep, err := c.ask(commandLimit, c.rcpt(t, i)...)
		if err != nil {
			return reply{}, err
		}
		if rep.positive() {
			accepted = true
			continue
		}
		c.put(t, i, judge(misplaced(rep), atRcpt))
	}
	if !accepted || t.chunk {
		return reply{}, nil
	}
	return c.ask(dataLimit, "DATA")
}

// first reads an answer to the beginning of a transaction. On a connection that
// was kept, 421 there tells of its end and not of the message.
func (c *client) first() (reply, error) {
	rep, err := c.answer()
	if err == nil && rep.code == 421 && c.sent > 1 {
		return reply{}, errors.New("the next hop ended the connection: " + rep.String())
	}
	return rep, err
}

// mail queues MAIL FROM with the parameters that the server knows.
func (c *client) mail(t *transaction) {
	words := []string{"MAIL FROM:<", t.from.String(), ">"}
	if c.ext.size && t.size > 0 {
		words = append(words, " SIZE=", strconv.FormatInt(t.size, 10))
	}
	if t.eightBit && c.ext.eightBit {
		words = append(words, " BODY=8BITMIME")
	}
	if c.ext.utf8 && (t.utf8 || !ascii(t.from.Local) || wideAny(t.to)) {
		words = append(words, " SMTPUTF8")
	}
	if c.ext.dsn {
		words = append(words, t.wanted.ofMail())
	}
	c.line(words...)
}

// rcpt is the command for one recipient.
func (c *client) rcpt(t *transaction, i int) []string {
	words := []string{"RCPT TO:<", t.to[i].String(), ">"}
	if c.ext.dsn {
		words = append(words, t.wanted.ofRcpt(i))
	}
	return words
}

// all sets the outcome of every recipient that has none yet.
func (c *client) all(t *transaction, o outcome) {
	for i := range t.out {
		if t.out[i].kind == untried {
			c.put(t, i, o)
		}
	}
}

func (c *client) put(t *transaction, i int, o outcome) {
	o.host, o.addr, o.final = c.host, c.addr, t.to[i]
	t.out[i] = o
}

// misplaced makes an answer in the 300s where none belongs a temporary one.
func misplaced(r reply) reply {
	if r.intermediate() {
		r.code, r.status = 451, ""
	}
	return r
}

func wideAny(to []schema.Mailbox) bool {
	for _, m := range to {
		if !ascii(m.Local) {
			return true
		}
	}
	return false
}

func ascii(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r > 126 }) < 0
}

// bytesOf reads a number of bytes; 0 if it is none.
func bytesOf(s string) int64 {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 {
		return 0
	}
	return n
}
