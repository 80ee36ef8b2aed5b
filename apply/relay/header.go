package relay

import (
	"bytes"
	"io"

	"github.com/emersion/go-smtp"
)

// longest is how much of a line of the header is held back until its end is seen,
// in bytes. The rest of a longer one is passed on as it comes.
const longest = 2048

// header passes a message on to out: it counts the hops and the size of the
// header, and leaves out what a client may not say. Lines come with CRLF.
type header struct {
	max   int64 // bytes of the header
	hops  int   // the most Received fields
	strip bool  // Received and Resent-* are left out
	out   io.Writer

	done     bool // the body has begun
	size     int64
	received int
	skip     bool   // the field in hand is left out
	inside   bool   // of a line that is longer than longest
	part     []byte // of a line
}

func (h *header) write(p []byte) *smtp.SMTPError {
	for len(p) > 0 && !h.done {
		i := bytes.IndexByte(p, '\n') + 1
		if i == 0 && len(h.part)+len(p) < longest {
			h.part = append(h.part, p...)
			return nil
		}
		if i == 0 {
			i = len(p)
		}
		line := p[:i]
		p = p[i:]
		if len(h.part) > 0 {
			h.part = append(h.part, line...)
			line = h.part
			h.part = h.part[:0]
		}
		if r := h.line(line); r != nil {
			return r
		}
	}
	if len(p) == 0 {
		return nil
	}
	return h.pass(p)
}

// line takes a line, or a part of a long one.
func (h *header) line(line []byte) *smtp.SMTPError {
	inside := h.inside
	h.inside = line[len(line)-1] != '\n'
	if !inside {
		switch name, _, field := bytes.Cut(line, []byte(":")); {
		case line[0] == ' ' || line[0] == '\t': // belongs to the field before
		case string(line) == "\r\n":
			h.done = true
			return h.pass(line)
		case !field || !fieldName(name): // a message without a header, or without the empty line
			h.done = true
			if r := h.pass([]byte("\r\n")); r != nil {
				return r
			}
			return h.pass(line)
		default:
			name = bytes.TrimRight(name, " \t")
			trace := bytes.EqualFold(name, []byte("Received"))
			resent := len(name) > 7 && bytes.EqualFold(name[:7], []byte("Resent-"))
			h.skip = h.strip && (trace || resent)
			if trace {
				h.received++
			}
		}
	}
	h.size += int64(len(line))
	switch {
	case h.size > h.max:
		return reply(552, 5, 3, 4, "The header of the message is too large: it may have %d bytes", h.max)
	case h.received > h.hops:
		return reply(554, 5, 4, 6, "The message has passed %d relays, so it is going round in a loop; look at where mail for its recipient is sent", h.received)
	case h.skip:
		return nil
	}
	return h.pass(line)
}

// fieldName reports whether b may stand before the colon of a field (RFC 5322,
// 3.6.8, and 4.5.3 for the blanks).
func fieldName(b []byte) bool {
	b = bytes.TrimRight(b, " \t")
	return len(b) > 0 && !bytes.ContainsFunc(b, func(r rune) bool { return r <= ' ' || r == 127 })
}

func (h *header) pass(p []byte) *smtp.SMTPError {
	if _, err := h.out.Write(p); err != nil {
		return replyTo(err)
	}
	return nil
}

// end takes what is left of a last line that never ended.
func (h *header) end() *smtp.SMTPError {
	if len(h.part) == 0 {
		return nil
	}
	return h.line(h.part)
}
