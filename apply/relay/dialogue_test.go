package relay

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// hello opens a session that may relay.
const hello = `
	<~ 220 relay.contoso.com ESMTP
	-> EHLO client.contoso.com
	<~ 250-.*SMTPUTF8`

// sender goes on from hello.
const sender = hello + `
	-> MAIL FROM:<a@contoso.com>
	<~ 250 2\.0\.0`

// message goes on to where content is sent.
const message = sender + `
	-> RCPT TO:<b@fabrikam.com>
	<~ 250 2\.0\.0
	-> DATA
	<~ 354`

// dialogue is a session at one connector.
type dialogue struct {
	name       string
	attributes string // of the connector; relaying if empty
	from       string // the client; 10.1.2.3 if empty
	dialogue   string
	arrives    []string // the contents behind our Received field
	to         []string // recipients of the first that arrives
}

func (tt dialogue) run(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	if tt.attributes == "" {
		tt.attributes = relaying
	}
	if tt.from == "" {
		tt.from = "10.1.2.3"
	}
	r := w.config(block(connector("one", tt.attributes)))
	w.run()
	w.runs(r)
	w.talk(tt.from, tt.dialogue).conn.Close()
	var got []string
	for i := range tt.arrives {
		l := w.sink.next(t)
		if i == 0 && tt.to != nil {
			if diff := cmp.Diff(tt.to, l.To); diff != "" {
				t.Error(diff)
			}
		}
		got = append(got, behind(l.Content))
	}
	if diff := cmp.Diff(tt.arrives, got); diff != "" {
		t.Error(diff)
	}
	w.halt()
	if n := len(w.sink.got); n > 0 {
		t.Errorf("%d more messages arrived: %q", n, <-w.sink.got)
	}
}

