package replay

import (
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// isNCSA reports whether a line ends as those of IIS SMTP do: " status bytes.
func isNCSA(s string) bool {
	i := strings.LastIndexByte(s, '"')
	return i >= 0 && strings.HasPrefix(s[i+1:], " ") && len(strings.Fields(s[i+1:])) == 2
}

// ncsaLine reads
//
//	client-ip - helo [dd/Mon/yyyy:HH:MM:SS zone] "VERB -?args SMTP" status bytes
//
// Quotes inside the quotes may stand as they are, so it is read from both ends.
func (l *log) ncsaLine(s string) (why string) {
	const form = "it is not like a line of an NCSA log"
	last := strings.LastIndexByte(s, '"')
	first := strings.IndexByte(s, '"')
	if first < 0 || first == last {
		return form
	}
	after := strings.Fields(s[last+1:])
	if len(after) != 2 {
		return form
	}
	code, err := strconv.Atoi(after[0])
	if err != nil {
		return form
	}
	before := s[:first]
	open, end := strings.IndexByte(before, '['), strings.LastIndexByte(before, ']')
	if open < 0 || end < open {
		return form
	}
	at, err := time.Parse("02/Jan/2006:15:04:05 -0700", before[open+1:end])
	if err != nil {
		return "its time cannot be read"
	}
	head := strings.Fields(before[:open])
	if len(head) < 3 {
		return form
	}
	helo := head[2]
	if strings.HasPrefix(helo, "OutboundConnection") {
		return ""
	}
	client, err := netip.ParseAddr(head[0])
	if err != nil {
		return "its client is no address"
	}
	verb, rest, _ := strings.Cut(s[first+1:last], " ")
	rest = strings.TrimSuffix(rest, " SMTP")
	_, args, _ := strings.Cut(rest, "?")
	args = blanks(unescape(args))
	key := client.String() + " " + helo
	session := l.ncsa[key]
	if session == nil {
		if len(l.ncsa) >= maxSessions {
			clear(l.ncsa)
		}
		session = newSession(client.Unmap())
		l.ncsa[key] = session
	}
	session.Time = at
	return session.command(verb+" "+args, code, l.f)
}

// maxSessions is how many conversations are followed at a time: a log that never ends
// one must not fill the memory.
const maxSessions = 1 << 16

func newSession(client netip.Addr) *session {
	return &session{Envelope: Envelope{Client: client}}
}

// unescape takes away the backslashes that our own log has before quotes.
func unescape(s string) string {
	return strings.NewReplacer(`\"`, `"`, `\\`, `\`).Replace(s)
}

// blanks makes plus signs blanks again, but not those in an address.
func blanks(s string) string {
	open := strings.IndexByte(s, '<')
	if open < 0 {
		return strings.ReplaceAll(s, "+", " ")
	}
	end := strings.LastIndexByte(s, '>')
	if end < open {
		end = len(s) - 1
	}
	return strings.ReplaceAll(s[:open], "+", " ") + s[open:end+1] + strings.ReplaceAll(s[end+1:], "+", " ")
}
