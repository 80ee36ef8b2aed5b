package relay

import (
	"bytes"
	"errors"
	"io"
	"strconv"
)

// chunks is a message that comes by BDAT (RFC 3030).
type chunks struct {
	announced bool  // BDAT was passed on as DATA, and is not answered yet
	chunked   bool  // the content in hand comes in chunks
	left      int64 // bytes of the chunk in hand that are still to come
	final     bool  // it is the last chunk
}

// errReset is RSET in the place of a chunk.
var errReset = errors.New("the message was given up")

// announce reads a BDAT command. Without a size that makes sense nobody can say
// where the next command begins: then the connection ends.
func (b *body) announce(line []byte) bool {
	f := bytes.Fields(line)
	if len(f) == 2 || len(f) == 3 && bytes.EqualFold(f[2], []byte("LAST")) {
		if n, err := strconv.ParseUint(string(f[1]), 10, 32); err == nil && int64(n) <= b.c.most {
			b.announced, b.left, b.final = true, int64(n), len(f) == 3
			return true
		}
	}
	b.c.fail(errChunk)
	return false
}

// accept is go-smtp's answer to the first chunk. It is true if there is a message
// to read now; if not, the chunk is skipped.
func (b *body) accept(ok bool) bool {
	b.announced = false
	if !ok {
		b.c.stage, b.c.unwanted = skipped, b.left
		return false
	}
	left, final := b.left, b.final
	b.begin()
	b.c.stage = content
	b.chunks = chunks{chunked: true, left: left, final: final}
	return true
}

// readChunk reads on, through as many chunks as it takes.
func (b *body) readChunk(p []byte) (int, error) {
	for b.left == 0 {
		if b.final {
			b.ended, b.chunked = true, false
			return 0, io.EOF
		}
		b.c.say("250 2.0.0 Chunk received\r\n")
		if err := b.nextChunk(); err != nil {
			b.chunked = false
			return 0, err
		}
	}
	n, err := b.c.in.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	if n > 0 {
		return n, nil
	}
	b.c.fail(err)
	return 0, io.ErrUnexpectedEOF
}

// nextChunk reads commands until there is another chunk.
func (b *body) nextChunk() error {
	for {
		line := b.c.next()
		if line == nil {
			return io.ErrUnexpectedEOF
		}
		if !b.c.clean(line) {
			continue
		}
		switch b.c.verb() {
		case "BDAT":
			if !b.announce(b.c.line) {
				return io.ErrUnexpectedEOF
			}
			b.announced = false
			return nil
		case "RSET":
			b.ended = true
			return errReset
		case "NOOP":
			b.c.say("250 2.0.0 OK\r\n")
		case "QUIT":
			b.c.end()
			return io.ErrUnexpectedEOF
		default:
			b.c.say("503 5.5.1 A message is coming in by chunks; finish it, or say RSET\r\n")
		}
	}
}
