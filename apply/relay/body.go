package relay

import (
	"bufio"
	"errors"
	"io"
)

// body reads the content of a message. After DATA that is without the dots that
// RFC 5321, 4.5.2 puts before lines, and it ends with io.EOF at CRLF "." CRLF and
// nowhere else: a line that ends in a bare LF is no line here, so nothing can be
// smuggled. After BDAT it is the chunks, see chunks.
type body struct {
	c     *conn
	rest  []byte // of what was read ahead
	start bool   // at the start of a line
	cr    bool   // the last byte was a CR
	ended bool
	chunks
}

func (b *body) begin() { *b = body{c: b.c, start: true} }

func (b *body) Read(p []byte) (int, error) {
	if b.chunked {
		return b.readChunk(p)
	}
	n := 0
	for n < len(p) && !b.ended {
		if len(b.rest) > 0 {
			k := copy(p[n:], b.rest)
			b.rest = b.rest[k:]
			n += k
			continue
		}
		if n > 0 && b.c.in.Buffered() == 0 { // do not wait while there is something to give
			return n, nil
		}
		part, err := b.c.in.ReadSlice('\n')
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			b.c.fail(err)
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return n, err
		}
		b.take(part)
	}
	if n == 0 && b.ended {
		return 0, io.EOF
	}
	return n, nil
}

// take looks at a line, or at a part of one that is longer than the buffer.
func (b *body) take(part []byte) {
	full := part[len(part)-1] == '\n'
	crlf := full && (len(part) > 1 && part[len(part)-2] == '\r' || len(part) == 1 && b.cr)
	b.rest = part
	if b.start && part[0] == '.' {
		b.rest = part[1:]
		b.ended = crlf && len(part) == 3
		if b.ended {
			b.rest = nil
		}
	}
	b.cr = part[len(part)-1] == '\r'
	b.start = crlf
}