func TestDialogues(t *testing.T) {
	x := func(n int) string { return strings.Repeat("x", n) }
	tests := []dialogue{
		{name: "nobody is meant", from: "172.16.0.1", dialogue: `
			<~ 554 5\.7\.1 No receive connector of relay\.edge is meant for your address; ask its administrator
			<eof`},
		{name: "IPv4 inside IPv6 is IPv4", from: "::ffff:10.1.2.3", dialogue: sender},
		{name: "relay to a foreign domain with the right", dialogue: message + `
			-> Subject: 1
			->
			-> .
			<~ 250 2\.0\.0 OK: queued as [0-9A-Z]{11}$`, arrives: []string{"Subject: 1\r\n\r\n"}, to: []string{"b@fabrikam.com"}},
		{name: "no right, no foreign domain", attributes: `remote_ip_ranges = ["10.0.0.0/8"]`, dialogue: sender + `
			-> RCPT TO:<b@fabrikam.com>
			<~ 550 5\.7\.54 .*receive_connector\.one
			-> RCPT TO:<b@contoso.com>
			<~ 250`},
		{name: "sender refused", attributes: relaying + "\n" + `allowed_sender_domains = ["contoso.com"]`, dialogue: hello + `
			-> MAIL FROM:<a@elsewhere.example>
			<~ 550 5\.7\.60 .*receive_connector\.one
			-> RCPT TO:<b@fabrikam.com>
			<~ 50[23]`},
		{name: "SIZE over the limit", attributes: relaying + "\n" + `max_message_size = 1000`, dialogue: `
			<~ 220
			-> EHLO x
			<~ 250-.*SIZE 1000$
			-> MAIL FROM:<a@contoso.com> SIZE=1001
			<~ 552 5\.3\.4 .*receive_connector\.one takes up to 1000 bytes
			-> MAIL FROM:<a@contoso.com> SIZE=1000
			<~ 250`},
		{name: "too large for every way out", attributes: relaying + "\n" + `max_message_size = "100MiB"`, dialogue: hello + `
			-> MAIL FROM:<a@contoso.com> SIZE=36700161
			<~ 250
			-> RCPT TO:<b@fabrikam.com>
			<~ 552 5\.3\.4 .*36700160 bytes`},
		{name: "more recipients than allowed", attributes: relaying + "\n" + `max_recipients_per_message = 2`, dialogue: sender + `
			-> RCPT TO:<b@fabrikam.com>
			<~ 250
			-> RCPT TO:<b@fabrikam.com>
			<~ 250
			-> RCPT TO:<c@fabrikam.com>
			<~ 250
			-> RCPT TO:<d@fabrikam.com>
			<~ 452 4\.5\.3
			-> DATA
			<~ 354
			-> A: 1
			-> .
			<~ 250`, arrives: []string{"A: 1\r\n"}, to: []string{"b@fabrikam.com", "c@fabrikam.com"}},
		{name: "a second MAIL does not inherit the first", dialogue: sender + `
			-> RCPT TO:<b@fabrikam.com>
			<~ 250
			-> MAIL FROM:<other@contoso.com>
			<~ 503 5\.5\.1
			-> RSET
			<~ 250
			-> MAIL FROM:<other@contoso.com>
			<~ 250
			-> DATA
			<~ 502
			-> RCPT TO:<c@fabrikam.com>
			<~ 250
			-> DATA
			<~ 354
			-> A: 1
			-> .
			<~ 250`, arrives: []string{"A: 1\r\n"}, to: []string{"c@fabrikam.com"}},
		{name: "postmaster without a domain", dialogue: sender + `
			-> rcpt to:<PostMaster>
			<~ 250
			-> DATA
			<~ 354
			-> A: 1
			-> .
			<~ 250`, arrives: []string{"A: 1\r\n"}, to: []string{"PostMaster@contoso.com"}},
		{name: "nobody else without a domain", dialogue: sender + `
			-> RCPT TO:<root>
			<~ 501
			-> RCPT TO:<postmaster2>
			<~ 501`},
		{name: "addresses that are none", dialogue: hello + `
			-> MAIL FROM:<mfp>
			<~ 501 5\.1\.7 The sender "<mfp>" has no domain, so receive_connector\.one cannot take it: set a whole address
			-> MAIL FROM: scanner 3@contoso.com
			<~ 501 5\.1\.7
			-> MAIL FROM:<sc anner@contoso.com>
			<~ 501 5\.1\.7 The sender "<sc anner@contoso\.com>" is not a mail address, so receive_connector\.one
			-> MAIL <a@contoso.com>
			<~ 501 5\.5\.4 receive_connector\.one takes no such command: write MAIL FROM:<name@example\.com>
			-> MAIL FROM:<a@contoso.com> SIZE=much
			<~ 501 5\.5\.4 receive_connector\.one cannot read what follows the sender: Unable
			-> MAIL FROM:<a@contoso.com> size=99999999999999999999 BODY=8BITMIME
			<~ 552 5\.3\.4 .*receive_connector\.one takes up to 36700160 bytes
			-> MAIL FROM:<a@contoso..com>
			<~ 553 5\.1\.7 The sender is not a mail address, so receive_connector\.one
			-> MAIL FROM:<a@contoso.com>
			<~ 250
			-> RCPT TO:<b@>
			<~ 501 5\.1\.3 The recipient "<b@>" is not a mail address
			-> RCPT TO:<b>
			<~ 501 5\.1\.3 The recipient "<b>" has no domain
			-> RCPT FROM:<b>
			<~ 501 5\.5\.4
			-> RCPT TO:<b@fabrikam.com>
			<~ 250`},
		{name: "letters beyond ASCII are announced", dialogue: hello + `
			-> MAIL FROM:<ärger@contoso.com>
			<~ 553 5\.6\.7 .*receive_connector\.one needs SMTPUTF8
			-> MAIL FROM:<a@bücher.example>
			<~ 250
			-> RCPT TO:<ö@fabrikam.com>
			<~ 553 5\.6\.7
			-> RSET
			<~ 250
			-> MAIL FROM:<ärger@contoso.com> SMTPUTF8
			<~ 250
			-> RCPT TO:<ö@bücher.example>
			<~ 250`},
		{name: "reports asked for at too great a length", dialogue: hello + `
			-> MAIL FROM:<a@contoso.com> ENVID=` + x(101) + `
			<~ 501 5\.5\.4
			-> MAIL FROM:<a@contoso.com> ENVID=` + x(100) + ` RET=HDRS
			<~ 250
			-> RCPT TO:<b@fabrikam.com> ORCPT=rfc822;` + x(501) + `
			<~ 501 5\.5\.4
			-> RCPT TO:<b@fabrikam.com> ORCPT=utf-8;a\x{7F}b
			<~ 501 5\.5\.4
			-> RCPT TO:<b@fabrikam.com> NOTIFY=NEVER,FAILURE
			<~ 501 5\.5\.4
			-> RCPT TO:<b@fabrikam.com> ORCPT=rfc822;` + x(500) + ` NOTIFY=SUCCESS,DELAY
			<~ 250`},
		{name: "limits are said before they are met", attributes: relaying + "\nmax_recipients_per_message = 2\nmax_messages_per_connection = 9", dialogue: `
			<~ 220
			-> EHLO x
			<~ 250-.*\n250-LIMITS RCPTMAX=2 MAILMAX=9\n250 SIZE 36700160$`},
		{name: "a PROXY header that nobody asked for", dialogue: `
			<~ 220
			-> PROXY TCP4 10.0.0.1 10.0.0.2 40000 25
			<~ 554 5\.7\.1 Your address 10\.1\.2\.3 is not in proxy_protocol of receive_connector\.one
			<eof`},
		{name: "quoted local parts", dialogue: sender + `
			-> RCPT TO:<"b c\"\@d"@fabrikam.com>
			<~ 250
			-> DATA
			<~ 354
			-> A: 1
			-> .
			<~ 250`, arrives: []string{"A: 1\r\n"}, to: []string{`b c"@d@fabrikam.com`}},
		{name: "two domains", dialogue: sender + `
			-> RCPT TO:<b@fabrikam.com@contoso.com>
			<~ 501 5\.1\.3`},
		{name: "control characters", dialogue: hello + `
			-> MAIL FROM:<a\x00@contoso.com>
			<~ 500 5\.5\.2
			-> MAIL FROM:<a\r@contoso.com>
			<~ 500 5\.5\.2
			-> NOOP
			<~ 250`},
		{name: "a command line without end", dialogue: hello + `
			-> NOOP ` + x(maxLine) + `
			<~ 500 5\.5\.2 The command line is too long
			<eof`},
		{name: "commands together, answers in order", dialogue: hello + `
			)> MAIL FROM:<a@contoso.com>\r\nRCPT TO:<b@fabrikam.com>\r\nRCPT TO:<bad>\r\nDATA\r\n
			<~ 250
			<~ 250
			<~ 501
			<~ 354
			)> A: 1\r\n.\r\nRSET\r\nQUIT\r\n
			<~ 250 2\.0\.0 OK: queued
			<~ 250 2\.0\.0 Session reset
			<~ 221
			<eof`, arrives: []string{"A: 1\r\n"}},
		{name: "chunks", dialogue: sender + `
			-> RCPT TO:<b@fabrikam.com>
			<~ 250
			-> BDAT 8
			)> A: 1\r\n\r\n
			<~ 250
			)> BDAT 7\r\n.\r\nMAILbdat 0 last\r\n
			<~ 250
			<~ 250 2\.0\.0 OK: queued`, arrives: []string{"A: 1\r\n\r\n.\r\nMAIL\r\n"}},
		{name: "chunks that are refused are not commands", dialogue: hello + `
			)> BDAT 11 LAST\r\nQUIT\r\nNOOP\n
			<~ 502
			-> NOOP
			<~ 250`},
		{name: "a chunk of unknown length", dialogue: sender + `
			-> RCPT TO:<b@fabrikam.com>
			<~ 250
			)> BDAT x LAST\r\nQUIT\r\n
			<~ 552
			<eof`},
		{name: "chunks over the limit", attributes: relaying + "\n" + `max_message_size = 1000`, dialogue: sender + `
			-> RCPT TO:<b@fabrikam.com>
			<~ 250
			)> BDAT 1001 LAST\r\n` + x(1001) + `
			<~ 552 5\.3\.4
			-> NOOP
			<~ 250`},
		{name: "a message given up between chunks", dialogue: sender + `
			-> RCPT TO:<b@fabrikam.com>
			<~ 250
			)> BDAT 2\r\nA:
			<~ 250
			-> NOOP
			<~ 250
			-> DATA
			<~ 503
			-> RSET
			<~ 250
			-> MAIL FROM:<a@contoso.com>
			<~ 250
			-> RCPT TO:<c@fabrikam.com>
			<~ 250
			-> BDAT 2 LAST
			)> B:
			<~ 250 2\.0\.0 OK: queued`, arrives: []string{"B:\r\n"}, to: []string{"c@fabrikam.com"}},
		{name: "QUIT between chunks", dialogue: sender + `
			-> RCPT TO:<b@fabrikam.com>
			<~ 250
			)> BDAT 2\r\nA:BDAT 0\r\nQUIT\r\n
			<~ 250
			<~ 250
			<~ 421
			<eof`},
		{name: "nothing is heard after QUIT", dialogue: hello + `
			)> QUIT\r\nMAIL FROM:<a@contoso.com>\r\n
			<~ 221
			<eof`},
		{name: "a message by chunks, refused, and the session goes on", attributes: relaying + "\n" + `max_message_size = 1000`, dialogue: sender + `
			-> RCPT TO:<b@fabrikam.com>
			<~ 250
			)> BDAT 1500\r\n` + x(1500) + `
			<~ 250
			-> BDAT 0 LAST
			<~ 552 5\.3\.4
			-> RSET
			<~ 250
			-> NOOP
			<~ 250`},
		{name: "a chunk that is far too large", dialogue: sender + `
			-> RCPT TO:<b@fabrikam.com>
			<~ 250
			-> BDAT 4000000000
			<~ 552 5\.3\.4
			<eof`},
		{name: "so many messages in a connection", attributes: relaying + "\n" + `max_messages_per_connection = 1`, dialogue: message + `
			-> A: 1
			-> .
			<~ 250
			-> MAIL FROM:<a@contoso.com>
			<~ 421 4\.7\.0 receive_connector\.one takes 1 messages
			<eof`, arrives: []string{"A: 1\r\n"}},
		{name: "so many bytes in a connection", attributes: relaying + "\n" + `max_session_size = 10`, dialogue: message + `
			-> A: 1
			-> .
			<~ 250
			-> MAIL FROM:<a@contoso.com> SIZE=6
			<~ 421 4\.7\.0 receive_connector\.one takes 10 bytes
			<eof`, arrives: []string{"A: 1\r\n"}},
		{name: "so many messages a minute", attributes: relaying + "\n" + `message_rate_limit = 2`, dialogue: sender + `
			-> RSET
			<~ 250
			-> MAIL FROM:<a@contoso.com>
			<~ 250
			-> RSET
			<~ 250
			-> MAIL FROM:<a@contoso.com>
			<~ 451 4\.7\.0 receive_connector\.one takes 2 messages a minute`},
		{name: "TLS needed", attributes: relaying + "\n" + `require_tls = true`, dialogue: hello + `
			-> MAIL FROM:<a@contoso.com>
			<~ 530 5\.7\.0 Issue STARTTLS first
			-> STARTTLS
			<~ 220
			tls
			-> EHLO me
			<~ 250
			-> MAIL FROM:<a@contoso.com>
			<~ 250`},
		{name: "neither TLS nor AUTH", attributes: relaying + "\n" + `auth_mechanisms = []`, dialogue: `
			<~ 220
			-> EHLO me
			<~ 250-Hello me\n250-PIPELINING\n250-8BITMIME\n250-ENHANCEDSTATUSCODES\n250-CHUNKING\n250-SMTPUTF8\n250-DSN\n250-LIMITS RCPTMAX=200\n250 SIZE 36700160$
			-> STARTTLS
			<~ 502
			-> AUTH PLAIN AGEAYg==
			<~ 503 5\.5\.1 receive_connector\.one takes no passwords`},
	}
	for _, tt := range tests {
		t.Run(tt.name, tt.run)
	}
}

