package relay

import (
	"crypto/tls"
	"strings"
	"time"
)

// received is the trace field of RFC 5321, 4.4: who gave us the message, how, and
// when.
func (s *session) received(tx *transaction, id string, at time.Time) string {
	var b strings.Builder
	b.Grow(256)
	b.WriteString("Received: from ")
	b.WriteString(plainName(s.smtp.Hostname()))
	switch a := tx.client.Remote; {
	case !a.IsValid():
		b.WriteString(" (local)")
	case a.Is4():
		b.WriteString(" ([" + a.String() + "])")
	default:
		b.WriteString(" ([IPv6:" + a.String() + "])")
	}
	if t := s.c.tls; t != nil {
		b.WriteString("\r\n\t(using " + tls.VersionName(t.Version) + " with cipher " + tls.CipherSuiteName(t.CipherSuite) + ")")
	}
	b.WriteString("\r\n\tby " + tx.edition.relay.Hostname + " with " + s.protocol(tx) + " id " + id)
	b.WriteString(";\r\n\t" + at.Format(time.RFC1123Z) + "\r\n")
	return b.String()
}

// protocol is the "with" of RFC 3848 and RFC 6531, 4.3.
func (s *session) protocol(tx *transaction) string {
	p := "SMTP"
	switch {
	case tx.utf8:
		p = "UTF8SMTP"
	case s.c.extended:
		p = "ESMTP"
	default:
		return p
	}
	if s.c.tls != nil {
		p += "S"
	}
	if tx.client.User != "" {
		p += "A"
	}
	return p
}

// plainName is what a client called itself, with a question mark for everything
// that cannot stand in a name or an address literal.
func plainName(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9', strings.ContainsRune("-._:[]", r):
			return r
		}
		return '?'
	}, s)
	return s[:min(len(s), 255)]
}
