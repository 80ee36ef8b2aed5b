package relay

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"sync"
	"time"

	"github.com/emersion/go-smtp"

	"github.com/mailrelay/mailrelay/apply/relay/journal"
	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/decide"
)

// link is one client's connection from accept to close, across STARTTLS. Read and
// Write are the bytes of the network, with the time limits of the connector.
type link struct {
	net.Conn
	client decide.Client // At, TLS, User, Partner and Names are the session's to set
	tls    *tls.ConnectionState
	talk   *journal.Dialogue

	connector schema.Addr                               // that it came in by
	refused   func(command string, why *smtp.SMTPError) // records a refusal outside of a message

	inactivity time.Duration
	end        time.Time          // when connection_timeout is over
	leave      func()             // gives the connection's place back
	done       context.Context    // ends with the connection
	finish     context.CancelFunc // ends done

	// Of the one goroutine that serves the connection:
	messages int   // accepted
	bytes    int64 // of their content
	failures int   // to log on

	mu       sync.Mutex
	busy     bool // in the middle of a message
	draining bool
	once     sync.Once
}

// newLink takes over an accepted connection. leave is called once, when it closes.
func newLink(ctx context.Context, c net.Conn, client decide.Client, b *schema.ReceiveConnector, leave func()) *link {
	l := &link{Conn: c, client: client, connector: b.Addr(), refused: func(string, *smtp.SMTPError) {}, inactivity: b.InactivityTimeout, end: time.Now().Add(b.ConnectionTimeout), leave: leave}
	l.done, l.finish = context.WithCancel(context.WithoutCancel(ctx))
	return l
}

// Read gives each read of its own the inactivity timeout, and none more than is
// left of the connection timeout.
func (l *link) Read(p []byte) (int, error) {
	if err := l.await(); err != nil {
		return 0, err
	}
	return l.Conn.Read(p)
}

func (l *link) await() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.draining && !l.busy {
		return errDraining
	}
	at := time.Now().Add(l.inactivity)
	if l.end.Before(at) {
		at = l.end
	}
	return l.Conn.SetReadDeadline(at)
}

func (l *link) Write(p []byte) (int, error) {
	if err := l.Conn.SetWriteDeadline(time.Now().Add(min(l.inactivity, time.Minute))); err != nil {
		return 0, err
	}
	return l.Conn.Write(p)
}

// setBusy says whether the client is in the middle of a message, and may finish it
// when the relay stops.
func (l *link) setBusy(b bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.busy = b
}

// drain ends the connection as soon as no message is under way: the next read
// fails with errDraining, and one that waits ends now.
func (l *link) drain() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.draining = true
	if !l.busy {
		_ = l.Conn.SetReadDeadline(time.Unix(1, 0))
	}
}

// stopping reports whether drain was called and no message is under way.
func (l *link) stopping() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.draining && !l.busy
}

// Close closes the connection and gives its place back. It may be called twice.
func (l *link) Close() error {
	err := io.ErrClosedPipe
	l.once.Do(func() {
		err = l.Conn.Close()
		l.talk.End()
		l.finish()
		l.leave()
	})
	return err
}
