package relay

import (
	"bytes"
	"io"

	"github.com/emersion/go-smtp"

	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/decide"
)

const (
	// longest is how much of a line of the header is held back until its end is seen,
	// in bytes. The rest of a longer one is passed on as it comes.
	longest = 2048
	// passes is how often a message may have passed this relay before. Twice is right
	// where mail goes to a service and comes back from it.
	passes = 3
)

// header passes a message on to out: it counts the hops and the size of the
// header, and leaves out what a client may not say: Received and Resent-* without
// HeadersRouting, and the fields by which Exchange servers trust each other without
// HeadersOrganization and HeadersForest. Lines come with CRLF.
type header struct {
	max       int64        // bytes of the header
	hops      int          // the most Received fields
	host      string       // our own name, by which our own Received fields are known
	rights    decide.Right // of the client
	connector schema.Addr
	out       io.Writer

	done     bool // the body has begun
	size     int64
	received int
	skip     bool   // the field in hand is left out
	inside   bool   // of a line that is longer than longest
	part     []byte // of a line
	trace    trace
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
	if !inside && line[0] != ' ' && line[0] != '\t' { // else it belongs to the field before
		if r := h.settle(); r != nil {
			return r
		}
		switch name, _, field := bytes.Cut(line, []byte(":")); {
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
			h.field(bytes.TrimRight(name, " \t"))
		}
	}
	h.size += int64(len(line))
	h.trace.read(line, h.host, h.skip)
	switch {
	case h.size > h.max:
		return reply(552, 5, 3, 4, "The header of the message is too large: it may have %d bytes (max_header_size of %s)", h.max, h.connector)
	case h.received > h.hops:
		return reply(554, 5, 4, 6, "The message has passed %d relays (max_hop_count), so it is going round in a loop; look at where mail for its recipient is sent", h.received)
	case h.trace.own > passes:
		return reply(554, 5, 4, 6, "The message has passed %s %d times, so it is going round in a loop; look at where mail for its recipient is sent", h.host, h.trace.own)
	case h.skip:
		return nil
	}
	return h.pass(line)
}

// field begins a field of the header.
func (h *header) field(name []byte) {
	received := bytes.EqualFold(name, []byte("Received"))
	switch {
	case received, startsFold(name, "Resent-"):
		h.skip = h.rights&decide.HeadersRouting == 0
	case startsFold(name, "X-MS-Exchange-Organization-"):
		h.skip = h.rights&decide.HeadersOrganization == 0
	case startsFold(name, "X-MS-Exchange-Forest-"):
		h.skip = h.rights&decide.HeadersForest == 0
	default:
		h.skip = false
	}
	if received {
		h.received++
		h.trace.begin()
	}
}

func startsFold(name []byte, prefix string) bool {
	return len(name) > len(prefix) && bytes.EqualFold(name[:len(prefix)], []byte(prefix))
}

// settle ends a field. Of trace fields that are left out our own stay: without them
// a loop through this relay would be seen by nobody.
func (h *header) settle() *smtp.SMTPError {
	if ours := h.trace.end(); h.skip && ours != nil {
		return h.pass(ours)
	}
	return nil
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
	if len(h.part) > 0 {
		if r := h.line(h.part); r != nil {
			return r
		}
	}
	return h.settle()
}
