package deliver

import (
	"bytes"
	"strings"
	"time"

	"github.com/emersion/go-message/textproto"
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
		{"Original-Envelope-Id", asciiOnly(printable(n.env.EnvID))},
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
			{"Action", string(n.about)},
			{"Status", r.out.finalStatus(n.about)},
			{"Remote-MTA", ""},
			{"Diagnostic-Code", "x-mailrelay; " + asciiOnly(r.out.text)},
			{"Last-Attempt-Date", n.now.Format(time.RFC1123Z)},
			{"Will-Retry-Until", ""},
		}
		switch {
		case r.original != "":
			fields[0][1] = typedOriginal(r.original)
		case final != r.to:
			fields[0][1] = typed(r.to)
		}
		if r.out.host != "" {
			fields[4][1] = "dns; " + r.out.host
		}
		if r.out.remote {
			fields[5][1] = "smtp; " + asciiOnly(r.out.text)
		}
		if n.about == delayReport {
			fields[7][1] = n.until.Format(time.RFC1123Z)
		}
		write(fields)
	}
	return b.Bytes()
}

// finalStatus is the status of a report: class 4 in one of a delay, class 5 in
// one of failure, class 2 in one of success. What ran out of time is 5.4.7 whatever the last answer was.
func (o *outcome) finalStatus(about about) string {
	_, detail, ok := strings.Cut(o.status, ".")
	switch {
	case o.expired:
		return "5.4.7"
	case about == relayedReport && !strings.HasPrefix(o.status, "2."):
		return "2.0.0"
	case about == relayedReport:
		return o.status
	case !ok:
		return "5.0.0"
	case about == delayReport:
		return "4." + detail
	}
	return "5." + detail
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
