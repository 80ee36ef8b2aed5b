package deliver

import (
	"bytes"
	"fmt"
	"io"
	"strconv"
	"time"
)

// A message that is small enough to be in memory goes as one chunk (RFC 3030) to a
// server that offers CHUNKING: nothing in it can be taken for its end, and a server
// without PIPELINING is asked once less. Larger ones go by DATA, where nobody waits
// for an answer to each piece. Though RFC 3030 allows it, no chunk is sent before a
// recipient was taken: a server that refuses the envelope, and does not skip the
// chunk as it should, would read the message as commands.

// chunkable reports whether t goes as one chunk to the server.
func (c *client) chunkable(t *transaction) bool {
	return c.ext.chunking && t.narrow == nil && t.body != nil && inLines(t.body)
}

// inLines reports whether b is lines that end in CRLF, with no other CR or LF.
func inLines(b []byte) bool {
	n := bytes.Count(b, []byte("\r\n"))
	return bytes.HasSuffix(b, []byte("\r\n")) && bytes.Count(b, []byte("\n")) == n && bytes.Count(b, []byte("\r")) == n
}

// chunk sends the message, and reads the answer that counts.
func (c *client) chunk(t *transaction) error {
	pace := &paced{c: c, end: time.Now().Add(bodyLimit + time.Duration(t.size/bodyPace)*time.Second)}
	c.w.Reset(pace)
	c.line("BDAT ", strconv.Itoa(len(t.fields)+len(t.body)), " LAST")
	_, err := io.WriteString(c.w, t.fields)
	if err == nil {
		_, err = c.w.Write(t.body)
	}
	if err == nil {
		err = c.w.Flush()
	}
	if err != nil {
		return c.broken(t, err)
	}
	c.w.Reset(c.nc)
	c.within(finalLimit)
	rep, err := c.answer()
	if err != nil {
		return err
	}
	c.open = !rep.positive() // who knows
	o := judge(misplaced(rep), atData)
	if unknown(rep) {
		// It offers what it does not know, and may have read the message as commands.
		c.last, c.cannotChunk = true, true
		o = local(deferred, "4.5.0", fmt.Sprintf("%s offers CHUNKING and does not know BDAT (%s): it gets no more chunks for a while", c.host, rep))
	}
	c.all(t, o)
	return nil
}

// unknown reports whether a server did not understand a command.
func unknown(r reply) bool { return 500 <= r.code && r.code <= 504 }
