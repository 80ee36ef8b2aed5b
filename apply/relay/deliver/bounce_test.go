package deliver

import (
	"bytes"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	mime "github.com/emersion/go-message"
	"github.com/google/go-cmp/cmp"

	"github.com/mailrelay/mailrelay/schema"
)

// refuser refuses some recipients, by their address.
func refuser(answers map[string]string) *peer {
	return &peer{answer: func(line string) string {
		if strings.HasPrefix(line, "RCPT") {
			return answers[between(line)]
		}
		return ""
	}}
}

// part is a part of a report, its type and its text.
type part struct{ Type, Text string }

// parts reads a report.
func parts(t *testing.T, content []byte) (header map[string]string, out []part) {
	t.Helper()
	e, err := mime.Read(bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	header = map[string]string{}
	for f := e.Header.Fields(); f.Next(); {
		header[f.Key()] = f.Value()
	}
	mr := e.MultipartReader()
	if mr == nil {
		t.Fatalf("not multipart: %s", content)
	}
	for {
		p, err := mr.NextPart()
		if err == io.EOF {
			return header, out
		}
		if err != nil {
			t.Fatal(err)
		}
		typ, _, _ := p.Header.ContentType()
		text, err := io.ReadAll(p.Body)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, part{typ, strings.ReplaceAll(string(text), "\r\n", "\n")})
	}
}

// TestBounce: the report of a message with one recipient delivered, one refused
// and one to come, and the order in which things become durable.
func TestBounce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := connector(t, "mx.example.com")
		p := refuser(map[string]string{
			"bad@new.test":  "550 5.1.1 <bad@new.test>: no such user",
			"busy@new.test": "450 4.2.1 busy",
		})
		pol := through(s)
		pol.route = func(to mbox) (*schema.SendConnector, mbox) {
			if to.Domain == "example.com" {
				to.Domain = "new.test"
			}
			return s, to
		}
		w := newWorld(t, pol, Options{Resolver: names{ip: map[string][]string{"mx.example.com": {"192.0.2.1"}}}})
		w.net.peers["192.0.2.1:25"] = p.serve
		w.start()
		defer func() { w.stop() }()
		w.mail("a@example.org", "good@example.com", "bad@example.com", "busy@example.com")
		synctest.Wait()

		if diff := cmp.Diff([]string{
			"put 1 good@example.com,bad@example.com,busy@example.com",
			"put 2 a@example.org", // stored, before
			"update 1 busy@example.com",
			"remove 2",
		}, w.store.settled()); diff != "" {
			t.Error(diff)
		}
		got := slices.DeleteFunc(p.messages(), func(m taken) bool { return m.From != "" })
		if len(got) != 1 || cmp.Diff([]string{"a@example.org"}, got[0].To) != "" {
			t.Fatalf("arrived: %+v, want one report from <> to the sender", got)
		}
		header, content := parts(t, []byte(got[0].Body))
		now := time.Now()
		if header["Message-Id"] == "" || !strings.HasPrefix(header["Content-Type"], "multipart/report;") || !strings.Contains(header["Content-Type"], "report-type=delivery-status") {
			t.Errorf("header: %v", header)
		}
		delete(header, "Message-Id")
		delete(header, "Content-Type")
		if diff := cmp.Diff(map[string]string{
			"From": "Mail Delivery System <MAILER-DAEMON@example.org>", "To": "<a@example.org>", "Subject": "Message not delivered",
			"Date": now.Format("Mon, 02 Jan 2006 15:04:05 -0700"), "Auto-Submitted": "auto-generated", "Mime-Version": "1.0",
		}, header); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff([]part{
			{"text/plain", `This is the mail relay relay.example.org.

It was not possible to deliver your message "hello" of 1 January 2000 00:00 UTC to:

  bad@example.com
    The mail server mx.example.com answered: 550 5.1.1 <bad@new.test>: no such user
    Check the address: it takes no mail. It may be mistyped or gone.

Nothing more will be tried. The message is attached.
`},
			{"message/delivery-status", `Reporting-Mta: dns; relay.example.org
X-Queue-Id: 1
Arrival-Date: ` + now.Format(time.RFC1123Z) + `

Original-Recipient: rfc822; bad@example.com
Final-Recipient: rfc822; bad@new.test
Action: failed
Status: 5.1.1
Remote-Mta: dns; mx.example.com
Diagnostic-Code: smtp; 550 5.1.1 <bad@new.test>: no such user
Last-Attempt-Date: ` + now.Format(time.RFC1123Z) + `

`},
			{"message/rfc822", strings.ReplaceAll(testBody, "\r\n", "\n")},
		}, content); diff != "" {
			t.Error(diff)
		}
	})
}

