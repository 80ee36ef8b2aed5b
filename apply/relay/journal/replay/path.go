package replay

import (
	"strconv"
	"strings"

	"github.com/mailrelay/mailrelay/schema"
)

// path reads the argument of MAIL or RCPT: FROM:<a@b> SIZE=5, with or without blanks
// and angle brackets.
func path(args, keyword string) (m schema.Mailbox, size int64, ok bool) {
	args = strings.TrimSpace(args)
	if len(args) < len(keyword) || !strings.EqualFold(args[:len(keyword)], keyword) {
		return m, 0, false
	}
	args = strings.TrimSpace(args[len(keyword):])
	address, params := args, ""
	if rest, found := strings.CutPrefix(args, "<"); found {
		end := closing(rest)
		if end < 0 {
			return m, 0, false
		}
		address, params = rest[:end], rest[end+1:]
	} else if i := strings.IndexByte(args, ' '); i >= 0 {
		address, params = args[:i], args[i:]
	}
	for _, p := range strings.Fields(params) {
		if n, is := cutPrefixFold(p, "SIZE="); is {
			size, _ = strconv.ParseInt(n, 10, 64)
			size = max(size, 0)
		}
	}
	m, ok = mailbox(address)
	return m, size, ok
}

// closing finds the bracket that ends an address; one in quotes does not.
func closing(s string) int {
	quoted := false
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\\' && quoted:
			i++
		case s[i] == '"':
			quoted = !quoted
		case s[i] == '>' && !quoted:
			return i
		}
	}
	return -1
}

// mailbox reads an address; empty is the null sender, and postmaster may stand alone.
func mailbox(s string) (schema.Mailbox, bool) {
	if _, rest, found := strings.Cut(s, ":"); found && strings.HasPrefix(s, "@") { // a source route (RFC 5321, appendix C)
		s = rest
	}
	switch {
	case s == "":
		return schema.Mailbox{}, true
	case strings.EqualFold(s, "postmaster"):
		return schema.Mailbox{Local: s}, true
	}
	m, err := schema.ParseMailbox(s)
	return m, err == nil
}

func cutPrefixFold(s, prefix string) (string, bool) {
	if len(s) < len(prefix) || !strings.EqualFold(s[:len(prefix)], prefix) {
		return s, false
	}
	return s[len(prefix):], true
}
