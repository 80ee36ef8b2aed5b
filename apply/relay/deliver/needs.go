package deliver

import (
	"bytes"
	"fmt"
	"io"
)

// impossible finds what the server cannot take by its own word.
func (c *client) impossible(t *transaction) (outcome, bool) {
	if c.ext.limit > 0 && t.size > c.ext.limit {
		return local(refused, "5.3.4", fmt.Sprintf("the message has %d bytes and %s takes %d", t.size, c.host, c.ext.limit)), true
	}
	need := needs{utf8: !ascii(t.from.Local) || wideAny(t.to)}
	if t.utf8 && !c.ext.utf8 || t.eightBit && !c.ext.eightBit {
		r, err := t.content()
		if err == nil {
			err = need.read(r)
			r.Close()
		}
		if err != nil {
			return local(deferred, "4.3.0", "the message could not be read from the spool: "+err.Error()), true
		}
	}
	switch {
	case need.utf8 && !c.ext.utf8:
		return local(refused, "5.6.7", "the message has addresses or header fields beyond ASCII, and "+c.host+" does not take them (SMTPUTF8)"), true
	case need.eightBit && !c.ext.eightBit:
		return local(refused, "5.6.1", "the message has 8-bit content, and "+c.host+" does not take it (8BITMIME)"), true
	}
	return outcome{}, false
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