// TestExpired: what ran out of time is 5.4.7, with the last answer; the notice of
// delay before it is 4 and says until when.
func TestExpired(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, through(connector(t, "192.0.2.1")), Options{})
		p := refuser(map[string]string{"b@example.com": "450 4.2.1 busy"})
		w.net.peers["192.0.2.1:25"] = p.serve
		w.start()
		defer func() { w.stop() }()
		start := time.Now()
		w.mail("a@example.org", "b@example.com")
		time.Sleep(72 * time.Hour)
		synctest.Wait()
		got := p.messages()
		if len(got) != 2 {
			t.Fatalf("%d reports, want two", len(got))
		}
		for i, want := range [][]string{
			{"Action: delayed\n", "Status: 4.2.1\n", "Diagnostic-Code: smtp; 450 4.2.1 busy\n", "Will-Retry-Until: " + start.Add(48*time.Hour).Format(time.RFC1123Z)},
			{"Action: failed\n", "Status: 5.4.7\n", "Diagnostic-Code: smtp; 450 4.2.1 busy\n"},
		} {
			_, content := parts(t, []byte(got[i].Body))
			for _, line := range want {
				if !strings.Contains(content[1].Text, line) {
					t.Errorf("report %d: %s\nlacks %s", i, content[1].Text, line)
				}
			}
		}
		_, content := parts(t, []byte(got[1].Body))
		if want := "It was tried for 48h."; !strings.Contains(content[0].Text, want) {
			t.Errorf("the text does not say %q: %s", want, content[0].Text)
		}
	})
}

// TestReportNotStored: while a report cannot be stored, its recipients stay.
func TestReportNotStored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, through(connector(t, "192.0.2.1")), Options{})
		p := refuser(map[string]string{"bad@example.com": "550 5.1.1 no"})
		w.net.peers["192.0.2.1:25"] = p.serve
		w.start()
		defer func() { w.stop() }()
		w.store.full = true
		env, body := w.store.force(t, "a@example.org", "bad@example.com")
		w.Add(env, body)
		time.Sleep(30 * time.Second)
		synctest.Wait()
		if diff := cmp.Diff([]string{"full", "update 1 bad@example.com"}, w.store.settled()); diff != "" {
			t.Error(diff)
		}
		if !strings.Contains(w.log.String(), "level=ERROR") {
			t.Errorf("nobody is told: %s", w.log)
		}
		w.store.mu.Lock()
		w.store.full = false
		w.store.mu.Unlock()
		time.Sleep(time.Minute)
		synctest.Wait()
		if diff := cmp.Diff([]string{"full", "update 1 bad@example.com", "put 2 a@example.org", "remove 1", "remove 2"}, w.store.settled()); diff != "" {
			t.Error(diff)
		}
	})
}

