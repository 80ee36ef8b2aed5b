package journal

import (
	"strconv"
	"strings"
	"time"
)

// ncsaLine is a line as IIS SMTP wrote it:
//
//	client-ip - helo [dd/Mon/yyyy:HH:MM:SS zone] "VERB -?args SMTP" status bytes
//
// A blank is a plus sign. Unlike IIS, quotes and backslashes inside the quotes have
// a backslash before them, so that a reader can begin at the left.
func ncsaLine(client, name string, at time.Time, verb, args string, status, size int) []byte {
	var b strings.Builder
	b.Grow(160)
	b.WriteString(ncsaWord(client))
	b.WriteString(" - ")
	b.WriteString(ncsaWord(name))
	b.WriteString(at.Format(" [02/Jan/2006:15:04:05 -0700] \""))
	b.WriteString(ncsaWord(verb))
	b.WriteString(" -")
	if args != "" {
		b.WriteByte('?')
		b.WriteString(ncsaWord(args))
	}
	b.WriteString(" SMTP\" ")
	b.WriteString(strconv.Itoa(status))
	b.WriteByte(' ')
	b.WriteString(strconv.Itoa(size))
	b.WriteString("\r\n")
	return []byte(b.String())
}

// ncsaWord writes s without blanks and without what would end a line or a string.
func ncsaWord(s string) string {
	if s == "" {
		return "-"
	}
	if !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r == '"' || r == '\\' || r == 127 }) {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == ' ' || r == '\t':
			b.WriteByte('+')
		case r < ' ' || r == 127:
			b.WriteByte('?')
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}
