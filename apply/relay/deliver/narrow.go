package deliver

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"mime"
	"strings"
	"unicode/utf8"
)

const (
	narrowHeader = 1 << 20 // bytes of a header that is read for conversion
	narrowDepth  = 30      // parts within parts
)

// unchangeable is why a message cannot be made 7-bit.
type unchangeable struct{ error }

var (
	errSigned  = unchangeable{errors.New("it is signed or encrypted, and a conversion would break that")}
	errPart    = unchangeable{errors.New("it has 8-bit bytes where MIME allows no conversion")}
	errStrange = unchangeable{errors.New("its MIME structure cannot be read")}
)

// narrow makes 8-bit content 7-bit for servers without 8BITMIME (RFC 6152, 3):
// texts become quoted-printable and the rest base64, part by part. Everything else
// stays byte for byte, but for 8-bit bytes outside of all parts. A DKIM signature
// of the body does not survive; parts that are signed or encrypted are refused.
//
// A message is read twice: survey finds out what its parts hold, and write needs
// that to begin a part. Both see the same leaves in the same order.
type narrow struct {
	leaves []leaf
}

// leaf is what survey found in a part that holds no others.
type leaf struct {
	eight bool // it has bytes beyond ASCII
	other bool // and these are not UTF-8
}

// survey reads a message. The error is an unchangeable, or that of r.
func survey(r io.Reader) (*narrow, error) {
	n := &narrow{}
	w := &walk{r: bufio.NewReaderSize(r, blockSize), w: io.Discard, n: n, looking: true, bol: true}
	_, err := w.entity(nil, "text/plain", true)
	return n, err
}

// write copies the message that survey has read from r to out, converted.
func (n *narrow) write(out io.Writer, r io.Reader) error {
	w := &walk{r: bufio.NewReaderSize(r, blockSize), w: out, n: n, bol: true}
	_, err := w.entity(nil, "text/plain", true)
	return err
}

// walk goes through a message once.
type walk struct {
	r       *bufio.Reader
	w       io.Writer
	n       *narrow
	next    int  // leaf
	looking bool // in survey
	bol     bool // the next piece begins a line
}

// ending is what ended a part: a boundary line, or the end of the message.
type ending struct {
	level int    // index of the boundary; -1: the end of the message
	last  bool   // it was the closing one
	line  []byte // as it stands
}

// piece gives the next line, or a part of one that is long. start says whether it
// begins a line. At the end of the message it is nil.
func (w *walk) piece() (b []byte, start bool, err error) {
	b, err = w.r.ReadSlice('\n')
	switch {
	case err == nil, errors.Is(err, bufio.ErrBufferFull), err == io.EOF && len(b) > 0:
		err = nil
	case err == io.EOF:
		return nil, false, nil
	default:
		return nil, false, err
	}
	start, w.bol = w.bol, b[len(b)-1] == '\n'
	return b, start, nil
}

// boundary finds the boundary that a line is, the innermost first.
func boundary(line []byte, bounds []string) *ending {
	if len(bounds) == 0 || !bytes.HasPrefix(line, []byte("--")) {
		return nil
	}
	text := strings.TrimRight(string(line[2:]), " \t\r\n")
	for i := len(bounds) - 1; i >= 0; i-- {
		if text == bounds[i] || text == bounds[i]+"--" {
			return &ending{i, text != bounds[i], bytes.Clone(line)}
		}
	}
	return nil
}

