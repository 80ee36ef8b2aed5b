package relay

import (
	"bytes"
	"strings"
)

// Write takes an answer of go-smtp, a line a call. Nothing goes out before the
// next read, or before flush.
func (c *conn) Write(p []byte) (int, error) {
	if !c.greeted { // after STARTTLS there is no banner
		c.greeted = true
		return len(p), nil
	}
	if c.err != nil {
		if c.last {
			return len(p), nil
		}
		c.last = len(p) < 4 || p[3] != '-'
	}
	switch {
	case c.body.announced:
		if c.body.accept(bytes.HasPrefix(p, []byte("354 "))) {
			return len(p), nil // BDAT is answered when the chunk is there
		}
	case bytes.HasPrefix(p, []byte("354 ")):
		c.stage = content
		c.body.begin()
	case bytes.HasPrefix(p, []byte("334")):
		c.stage = response
	case string(p) == "250 SIZE\r\n": // the last line to EHLO
		for line := range strings.Lines(c.limits) {
			c.put([]byte(line))
		}
		return len(p), nil
	default:
		if r := c.misread(p); r != nil {
			c.refused(c.verb(), r)
			c.put([]byte(line(r)))
			return len(p), nil
		}
	}
	c.put(p)
	return len(p), nil
}

// put adds a line to what is written next.
func (c *conn) put(line []byte) {
	c.out = append(c.out, line...)
	if c.talk != nil {
		c.talk.Answer(string(bytes.TrimRight(line, "\r\n")))
	}
}

// say adds a line of our own to the answers.
func (c *conn) say(line string) {
	c.asked = true
	_, _ = c.Write([]byte(line))
}

// flush writes the answers.
func (c *conn) flush() error {
	if len(c.out) == 0 {
		return nil
	}
	_, err := c.network().Write(c.out)
	c.out = c.out[:0]
	return err
}

// end makes the answer to the command at hand the last one.
func (c *conn) end() { c.fail(errEnd) }

// Close writes what is left to say and closes, unless another conn goes on with
// the link.
func (c *conn) Close() error {
	if c.moved {
		return nil
	}
	c.fail(errEnd) // go-smtp reads on after QUIT, without a session
	_ = c.flush()
	if c.secure != nil {
		_ = c.secure.Close()
	}
	return c.link.Close()
}