func TestCaps(t *testing.T) {
	w := newWorld(t, nil)
	r := w.config(block(connector("one", relaying, "max_inbound_connections = 3", "max_inbound_connections_per_source = 2")))
	w.run()
	w.runs(r)
	first := w.talk("10.0.0.1", `<~ 220`)
	w.talk("10.0.0.1", `<~ 220`)
	w.talk("10.0.0.1", `
		<~ 421 4\.3\.2 .*max_inbound_connections_per_source of receive_connector\.one
		<eof`)
	w.talk("10.0.0.2", `<~ 220`)
	w.talk("10.0.0.3", `
		<~ 421 4\.3\.2 .*max_inbound_connections of receive_connector\.one
		<eof`)
	first.play(`
		-> STARTTLS
		<~ 220
		tls
		-> QUIT
		<~ 221
		<eof`)
	first.conn.Close()
	for end := time.Now().Add(patience); ; { // the place comes back
		c := w.talk("10.0.0.3", `<~ 220|421`)
		c.play(`-> EHLO x`)
		if line, err := c.answer(); err == nil && strings.HasPrefix(line, "250") {
			return
		}
		if time.Now().After(end) {
			t.Fatal("a place that was left is not given again")
		}
	}
}

func TestTarpit(t *testing.T) {
	w := newWorld(t, nil)
	const wait = 200 * time.Millisecond
	r := w.config(block(strings.Replace(connector("one", `remote_ip_ranges = ["10.0.0.0/8"]`), `"0s"`, `"200ms"`, 1)))
	w.run()
	w.runs(r)
	c := w.talk("10.1.2.3", sender)
	start := time.Now()
	c.play(`
		-> RCPT TO:<b@fabrikam.com>
		<~ 550`)
	if d := time.Since(start); d < wait {
		t.Errorf("a refusal took %s, want %s at least", d, wait)
	}
}
