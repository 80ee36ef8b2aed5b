package relay

import (
	"bytes"

	"github.com/emersion/go-smtp"

	"github.com/mailrelay/mailrelay/schema"
)

// newlines sees to it that every line of a message ends in CRLF, and that no CR or
// LF stands alone (RFC 5321, 2.3.8): other programs take such for the end of a
// line, so that what they read is not what was checked here.
type newlines struct {
	normalize bool // alone they become CRLF; else the message is refused
	cr        bool // the last byte was a CR, which has not been passed on
	any       bool // something was passed on
	open      bool // and it did not end in CRLF
	connector schema.Addr
}

func (n *newlines) bare() *smtp.SMTPError {
	return reply(550, 5, 6, 11, "The message holds a CR or LF that stands alone, which no mail may; end lines with CRLF, or have bare_newline = \"normalize\" set for %s", n.connector)
}

// pass hands p on to h.
func (n *newlines) pass(p []byte, h *header) *smtp.SMTPError {
	if n.cr {
		n.cr = false
		if p[0] == '\n' {
			p = p[1:]
		} else if !n.normalize {
			return n.bare()
		}
		if r := n.hand(h, []byte("\r\n")); r != nil {
			return r
		}
	}
	start := 0 // of what is good and not passed on yet
	for i := 0; i < len(p); {
		k := bytes.IndexByte(p[i:], '\n')
		end := len(p)
		if k >= 0 {
			end = i + k
		}
		// p[i:end] holds no LF. Of CRs it may hold one, right before an LF.
		crlf := k >= 0 && end > i && p[end-1] == '\r'
		last := end
		if crlf {
			last--
		} else if k < 0 && p[end-1] == '\r' {
			last--
			n.cr = true
		}
		if c := bytes.IndexByte(p[i:last], '\r'); c >= 0 || k >= 0 && !crlf {
			if !n.normalize {
				return n.bare()
			}
			if c >= 0 {
				last = i + c
				n.cr = false
			}
			if r := n.hand(h, p[start:last]); r != nil {
				return r
			}
			if r := n.hand(h, []byte("\r\n")); r != nil {
				return r
			}
			i = last + 1
			start = i
			continue
		}
		if k < 0 {
			return n.hand(h, p[start:last])
		}
		i = end + 1
	}
	return n.hand(h, p[start:])
}

func (n *newlines) hand(h *header, p []byte) *smtp.SMTPError {
	if len(p) == 0 {
		return nil
	}
	n.any = true
	n.open = p[len(p)-1] != '\n'
	return h.write(p)
}

// end gives the last line its end, which BDAT may leave out.
func (n *newlines) end(h *header) *smtp.SMTPError {
	if n.cr && !n.normalize {
		return n.bare()
	}
	if n.cr || n.open {
		return n.hand(h, []byte("\r\n"))
	}
	return nil
}
