// Package replay reads envelopes back from logs: the events of package journal, the
// NCSA log of IIS SMTP and of ours, and Exchange's protocol log of what it received.
// A log is told by its lines; one may hold several kinds.
//
// Each recipient of a message is an Envelope of its own, whatever became of it. What
// a log does not say is left open: an NCSA log has neither the listener nor who logged
// on, and its lines are put together by client and HELO name, so that sessions of one
// client at the same time may mix.
package replay

import (
	"bufio"
	"io"
	"net/netip"
	"strings"
	"time"

	"github.com/mailrelay/mailrelay/schema"
)

// Envelope is one recipient of one message, as it was handed in.
type Envelope struct {
	Time   time.Time
	Client netip.Addr     // invalid: over the socket Unix
	Local  netip.AddrPort // where the client connected; invalid: not known
	Unix   string
	TLS    bool
	User   string // who had logged on; Somebody where the log does not say who
	From   schema.Mailbox
	To     schema.Mailbox
	Size   int64 // bytes; 0: not known
	Code   int   // of the answer to the recipient
}

// Somebody is a user whose name a log does not tell.
const Somebody = "(somebody)"

// Unread are the lines of a log that could not be read.
type Unread struct {
	Lines int
	First int    // the number of the first one, from 1
	Text  string // of it, cut
	Why   string
}

// maxLine is how long a line may be, in bytes.
const maxLine = 1 << 20

// Read calls f for each envelope of a log, in its order. Lines that are of no known
// form are counted, and reading goes on; lines that say nothing of an envelope are no
// concern. The error is one of r.
func Read(r io.Reader, f func(Envelope)) (Unread, error) {
	l := &log{f: f, ncsa: map[string]*session{}, protocol: map[string]*session{}}
	in := bufio.NewReaderSize(r, 64<<10)
	for n := 1; ; n++ {
		line, err := readLine(in)
		if line = strings.TrimRight(line, "\r\n"); line != "" {
			if why := l.line(line); why != "" {
				if l.unread.Lines++; l.unread.Lines == 1 {
					l.unread.First, l.unread.Why = n, why
					l.unread.Text = line[:min(len(line), 120)]
				}
			}
		}
		if err == io.EOF {
			return l.unread, nil
		}
		if err != nil {
			return l.unread, err
		}
	}
}

// readLine reads a line, of which it keeps maxLine bytes.
func readLine(in *bufio.Reader) (string, error) {
	var b strings.Builder
	for {
		part, err := in.ReadSlice('\n')
		if b.Len() < maxLine {
			b.Write(part)
		}
		if err != bufio.ErrBufferFull {
			return b.String(), err
		}
	}
}

// log is one that is being read.
type log struct {
	f        func(Envelope)
	unread   Unread
	outgoing bool                // the protocol log is of what was sent
	ncsa     map[string]*session // by client and HELO name
	protocol map[string]*session // by session id
}

// session is what is known of a conversation.
type session struct {
	Envelope
	mail    bool     // MAIL was said, and taken
	pending []string // commands that are not answered yet
}

func (l *log) line(s string) (why string) {
	switch {
	case strings.HasPrefix(s, "{"):
		return l.event(s)
	case strings.HasPrefix(s, "#"):
		if kind, ok := strings.CutPrefix(s, "#Log-type:"); ok {
			l.outgoing = strings.Contains(strings.ToLower(kind), "send")
		}
		return ""
	case strings.HasSuffix(s, `"`) || isNCSA(s):
		return l.ncsaLine(s)
	}
	return l.protocolLine(s)
}

// command follows what a client said, and what the answer to it was.
func (s *session) command(line string, code int, f func(Envelope)) (why string) {
	verb, args, _ := strings.Cut(strings.TrimSpace(line), " ")
	good := code >= 200 && code < 300
	switch strings.ToUpper(verb) {
	case "HELO", "EHLO", "RSET":
		s.mail = false
	case "STARTTLS":
		if code == 220 || good {
			s.TLS, s.mail = true, false
		}
	case "AUTH":
		if good {
			s.User = Somebody
		}
	case "QUIT":
		*s = session{Envelope: Envelope{Client: s.Client, Unix: s.Unix, Local: s.Local}}
	case "MAIL":
		from, size, ok := path(args, "FROM:")
		if !ok {
			s.mail = false
			return "the address in MAIL FROM cannot be read"
		}
		s.From, s.Size, s.mail = from, size, true // one that was refused may be let in now
	case "RCPT":
		to, _, ok := path(args, "TO:")
		if !ok || to.IsNull() {
			return "the address in RCPT TO cannot be read"
		}
		if !s.mail {
			return "RCPT TO comes before MAIL FROM; the log may begin inside of a conversation"
		}
		s.To, s.Code = to, code
		f(s.Envelope)
	}
	return ""
}