// entity reads one part, or the whole message, and what ends it. usual is the type
// of one that does not say.
func (w *walk) entity(bounds []string, usual string, top bool) (*ending, error) {
	if len(bounds) > narrowDepth {
		return nil, errStrange
	}
	h, end, err := w.header(bounds)
	if err != nil {
		return nil, err
	}
	if !top && !plain(h.raw) {
		return nil, errPart
	}
	kind, params := usual, map[string]string(nil)
	if v, ok := h.value("Content-Type"); ok {
		if kind, params, err = mime.ParseMediaType(v); err != nil {
			kind = strings.ToLower(strings.TrimSpace(strings.SplitN(v, ";", 2)[0]))
			params = nil
		}
	}
	coding, _ := h.value("Content-Transfer-Encoding")
	coding = strings.ToLower(strings.TrimSpace(coding))
	wide := coding == "8bit" || coding == "binary"
	switch {
	case end != nil: // no body at all
		return end, w.put(h.raw)
	case kind == "multipart/signed", kind == "multipart/encrypted":
		return w.opaque(h, bounds, errSigned)
	case strings.HasPrefix(kind, "multipart/"):
		if params["boundary"] == "" {
			return w.opaque(h, bounds, errStrange)
		}
		if err := w.put(h.coded("7bit", wide)); err != nil {
			return nil, err
		}
		within := "text/plain"
		if kind == "multipart/digest" {
			within = "message/rfc822"
		}
		return w.parts(append(bounds[:len(bounds):len(bounds)], params["boundary"]), within)
	case kind == "message/rfc822":
		if err := w.put(h.coded("7bit", wide)); err != nil {
			return nil, err
		}
		return w.entity(append(bounds[:len(bounds):len(bounds)], "\n"), "text/plain", false) // one level more, that nothing ends
	case strings.HasPrefix(kind, "message/"), coding != "" && coding != "7bit" && !wide:
		return w.opaque(h, bounds, errPart)
	}
	return w.leaf(h, bounds, kind, coding, top)
}

// parts reads the parts of a multipart, up to what ends it.
func (w *walk) parts(bounds []string, usual string) (*ending, error) {
	mine := len(bounds) - 1
	end, err := w.skip(bounds)
	for err == nil && end.level == mine && !end.last {
		if err = w.put(end.line); err == nil {
			end, err = w.entity(bounds, usual, false)
		}
	}
	if err != nil || end.level != mine {
		return end, err
	}
	if err := w.put(end.line); err != nil {
		return nil, err
	}
	return w.skip(bounds[:mine])
}

// skip copies what stands outside of all parts.
func (w *walk) skip(bounds []string) (*ending, error) {
	for {
		b, start, err := w.piece()
		switch {
		case err != nil:
			return nil, err
		case b == nil:
			return &ending{level: -1}, nil
		case start:
			if end := boundary(b, bounds); end != nil {
				return end, nil
			}
		}
		for i, c := range b {
			if c >= 0x80 {
				b[i] = '?'
			}
		}
		if err := w.put(b); err != nil {
			return nil, err
		}
	}
}

// opaque copies a part that must not be changed. It is why where that is needed.
func (w *walk) opaque(h *narrowed, bounds []string, why error) (*ending, error) {
	if err := w.put(h.raw); err != nil {
		return nil, err
	}
	return w.copy(bounds, w.w, func(b []byte) error {
		if !plain(b) {
			return why
		}
		return nil
	})
}

// leaf copies a part that holds no others, converted where it must be.
func (w *walk) leaf(h *narrowed, bounds []string, kind, coding string, top bool) (*ending, error) {
	if w.looking {
		var l leaf
		end, err := w.copy(bounds, io.Discard, func(b []byte) error {
			l.eight = l.eight || !plain(b)
			l.other = l.other || !utf8.Valid(b)
			return nil
		})
		w.n.leaves = append(w.n.leaves, l)
		return end, err
	}
	if w.next == len(w.n.leaves) {
		return nil, errStrange // another message than survey saw
	}
	l := w.n.leaves[w.next]
	w.next++
	if !l.eight {
		if err := w.put(h.coded("7bit", coding == "8bit" || coding == "binary")); err != nil {
			return nil, err
		}
		return w.copy(bounds, w.w, nil)
	}
	to := "base64"
	if strings.HasPrefix(kind, "text/") {
		to = "quoted-printable"
	}
	if _, ok := h.value("Content-Type"); !ok {
		charset := "utf-8"
		if l.other {
			charset = "unknown-8bit" // RFC 1428, 3
		}
		h.add("Content-Type: " + kind + "; charset=" + charset)
	}
	if _, ok := h.value("MIME-Version"); top && !ok {
		h.add("MIME-Version: 1.0")
	}
	if err := w.put(h.coded(to, true)); err != nil {
		return nil, err
	}
	enc := newCoder(w.w, to)
	end, err := w.copy(bounds, enc, nil)
	return end, err
}

func (w *walk) put(b []byte) error {
	_, err := w.w.Write(b)
	return err
}
