package relay

import (
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
)

// letter is a message that the next hop got.
type letter struct {
	From, Content string
	To            []string
	Asked         []string // of reports: RET and ENVID, and for each recipient NOTIFY and ORCPT
}

// sink is a next hop that takes everything.
type sink struct {
	address string
	got     chan letter
	hold    chan struct{} // not nil: content is not answered before it is closed
	held    chan struct{} // says that one waits for that
}

func newSink(t *testing.T) *sink {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &sink{address: l.Addr().String(), got: make(chan letter, 10000)}
	server := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return &sinkSession{s: s}, nil }))
	server.EnableSMTPUTF8 = true
	server.EnableDSN = true
	server.MaxLineLength = 0
	go server.Serve(l)
	t.Cleanup(func() { server.Close() })
	return s
}

func (s *sink) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	return new(net.Dialer).DialContext(ctx, "tcp4", s.address)
}

// next waits for a message.
func (s *sink) next(t *testing.T) letter {
	t.Helper()
	select {
	case l := <-s.got:
		return l
	case <-time.After(patience):
		t.Fatal("no message arrives")
		return letter{}
	}
}

type sinkSession struct {
	s *sink
	l letter
}

func (s *sinkSession) Reset()        { s.l = letter{} }
func (s *sinkSession) Logout() error { return nil }
func (s *sinkSession) Mail(from string, o *smtp.MailOptions) error {
	s.l.From = from
	s.l.Asked = []string{fmt.Sprint(o.Return, " ", o.EnvelopeID)}
	return nil
}
func (s *sinkSession) Rcpt(to string, o *smtp.RcptOptions) error {
	s.l.Asked = append(s.l.Asked, fmt.Sprint(o.Notify, " ", o.OriginalRecipientType, " ", o.OriginalRecipient))
	s.l.To = append(s.l.To, to)
	return nil
}
func (s *sinkSession) Data(r io.Reader) error {
	raw, err := io.ReadAll(r)
	s.l.Content = string(raw)
	if s.s.hold != nil {
		s.s.held <- struct{}{}
		<-s.s.hold
	}
	s.s.got <- s.l
	return err
}

// behind is the content of a message behind its first field, which is ours.
func behind(content string) string {
	for {
		_, rest, _ := strings.Cut(content, "\r\n")
		if !strings.HasPrefix(rest, "\t") {
			return rest
		}
		content = rest
	}
}
