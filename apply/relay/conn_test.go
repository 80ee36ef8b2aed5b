package relay

import (
	"context"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
	"github.com/google/go-cmp/cmp"

	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/decide"
)

// script is a connection that gives what it was told, a read at a time: a string,
// an error, or io.EOF when it is at its end.
type script struct {
	reads     []any
	written   []string
	deadlines []time.Time
	closed    bool
}

func (s *script) Read(p []byte) (int, error) {
	if s.closed {
		return 0, net.ErrClosed
	}
	if len(s.reads) == 0 {
		return 0, io.EOF
	}
	next := s.reads[0]
	s.reads = s.reads[1:]
	if err, ok := next.(error); ok {
		return 0, err
	}
	n := copy(p, next.(string))
	if rest := next.(string)[n:]; rest != "" {
		s.reads = append([]any{rest}, s.reads...)
	}
	return n, nil
}

func (s *script) Write(p []byte) (int, error) {
	s.written = append(s.written, string(p))
	return len(p), nil
}

func (s *script) Close() error                     { s.closed = true; return nil }
func (s *script) LocalAddr() net.Addr              { return &net.TCPAddr{} }
func (s *script) RemoteAddr() net.Addr             { return &net.TCPAddr{} }
func (s *script) SetDeadline(time.Time) error      { return nil }
func (s *script) SetWriteDeadline(time.Time) error { return nil }
func (s *script) SetReadDeadline(at time.Time) error {
	s.deadlines = append(s.deadlines, at)
	return nil
}

// heard is what a session at go-smtp heard of a script.
type heard struct{ events []string }

func (h *heard) Reset()        {}
func (h *heard) Logout() error { return nil }
func (h *heard) Mail(from string, _ *smtp.MailOptions) error {
	h.events = append(h.events, "MAIL "+from)
	return nil
}
func (h *heard) Rcpt(to string, _ *smtp.RcptOptions) error {
	h.events = append(h.events, "RCPT "+to)
	return nil
}
func (h *heard) Data(r io.Reader) error {
	raw, err := io.ReadAll(r)
	if err != nil {
		h.events = append(h.events, "cut off")
		return err
	}
	h.events = append(h.events, "DATA "+string(raw))
	return nil
}

// serveScript runs a script through a conn and a go-smtp server.
func serveScript(s *script, b *schema.ReceiveConnector) *heard {
	h := &heard{}
	f := newFeed()
	l := newLink(context.Background(), s, decide.Client{}, b, func() {})
	var c *conn
	server := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) {
		return direct{h, c}, nil
	}))
	server.MaxLineLength = 0
	go server.Serve(f)
	c = newConn(l, nil, b, nil)
	f.give(c)
	<-l.done.Done()
	_ = server.Shutdown(context.Background()) // waits for the session
	return h
}

// direct reads content as session does.
type direct struct {
	*heard
	c *conn
}

func (d direct) Data(io.Reader) error {
	return d.heard.Data(&d.c.body)
}

func generous() *schema.ReceiveConnector {
	return &schema.ReceiveConnector{InactivityTimeout: time.Minute, ConnectionTimeout: time.Hour}
}

const (
	opening = "EHLO x\r\nMAIL FROM:<a@contoso.com>\r\nRCPT TO:<b@contoso.com>\r\n"
	evil    = "\r\n.\r\nMAIL FROM:<evil@contoso.com>\r\n"
)

func TestNothingAfterAReadErrorIsHeard(t *testing.T) {
	tests := []struct {
		name  string
		reads []any
		want  []string
	}{
		{"in a command", []any{"EHLO x\r\nMAIL FR", os.ErrDeadlineExceeded, "OM:<a@contoso.com>\r\n"}, nil},
		{"between commands", []any{"EHLO x\r\n", os.ErrDeadlineExceeded, "MAIL FROM:<a@contoso.com>\r\n"}, nil},
		{"in DATA", []any{opening + "DATA\r\n", "half", os.ErrDeadlineExceeded, evil}, []string{"MAIL a@contoso.com", "RCPT b@contoso.com", "cut off"}},
		{"in BDAT", []any{opening + "BDAT 9 LAST\r\nhalf", os.ErrDeadlineExceeded, evil}, []string{"MAIL a@contoso.com", "RCPT b@contoso.com", "cut off"}},
		{"between chunks", []any{opening + "BDAT 4\r\nhalf", os.ErrDeadlineExceeded, "BDAT 0 LAST\r\n"}, []string{"MAIL a@contoso.com", "RCPT b@contoso.com", "cut off"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := &script{reads: tt.reads}
			h := serveScript(s, generous())
			if diff := cmp.Diff(tt.want, h.events); diff != "" {
				t.Error(diff)
			}
			if !s.closed {
				t.Error("the connection is not closed")
			}
			all := strings.Join(s.written, "")
			if n := strings.Count(all, "\r\n421 "); n != 1 || !strings.HasSuffix(all[strings.LastIndex(all, "\r\n421 "):], "\r\n") {
				t.Errorf("the timeout is answered %d times: %q", n, all)
			}
		})
	}
}

