package deliver

import (
	"bufio"
	"bytes"
)

// dots writes a message as DATA wants it (RFC 5321, 4.5.2): a dot before each
// line that begins with one, every line ended by CRLF, the last line too, and no
// CR or LF anywhere else. A bare CR or LF of the message becomes a CRLF.
type dots struct {
	w     *bufio.Writer
	mid   bool // inside a line
	after bool // the last byte was a CR whose LF may follow
}

// Write takes any part of the message; lines may be cut anywhere.
func (d *dots) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		if d.after {
			d.after = false
			if p[0] == '\n' { // the CRLF has been written when the CR was seen
				p = p[1:]
				continue
			}
		}
		if !d.mid && p[0] == '.' {
			d.w.WriteByte('.')
		}
		i := bytes.IndexByte(p, '\n')
		if i > 0 && p[i-1] == '\r' && bytes.IndexByte(p[:i-1], '\r') < 0 { // a whole line, nearly always
			d.w.Write(p[:i+1])
			d.mid, p = false, p[i+1:]
			continue
		}
		p = d.odd(p)
	}
	return n, d.err()
}

// odd writes up to the next CR or LF and gives what is behind it.
func (d *dots) odd(p []byte) []byte {
	i := bytes.IndexAny(p, "\r\n")
	if i < 0 {
		d.w.Write(p)
		d.mid = true
		return nil
	}
	d.w.Write(p[:i])
	d.w.WriteString("\r\n")
	d.mid, d.after = false, p[i] == '\r'
	return p[i+1:]
}

// Close ends the last line and writes the final dot. It does not flush.
func (d *dots) Close() error {
	if d.mid {
		d.w.WriteString("\r\n")
	}
	d.w.WriteString(".\r\n")
	return d.err()
}

// err is the error that sticks in the writer.
func (d *dots) err() error {
	_, err := d.w.Write(nil)
	return err
}