// TestNullSender: nobody answers a message from <>; the postmaster gets it once.
func TestNullSender(t *testing.T) {
	no := "550 5.1.1 no"
	for _, tt := range []struct {
		name, domain string
		answers      map[string]string
		calls        []string
		dropped      bool
	}{
		{"to the postmaster", "example.org", map[string]string{"bad@example.com": no},
			[]string{"put 1 bad@example.com", "put 2 postmaster@example.org", "remove 1", "remove 2"}, false},
		{"the postmaster does not exist", "example.org", map[string]string{"bad@example.com": no, "postmaster@example.org": no},
			[]string{"put 1 bad@example.com", "put 2 postmaster@example.org", "remove 1", "remove 2"}, true},
		{"no default domain", "", map[string]string{"bad@example.com": no},
			[]string{"put 1 bad@example.com", "remove 1"}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				pol := through(connector(t, "192.0.2.1"))
				pol.domain = tt.domain
				w := newWorld(t, pol, Options{})
				w.net.peers["192.0.2.1:25"] = refuser(tt.answers).serve
				w.start()
				w.mail("", "bad@example.com")
				synctest.Wait()
				w.stop()
				if diff := cmp.Diff(tt.calls, w.store.settled()); diff != "" {
					t.Error(diff)
				}
				if got := strings.Contains(w.log.String(), "level=ERROR msg=dropped"); got != tt.dropped {
					t.Errorf("dropped with an error: %t, want %t; log: %s", got, tt.dropped, w.log)
				}
			})
		})
	}
}

// TestNoDelayNoticeForNullSender: nor is a report itself reported as late.
func TestNoDelayNoticeForNullSender(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, through(connector(t, "192.0.2.1")), Options{})
		w.start()
		defer func() { w.stop() }()
		w.mail("", "b@example.com")
		time.Sleep(47 * time.Hour)
		synctest.Wait()
		for _, c := range w.store.done()[1:] {
			if strings.HasPrefix(c, "put") {
				t.Errorf("%s: a report about a message from <>", c)
			}
		}
	})
}

// TestReportSafe: whatever the original holds, a report is plain ASCII in lines
// that any server takes.
func TestReportSafe(t *testing.T) {
	for name, tt := range map[string]struct{ body, third string }{
		"8-bit":         {"Subject: gr\xfc\xdfe\r\nX: ü\r\n\r\ntext\r\n", "text/rfc822-headers"},
		"large":         {"Subject: x\r\n\r\n" + strings.Repeat("text\r\n", 10000), "text/rfc822-headers"},
		"long line":     {"Subject: x\r\n\r\n" + strings.Repeat("x", 2000) + "\r\n", "text/rfc822-headers"},
		"bare LF":       {"Subject: x\n\ntext\n", "text/rfc822-headers"},
		"plain":         {testBody, "message/rfc822"},
		"no header":     {"text", "message/rfc822"},
		"folded":        {"Subject: a\r\n b\r\n\r\n", "message/rfc822"},
		"long header":   {"Subject: " + strings.Repeat("x ", 20000) + "\r\n\r\n", "text/rfc822-headers"},
		"header no end": {strings.Repeat("X: y\r\n", 20000), "text/rfc822-headers"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, through(connector(t, "192.0.2.1")), Options{})
			env, _ := w.store.force(t, "a@example.org", "bü@example.com")
			m := &message{env: env, body: []byte(tt.body)}
			m.out = []outcome{{kind: refused, status: "5.1.1", text: "550 5.1.1 grüße", remote: true, host: "mx.example.com"}}
			if err := w.giveUp(w.conf, m, []int{0}); err != nil {
				t.Fatal(err)
			}
			content := w.store.bodies["2"]
			if !plainText(content) {
				t.Errorf("not plain: %q", content)
			}
			_, got := parts(t, content)
			if len(got) != 3 || got[2].Type != tt.third {
				t.Errorf("parts: %+v", got)
			}
			if !strings.Contains(got[0].Text, "550 5.1.1 grüße") || !strings.Contains(got[0].Text, "bü@example.com") {
				t.Errorf("text: %s", got[0].Text)
			}
			if !strings.Contains(got[1].Text, `Final-Recipient: utf-8; b\x{FC}@example.com`) {
				t.Errorf("status: %s", got[1].Text)
			}
		})
	}
}
