package deliver

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

// impossible finds what the server cannot take by its own word. Where 8-bit content
// is all, the transaction converts it.
func (c *client) impossible(t *transaction) (outcome, bool) {
	if o, ok := c.tooLarge(t); ok {
		return o, true
	}
	need := needs{utf8: !ascii(t.from.Local) || wideAny(t.to)}
	if t.utf8 && !c.ext.utf8 || !c.ext.eightBit {
		wide := need.utf8
		if err := t.each(need.read); err != nil {
			return unread(err), true
		}
		need.utf8 = wide || need.utf8 && (t.utf8 || t.eightBit) // from others it goes as it came
	}
	switch {
	case need.utf8 && !c.ext.utf8:
		return local(refused, "5.6.7", "the message has addresses or header fields beyond ASCII, and "+c.host+" does not take them (SMTPUTF8)"), true
	case need.eightBit && !c.ext.eightBit:
		return c.convert(t)
	}
	return outcome{}, false
}

func (c *client) tooLarge(t *transaction) (outcome, bool) {
	if c.ext.limit > 0 && t.size > c.ext.limit {
		return local(refused, "5.3.4", fmt.Sprintf("the message has %d bytes and %s takes %d", t.size, c.host, c.ext.limit)), true
	}
	return outcome{}, false
}

// convert makes t send its content in 7-bit form, or says why that cannot be.
func (c *client) convert(t *transaction) (outcome, bool) {
	var n *narrow
	var size count
	err := t.each(func(r io.Reader) (err error) {
		n, err = survey(r)
		return err
	})
	var no unchangeable
	if errors.As(err, &no) {
		return local(refused, "5.6.3", "the message has 8-bit content, "+c.host+" does not take that (8BITMIME), and it cannot be converted: "+no.Error()), true
	}
	if err == nil {
		err = t.each(func(r io.Reader) error { return n.write(&size, r) })
	}
	if err != nil {
		return unread(err), true
	}
	t.narrow, t.size, t.eightBit = n, int64(size), false
	return c.tooLarge(t)
}

// each reads the message once.
func (t *transaction) each(f func(io.Reader) error) error {
	r, err := t.content()
	if err != nil {
		return err
	}
	defer r.Close()
	return f(r)
}

func unread(err error) outcome {
	return local(deferred, "4.3.0", "the message could not be read from the spool: "+err.Error())
}

// count is an io.Writer that counts bytes.
type count int64

func (c *count) Write(p []byte) (int, error) {
	*c += count(len(p))
	return len(p), nil
}

// needs is what a message asks of a server. That a client declared BODY=8BITMIME
// or SMTPUTF8 does not count: many declare whatever they are offered, and most of
// their messages are plain ASCII, which every server takes.
type needs struct {
	eightBit bool // the body has bytes beyond ASCII
	utf8     bool // the header or an address has
}

// read looks at a message, whose lines end in CRLF.
func (n *needs) read(r io.Reader) error {
	buf := make([]byte, blockSize)
	header := true
	kept := 0 // bytes of the block before, in which the end of the header may begin
	const end = "\r\n\r\n"
	for !n.eightBit {
		got, err := r.Read(buf[kept:])
		b := buf[:kept+got]
		if header {
			i := bytes.Index(b, []byte(end))
			if i < 0 {
				n.utf8 = n.utf8 || !plain(b)
				kept = copy(buf, b[max(0, len(b)-len(end)+1):])
				b = nil
			} else {
				n.utf8 = n.utf8 || !plain(b[:i])
				b, header, kept = b[i:], false, 0
			}
		}
		n.eightBit = !plain(b)
		switch err {
		case nil:
		case io.EOF:
			return nil
		default:
			return err
		}
	}
	return nil
}

// plain reports whether b is ASCII.
func plain(b []byte) bool {
	for _, c := range b {
		if c >= 0x80 {
			return false
		}
	}
	return true
}
