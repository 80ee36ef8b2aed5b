package deliver

import (
	"bytes"
	"encoding/base64"
	"io"
	"mime/quotedprintable"
	"strings"
)

// narrowed is the header of a part.
type narrowed struct {
	raw    []byte // with the empty line, if there was one
	fields []field
	blank  string // the empty line
}

// field is one field with its folded lines, as it stands.
type field struct{ name, raw string }

// header reads up to the empty line, or to what ends the part before there is one.
func (w *walk) header(bounds []string) (*narrowed, *ending, error) {
	h := &narrowed{}
	for {
		b, start, err := w.piece()
		if err != nil {
			return nil, nil, err
		}
		if b == nil {
			return h, &ending{level: -1}, nil
		}
		if start {
			if end := boundary(b, bounds); end != nil {
				return h, end, nil
			}
		}
		if len(h.raw)+len(b) > narrowHeader {
			return nil, nil, errStrange
		}
		h.raw = append(h.raw, b...)
		line := string(b)
		if start && strings.Trim(line, "\r\n") == "" {
			h.blank = line
			return h, nil, nil
		}
		if n := len(h.fields); n > 0 && (!start || line[0] == ' ' || line[0] == '\t') {
			h.fields[n-1].raw += line
			continue
		}
		name, _, _ := strings.Cut(line, ":")
		h.fields = append(h.fields, field{strings.TrimSpace(name), line})
	}
}

// value gives the text of a field, unfolded.
func (h *narrowed) value(name string) (string, bool) {
	for _, f := range h.fields {
		if strings.EqualFold(f.name, name) {
			_, v, _ := strings.Cut(f.raw, ":")
			return strings.TrimSpace(strings.NewReplacer("\r", "", "\n", "").Replace(v)), true
		}
	}
	return "", false
}

// add puts a field behind the others.
func (h *narrowed) add(line string) {
	name, _, _ := strings.Cut(line, ":")
	h.fields = append(h.fields, field{name, line + "\r\n"})
}

// coded is the header with another transfer encoding, if change says so.
func (h *narrowed) coded(to string, change bool) []byte {
	if !change {
		return h.raw
	}
	var b bytes.Buffer
	for _, f := range h.fields {
		if !strings.EqualFold(f.name, "Content-Transfer-Encoding") {
			b.WriteString(f.raw)
		}
	}
	b.WriteString("Content-Transfer-Encoding: " + to + "\r\n" + h.blank)
	return b.Bytes()
}

// coder is a transfer encoding. Close ends it and writes no line end that a
// boundary brings.
type coder struct {
	io.WriteCloser
	cut *cutLines // of base64
}

func newCoder(w io.Writer, name string) *coder {
	if name == "quoted-printable" {
		return &coder{quotedprintable.NewWriter(w), nil}
	}
	cut := &cutLines{w: w}
	return &coder{base64.NewEncoder(base64.StdEncoding, cut), cut}
}

// cutLines puts a line end behind every 76 bytes.
type cutLines struct {
	w   io.Writer
	col int
}

func (c *cutLines) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		if c.col == 76 {
			if _, err := io.WriteString(c.w, "\r\n"); err != nil {
				return 0, err
			}
			c.col = 0
		}
		k := min(76-c.col, len(p))
		if _, err := c.w.Write(p[:k]); err != nil {
			return 0, err
		}
		c.col += k
		p = p[k:]
	}
	return n, nil
}

// copy gives the body of a part to out, and what ended it. The line end before a
// boundary belongs to the boundary (RFC 2046, 5.1.1), so it is never encoded. look
// sees every piece, and its error ends everything; it may be nil.
func (w *walk) copy(bounds []string, out io.Writer, look func([]byte) error) (*ending, error) {
	enc, _ := out.(*coder)
	var eol []byte // held back
	for {
		b, start, err := w.piece()
		if err != nil {
			return nil, err
		}
		var end *ending
		if b == nil {
			end = &ending{level: -1}
		} else if start {
			end = boundary(b, bounds)
		}
		if end != nil {
			return end, w.finish(out, enc, eol, end)
		}
		if look != nil {
			if err := look(b); err != nil {
				return nil, err
			}
		}
		if _, err := out.Write(eol); err != nil {
			return nil, err
		}
		text := bytes.TrimSuffix(b, []byte("\n"))
		if len(text) < len(b) {
			text = bytes.TrimSuffix(text, []byte("\r"))
		}
		eol = append(eol[:0], b[len(text):]...)
		if _, err := out.Write(text); err != nil {
			return nil, err
		}
	}
}

// finish ends the body of a part.
func (w *walk) finish(out io.Writer, enc *coder, eol []byte, end *ending) error {
	if enc == nil {
		_, err := out.Write(eol)
		return err
	}
	if end.level < 0 { // the last line end is the part's own
		if _, err := enc.Write(eol); err != nil {
			return err
		}
		eol = nil
	}
	if err := enc.Close(); err != nil {
		return err
	}
	if enc.cut != nil && eol == nil {
		eol = []byte("\r\n")
	}
	_, err := w.w.Write(eol)
	return err
}
