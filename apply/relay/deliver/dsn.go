package deliver

import (
	"fmt"
	"strings"

	"github.com/mailrelay/mailrelay/apply/relay/spool"
	"github.com/mailrelay/mailrelay/schema"
)

// wanted is what the sender asks of reports (RFC 3461).
type wanted struct {
	envID, ret string
	rcpts      []wantedRcpt // one for each recipient of a transaction
}

// wantedRcpt is what it asks about one recipient.
type wantedRcpt struct {
	notify   spool.Notify
	original string // with its type
}

// hears reports whether the sender wants to hear of what. Who says nothing hears
// of failure and delay.
func hears(n spool.Notify, what spool.Notify) bool {
	if n == 0 {
		return what != spool.NotifySuccess
	}
	return n&what != 0
}

// wanted gives what env asks for the recipients of a delivery. A recipient that is
// rewritten goes on with its first address as ORCPT, so that reports name it.
func (j *job) wanted() wanted {
	env := &j.m.env
	w := wanted{env.EnvID, env.Return, make([]wantedRcpt, len(j.targets))}
	for i, t := range j.targets {
		r := &env.Rcpts[t.rcpt]
		w.rcpts[i] = wantedRcpt{r.Notify, r.Original}
		if r.Original == "" && r.To != t.to {
			w.rcpts[i].original = "rfc822;" + r.To.String()
			if !ascii(r.To.String()) {
				w.rcpts[i].original = "utf-8;" + r.To.String()
			}
		}
	}
	return w
}

// ofMail are the parameters of MAIL.
func (w *wanted) ofMail() string {
	s := ""
	if w.ret != "" {
		s += " RET=" + w.ret
	}
	if w.envID != "" {
		s += " ENVID=" + xtext(w.envID)
	}
	return s
}

// ofRcpt are the parameters of RCPT for one recipient.
func (w *wanted) ofRcpt(i int) string {
	if i >= len(w.rcpts) {
		return ""
	}
	s := ""
	r := w.rcpts[i]
	if r.notify != 0 {
		s += " NOTIFY=" + notifyText(r.notify)
	}
	if typ, addr, ok := strings.Cut(r.original, ";"); ok {
		if typ == "utf-8" {
			addr = embedded(addr, true)
		} else {
			addr = xtext(addr)
		}
		s += " ORCPT=" + typ + ";" + addr
	}
	return s
}

func notifyText(n spool.Notify) string {
	if n&spool.NotifyNever != 0 {
		return "NEVER"
	}
	var words []string
	for i, w := range []string{"SUCCESS", "FAILURE", "DELAY"} {
		if n&(spool.NotifySuccess<<i) != 0 {
			words = append(words, w)
		}
	}
	return strings.Join(words, ",")
}

// xtext encodes what may not stand in a parameter (RFC 3461, 4).
func xtext(s string) string {
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; c < '!' || c > '~' || c == '+' || c == '=' {
			fmt.Fprintf(&b, "+%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

// embedded writes what is beyond ASCII as utf-8-addr-xtext (RFC 6533, 3); in a
// parameter also what would end it.
func embedded(s string, parameter bool) string {
	var b strings.Builder
	for _, c := range s {
		if c > 126 || c == '\\' || parameter && (c <= ' ' || c == '+' || c == '=') {
			fmt.Fprintf(&b, `\x{%02X}`, c)
		} else {
			b.WriteRune(c)
		}
	}
	return b.String()
}

// typed is an address with its type.
func typed(m schema.Mailbox) string {
	s := m.String()
	if ascii(s) {
		return "rfc822; " + s
	}
	return "utf-8; " + embedded(s, false)
}

// typedOriginal is an ORCPT as a report shows it.
func typedOriginal(s string) string {
	typ, addr, _ := strings.Cut(s, ";")
	if typ == "utf-8" {
		addr = embedded(addr, false)
	}
	return asciiOnly(typ + "; " + printable(addr))
}
