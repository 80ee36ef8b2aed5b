package relay

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"github.com/emersion/go-smtp"

	"github.com/mailrelay/mailrelay/schema"
)

// servers are the two go-smtp servers of a receive connector: one for connections
// in clear and one for those that have gone through STARTTLS. Each gets its
// connections from a feed.
type servers struct{ clear, secure *feed }

// serve starts the servers of a connector.
func (n *node) serve(relay *schema.Relay, b *schema.ReceiveConnector) *servers {
	s := &servers{newFeed(), newFeed()}
	for _, f := range []*feed{s.clear, s.secure} {
		server := smtp.NewServer(backend{n})
		server.Domain = relay.Hostname
		server.MaxLineLength = 0        // conn limits command lines, and nothing cuts a message
		server.AllowInsecureAuth = true // the session says where AUTH is offered
		server.EnableSMTPUTF8 = true
		server.EnableDSN = true
		server.ErrorLog = serverLog{n.o.Log.With("connector", b.Addr().String())}
		if f == s.clear && offers(b, "tls") {
			server.TLSConfig = &tls.Config{} // makes EHLO offer STARTTLS, which conn answers
		}
		go server.Serve(f) // ends when the feed is closed
	}
	return s
}

func offers(b *schema.ReceiveConnector, mechanism string) bool {
	return slices.Contains(b.AuthMechanisms, mechanism)
}

// backend begins sessions. It is called at EHLO and HELO.
type backend struct{ n *node }

func (b backend) NewSession(c *smtp.Conn) (smtp.Session, error) {
	cc := c.Conn().(*conn)
	return &session{n: b.n, c: cc, smtp: c}, nil
}

// serverLog takes what go-smtp has to say: panics, and errors of connections.
type serverLog struct{ log *slog.Logger }

func (l serverLog) Printf(format string, v ...any) {
	if strings.HasPrefix(format, "panic") {
		l.log.Error("a session failed, which is a defect of mailrelay: please report it", "error", fmt.Sprintf(format, v...))
		return
	}
	l.log.Debug("session", "error", fmt.Sprintf(format, v...))
}

func (l serverLog) Println(v ...any) { l.log.Debug("session", "error", fmt.Sprint(v...)) }