func TestEachReadHasADeadlineOfItsOwn(t *testing.T) {
	var parts []any
	parts = append(parts, opening+"DATA\r\n")
	for range 50 {
		parts = append(parts, "x\r\n")
	}
	parts = append(parts, ".\r\nQUIT\r\n")
	s := &script{reads: parts}
	b := generous()
	start := time.Now()
	serveScript(s, b)
	if len(s.deadlines) < 50 {
		t.Errorf("%d deadlines were set for 50 reads", len(s.deadlines))
	}
	for i, at := range s.deadlines {
		if at.Before(start.Add(b.InactivityTimeout)) || i > 0 && at.Before(s.deadlines[i-1]) {
			t.Fatalf("deadline %d is %s after the start", i, at.Sub(start))
		}
	}
	// connection_timeout ends even a busy connection.
	b.ConnectionTimeout = time.Second
	s = &script{reads: parts}
	serveScript(s, b)
	for _, at := range s.deadlines {
		if at.After(time.Now().Add(time.Second)) {
			t.Fatalf("a read may last until %s from now", time.Until(at))
		}
	}
}

func TestAnswersAreWrittenTogether(t *testing.T) {
	s := &script{reads: []any{opening + "DATA\r\n", "x\r\n.\r\nRSET\r\nNOOP\r\nQUIT\r\n"}}
	serveScript(s, generous())
	var starts []string
	for _, w := range s.written {
		starts = append(starts, w[:3])
	}
	// The banner goes out before the first read, the four answers up to 354 before
	// the second, the rest at the end.
	if diff := cmp.Diff([]string{"220", "250", "250"}, starts); diff != "" {
		t.Errorf("%s\n%q", diff, s.written)
	}
}

func TestLinesBetweenChunksAreLimited(t *testing.T) {
	s := &script{reads: []any{opening + "BDAT 1\r\nx", strings.Repeat("y", 10*inBuffer)}}
	serveScript(s, generous())
	if all := strings.Join(s.written, ""); !strings.HasSuffix(all, "500 5.5.2 The command line is too long; this connection ends\r\n") {
		t.Errorf("got %q", all)
	}
	if len(s.reads) == 0 {
		t.Error("everything was read")
	}
}

// TestBody reads contents however the network cuts them.
func TestBody(t *testing.T) {
	long := strings.Repeat("z", inBuffer+100)
	tests := []struct{ sent, want string }{
		{".\r\n", ""},
		{"a\r\n.\r\n", "a\r\n"},
		{"..\r\n.\r\n", ".\r\n"},
		{".a\r\n.\r\n", "a\r\n"},
		{"a\n.\r\n.\r\n", "a\n.\r\n"},
		{"a\r\n.\nb\r\n.\r\n", "a\r\n\nb\r\n"},
		{"a\r.\r\n\r\n.\r\n", "a\r.\r\n\r\n"},
		{"a\r\n.\r\r\n.\r\n", "a\r\n\r\r\n"},
		{long + "\r\n..." + long + "\r\n.\r\n", long + "\r\n.." + long + "\r\n"},
		{strings.Repeat("y", inBuffer-1) + "\r\n.\r\n", strings.Repeat("y", inBuffer-1) + "\r\n"},
		{strings.Repeat("y", inBuffer) + "\r\n.\r\n", strings.Repeat("y", inBuffer) + "\r\n"},
	}
	for _, tt := range tests {
		for _, size := range []int{1, 2, 3, 5, 1 << 20} {
			if size < 5 && len(tt.sent) > 100 {
				continue
			}
			reads := []any{opening + "DATA\r\n"}
			for rest := tt.sent; rest != ""; {
				n := min(size, len(rest))
				reads = append(reads, rest[:n])
				rest = rest[n:]
			}
			h := serveScript(&script{reads: append(reads, "QUIT\r\n")}, generous())
			want := []string{"MAIL a@contoso.com", "RCPT b@contoso.com", "DATA " + tt.want}
			if diff := cmp.Diff(want, h.events); diff != "" {
				t.Errorf("%.40q in pieces of %d: %s", tt.sent, size, diff)
			}
		}
	}
}
