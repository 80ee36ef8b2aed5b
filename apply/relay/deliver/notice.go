package deliver

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"strings"
	"time"

	mime "github.com/emersion/go-message"
	"github.com/emersion/go-message/mail"
	"github.com/emersion/go-message/textproto"

	"github.com/mailrelay/mailrelay/apply/relay/spool"
	"github.com/mailrelay/mailrelay/schema"
)

// about is what a report tells, as its Action says (RFC 3464, 2.3.3).
type about string

const (
	failureReport about = "failed"
	delayReport   about = "delayed"
	relayedReport about = "relayed" // to a host that will not report
)

// notice is a report to a sender (RFC 6522, RFC 3464).
type notice struct {
	relay    string // our host name
	domain   string // of the address it comes from
	to       schema.Mailbox
	now      time.Time
	env      *spool.Envelope
	rcpts    []noticed
	about    about
	until    time.Time // when trying ends
	original []byte    // the message or its header; nil: neither
	whole    bool
	eight    bool // original is whole and has 8-bit content
}

// noticed is a recipient that the report is about.
type noticed struct {
	to       schema.Mailbox
	original string // ORCPT
	out      *outcome
}

// build writes the report.
func (n *notice) build() ([]byte, error) {
	var buf bytes.Buffer
	h, err := n.header()
	if err != nil {
		return nil, err
	}
	w, err := mime.CreateWriter(&buf, h)
	if err != nil {
		return nil, err
	}
	parts := []struct {
		typ     string
		params  map[string]string
		coding  string
		content []byte
	}{
		{"text/plain", map[string]string{"charset": "utf-8"}, "quoted-printable", n.text()},
		{"message/delivery-status", nil, "", n.status()},
		{"text/rfc822-headers", nil, "quoted-printable", n.original},
	}
	if n.whole {
		parts[2].typ, parts[2].coding = "message/rfc822", ""
	}
	if n.eight {
		parts[2].coding = "8bit"
	}
	for _, p := range parts {
		if p.content == nil {
			continue
		}
		var h mime.Header
		h.SetContentType(p.typ, p.params)
		if p.coding != "" {
			h.Set("Content-Transfer-Encoding", p.coding)
		}
		pw, err := w.CreatePart(h)
		if err != nil {
			return nil, err
		}
		if _, err := pw.Write(p.content); err != nil {
			return nil, err
		}
		if err := pw.Close(); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return buf.Bytes(), nil
}

// header is that of the report. Fields set later stand above those set before.
func (n *notice) header() (mime.Header, error) {
	var h mail.Header
	h.SetContentType("multipart/report", map[string]string{"report-type": "delivery-status"})
	h.Set("MIME-Version", "1.0")
	h.Set("Auto-Submitted", "auto-generated") // RFC 3834, 3.1.7: not auto-replied, this answers nobody
	if err := h.GenerateMessageIDWithHostname(n.relay); err != nil {
		return mime.Header{}, err
	}
	h.SetDate(n.now)
	h.SetSubject("Message not delivered")
	switch n.about {
	case delayReport:
		h.SetSubject("Message delayed")
	case relayedReport:
		h.SetSubject("Message handed on")
	}
	h.Set("To", "<"+n.to.String()+">")
	h.Set("From", "Mail Delivery System <MAILER-DAEMON@"+n.domain+">")
	return h.Header, nil
}

// text is what a person reads.
func (n *notice) text() []byte {
	var b bytes.Buffer
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\r\n", args...) }
	line("This is the mail relay %s.", n.relay)
	line("")
	what := "your message"
	if n.env.From.IsNull() {
		what = "a message without a sender, addressed by somebody's mail system,"
	}
	if s := n.subject(); s != "" {
		what += fmt.Sprintf(" %q", s)
	}
	received := n.env.Received.UTC().Format("2 January 2006 15:04 MST")
	switch n.about {
	case delayReport:
		line("So far %s of %s could not be delivered to:", what, received)
	case relayedReport:
		line("As you wished, here is what became of %s of %s to:", what, received)
	default:
		line("It was not possible to deliver %s of %s to:", what, received)
	}
	for _, r := range n.rcpts {
		line("")
		line("  %s", r.to)
		switch {
		case n.about == relayedReport:
			line("    The mail server %s has taken it, and does not tell when it arrives. It answered: %s", r.out.host, r.out.text)
			continue
		case r.out.remote:
			line("    The mail server %s answered: %s", r.out.host, r.out.text)
		default:
			line("    Reason: %s", r.out.text)
		}
		if r.out.expired {
			line("    It was tried for %s.", schema.FormatDuration(n.until.Sub(n.env.Received)))
		} else if s := hint(r.out.status); s != "" && n.about == failureReport {
			line("    %s", s)
		}
	}
	line("")
	switch {
	case n.about == relayedReport:
		line("No more is known here. The header of the message is attached.")
	case n.about == delayReport:
		line("You need not do anything: the relay goes on trying until %s, and tells you if it has to give up.", n.until.UTC().Format("2 January 2006 15:04 MST"))
	case n.whole:
		line("Nothing more will be tried. The message is attached.")
	default:
		line("Nothing more will be tried. The header of the message is attached.")
	}
	return b.Bytes()
}

// hint says what a sender can do about a failure.
func hint(status string) string {
	switch status {
	case "5.1.1", "5.1.10":
		return "Check the address: it takes no mail. It may be mistyped or gone."
	case "5.1.2", "5.4.4":
		return "Check the part of the address behind the @."
	case "5.2.2":
		return "The mailbox is full. Try again later, or reach the recipient in another way."
	case "5.3.4", "5.2.3":
		return "Send it in smaller parts, or share it by a link."
	case "5.4.6":
		return "The mail goes in a circle. Tell the postmaster of the domain."
	}
	if strings.HasPrefix(status, "5.7.") {
		return "The mail server refuses such mail by its rules. Ask the recipient in another way, or your administrator."
	}
	return ""
}

// subject is that of the original, empty if it has none.
func (n *notice) subject() string {
	h, err := textproto.ReadHeader(bufio.NewReader(io.MultiReader(bytes.NewReader(n.original), strings.NewReader("\r\n"))))
	if err != nil {
		return ""
	}
	s, err := (&mail.Header{Header: mime.Header{Header: h}}).Subject()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(printable(s))
}
