package deliver

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

const (
	replyLine  = 2048 // bytes a line; RFC 5321, 4.5.3.1.5 asks for 512
	replyLines = 128
)

// reply is one answer of a server (RFC 5321, 4.2).
type reply struct {
	code int
	// status is the enhanced status code of RFC 2034, "5.1.1"; empty where the
	// answer has none, or one of another class than its code.
	status string
	// lines are the texts without the code, control characters replaced.
	lines []string
}

// String gives the answer on one line, as logs and bounces show it.
func (r reply) String() string {
	return strconv.Itoa(r.code) + " " + strings.Join(r.lines, " ")
}

func (r reply) positive() bool     { return r.code/100 == 2 }
func (r reply) intermediate() bool { return r.code/100 == 3 }
func (r reply) permanent() bool    { return r.code/100 == 5 }

// readReply reads one answer of any number of lines. Lines may end in a bare LF.
// The error is io.EOF if the connection ended before the first byte.
func readReply(r *bufio.Reader) (reply, error) {
	var out reply
	for n := 0; ; n++ {
		if n == replyLines {
			return reply{}, fmt.Errorf("the answer has more than %d lines", replyLines)
		}
		line, err := r.ReadSlice('\n')
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			return reply{}, fmt.Errorf("a line of the answer is longer than %d bytes", r.Size())
		case errors.Is(err, io.EOF) && (n > 0 || len(line) > 0):
			return reply{}, io.ErrUnexpectedEOF
		case err != nil:
			return reply{}, err
		}
		code, more, text, ok := replyParts(line)
		if !ok {
			return reply{}, fmt.Errorf("%.60q is not an SMTP answer", line)
		}
		if n == 0 {
			out.code, out.status = code, enhanced(code, text)
		} else if code != out.code {
			return reply{}, fmt.Errorf("the answer begins with %d and goes on with %d", out.code, code)
		}
		out.lines = append(out.lines, text)
		if !more {
			return out, nil
		}
	}
}

// replyParts cuts a line into code, "another line follows" and text.
func replyParts(line []byte) (code int, more bool, text string, ok bool) {
	s := strings.TrimRight(string(line), "\r\n")
	if len(s) < 3 || s[0] < '2' || s[0] > '5' || !digit(s[1]) || !digit(s[2]) {
		return 0, false, "", false
	}
	code, _ = strconv.Atoi(s[:3])
	if len(s) == 3 {
		return code, false, "", true
	}
	if s[3] != ' ' && s[3] != '-' {
		return 0, false, "", false
	}
	return code, s[3] == '-', printable(s[4:]), true
}

// printable replaces what would not be one line of text.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || 127 <= r && r < 160 {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
}

// enhanced finds the enhanced status code at the beginning of text, if it has
// the class of code (RFC 2034, 4).
func enhanced(code int, text string) string {
	word, _, _ := strings.Cut(text, " ")
	parts := strings.Split(word, ".")
	if len(parts) != 3 || parts[0] != strconv.Itoa(code/100) {
		return ""
	}
	for _, p := range parts[1:] {
		if len(p) < 1 || len(p) > 3 || strings.Trim(p, "0123456789") != "" {
			return ""
		}
	}
	return word
}

func digit(c byte) bool { return '0' <= c && c <= '9' }
