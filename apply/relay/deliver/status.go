package deliver

import (
	"bytes"
	"fmt"
	"strings"
	"time"

	"github.com/emersion/go-message/textproto"

	"github.com/mailrelay/mailrelay/schema"
)

// status is the part that programs read (RFC 3464, 2).
func (n *notice) status() []byte {
	var b bytes.Buffer
	write := func(fields [][2]string) {
		var h textproto.Header
		for i := len(fields) - 1; i >= 0; i-- {
			if fields[i][1] != "" {
				h.Add(fields[i][0], fields[i][1])
			}
		}
		textproto.WriteHeader(&b, h) // a bytes.Buffer takes everything
	}
	write([][2]string{
		{"Reporting-MTA", "dns; " + n.relay},
		{"X-Queue-ID", n.env.ID},
		{"Arrival-Date", n.env.Received.Format(time.RFC1123Z)},
	})
	for _, r := range n.rcpts {
		final := r.out.final
		if final.IsNull() {
			final = r.to
		}
		fields := [][2]string{
			{"Original-Recipient", ""},
			{"Final-Recipient", typed(final)},
			{"Action", "failed"},
			{"Status", r.out.finalStatus(n.delay)},
			{"Remote-MTA", ""},
			{"Diagnostic-Code", "x-mailrelay; " + asciiOnly(r.out.text)},
			{"Last-Attempt-Date", n.now.Format(time.RFC1123Z)},
			{"Will-Retry-Until", ""},
		}
		if final != r.to {
			fields[0][1] = typed(r.to)
		}
		if r.out.host != "" {
			fields[4][1] = "dns; " + r.out.host
		}
		if r.out.remote {
			fields[5][1] = "smtp; " + asciiOnly(r.out.text)
		}
		if n.delay {
			fields[2][1], fields[7][1] = "delayed", n.until.Format(time.RFC1123Z)
		}
		write(fields)
	}
	return b.Bytes()
}

// finalStatus is the status of a report: class 4 in one of a delay, class 5 in
// one of failure. What ran out of time is 5.4.7 whatever the last answer was.
func (o *outcome) finalStatus(delay bool) string {
	_, detail, ok := strings.Cut(o.status, ".")
	switch {
	case o.expired:
		return "5.4.7"
	case !ok:
		return "5.0.0"
	case delay:
		return "4." + detail
	}
	return "5." + detail
}

// typed is an address with its type; what is beyond ASCII is written as
// utf-8-addr-xtext (RFC 6533, 3).
func typed(m schema.Mailbox) string {
	s := m.String()
	if ascii(s) {
		return "rfc822; " + s
	}
	var b strings.Builder
	for _, c := range s {
		if c > 126 || c == '\\' {
			fmt.Fprintf(&b, `\x{%X}`, c)
		} else {
			b.WriteRune(c)
		}
	}
	return "utf-8; " + b.String()
}

// asciiOnly is s with question marks for what a status field cannot hold.
func asciiOnly(s string) string {
	return strings.Map(func(r rune) rune {
		if r > 126 {
			return '?'
		}
		return r
	}, s)
}
