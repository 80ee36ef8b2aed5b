package replay

import (
	"encoding/csv"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// protocolLine reads a line of Exchange's protocol log:
//
//	date-time,connector-id,session-id,sequence-number,local-endpoint,remote-endpoint,event,data,context
//
// Of event, < is what the client said, > what it was told, - the end, and * a remark.
func (l *log) protocolLine(s string) (why string) {
	r := csv.NewReader(strings.NewReader(s))
	r.LazyQuotes = true
	fields, err := r.Read()
	if err != nil || len(fields) != 9 || len(fields[6]) != 1 {
		return "it is of no log that is known: neither an event of mailrelay, nor NCSA, nor Exchange's protocol log"
	}
	if fields[0] == "date-time" || l.outgoing {
		return ""
	}
	at, err := time.Parse(time.RFC3339, fields[0])
	if err != nil {
		return "its time cannot be read"
	}
	id, event, data := fields[2], fields[6], fields[7]
	session := l.protocol[id]
	if session == nil {
		remote, ok := endpoint(fields[5])
		if !ok {
			return "its client is no address"
		}
		if len(l.protocol) >= maxSessions {
			clear(l.protocol)
		}
		session = newSession(remote.Addr().Unmap())
		if local, ok := endpoint(fields[4]); ok {
			session.Local = netip.AddrPortFrom(local.Addr().Unmap(), local.Port())
		}
		l.protocol[id] = session
	}
	session.Time = at
	switch event {
	case "-":
		delete(l.protocol, id)
	case "<":
		if verb, _, _ := strings.Cut(data, " "); isCommand(verb) && len(session.pending) < 1000 {
			session.pending = append(session.pending, data)
		}
	case ">":
		return session.answer(data, l.f)
	}
	return ""
}

// answer matches an answer with the first command that waits for one.
func (s *session) answer(data string, f func(Envelope)) (why string) {
	if len(data) < 3 || len(data) > 3 && data[3] == '-' || len(s.pending) == 0 {
		return ""
	}
	code, err := strconv.Atoi(data[:3])
	if err != nil || code/100 == 3 && !strings.HasPrefix(strings.ToUpper(s.pending[0]), "DATA") {
		return "" // 334 asks on
	}
	command := s.pending[0]
	s.pending = s.pending[1:]
	return s.command(command, code, f)
}

// isCommand reports whether verb is one that is answered and followed.
func isCommand(verb string) bool {
	switch strings.ToUpper(verb) {
	case "HELO", "EHLO", "MAIL", "RCPT", "DATA", "BDAT", "RSET", "NOOP", "QUIT", "VRFY", "EXPN", "HELP", "STARTTLS", "AUTH":
		return true
	}
	return false
}

// endpoint reads address:port; an address alone is port 25's.
func endpoint(s string) (netip.AddrPort, bool) {
	if ap, err := netip.ParseAddrPort(s); err == nil {
		return ap, true
	}
	a, err := netip.ParseAddr(s)
	return netip.AddrPortFrom(a, 25), err == nil
}
