package main

import (
	"io"
	"mime"
	"mime/multipart"
	"net/mail"
	"regexp"
	"strings"
	"testing"

	"github.com/emersion/go-smtp"
)

// bounces sends mail for contoso.com to one host, for fabrikam.com to another, and
// for adatum.com to a third.
const bounces = `
send_connector "home" {
  address_spaces = ["contoso.com"]
  smart_hosts    = ["$HOME"]
}

send_connector "abroad" {
  address_spaces = ["fabrikam.com"]
  smart_hosts    = ["$ABROAD"]
}

send_connector "dead" {
  address_spaces = ["adatum.com"]
  smart_hosts    = ["127.0.0.1:1"]
}
`

// TestBounce sends what cannot be delivered: the report (RFC 3464) goes to the next
// hop of the sender's domain.
func TestBounce(t *testing.T) {
	home := newMailHost(t, nil, nil)
	abroad := newMailHost(t, nil, func(string) error {
		return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "no such mailbox"}
	})
	s := newSite(t)
	s.apply(localSite(bounces, "$HOME", home.addr, "$ABROAD", abroad.addr, "$EXPIRATION", "2s"))
	s.serve()
	for _, tt := range []struct {
		name, to string
		status   []string // regular expressions of the delivery status
		text     []string // of what a person reads
	}{
		{"refused", "gone@fabrikam.com",
			[]string{`(?mi)^Reporting-MTA: dns; ?relay\.contoso\.com\r$`, `(?m)^Final-Recipient: rfc822; ?gone@fabrikam\.com\r$`,
				`(?m)^Action: failed\r$`, `(?m)^Status: 5\.1\.1\r$`, `Diagnostic-Code: smtp; ?550 5\.1\.1 no such mailbox`},
			[]string{`gone@fabrikam\.com`, `127\.0\.0\.1 answered: 550 5\.1\.1 no such mailbox`, `"Toner is low"`}},
		{"expired", "someone@adatum.com",
			[]string{`(?m)^Final-Recipient: rfc822; ?someone@adatum\.com\r$`, `(?m)^Action: failed\r$`, `(?m)^Status: [45]\.4\.[17]\r$`},
			[]string{`someone@adatum\.com`, `connection refused`, `tried for 2s`}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := s.in(t)
			s.mail("printer@contoso.com", tt.to)
			l := home.next(t)
			if l.From != "" || l.To != "printer@contoso.com" {
				t.Errorf("the report goes from <%s> to <%s>", l.From, l.To)
			}
			parts := reportParts(t, l.Content)
			for _, p := range []struct {
				typ  string
				want []string
			}{{"text/plain", tt.text}, {"message/delivery-status", tt.status}, {"message/rfc822", []string{`Subject: Toner is low`, `Please order some`}}} {
				for _, want := range p.want {
					if !regexp.MustCompile(want).MatchString(parts[p.typ]) {
						t.Errorf("%s does not hold %s:\n%s", p.typ, want, parts[p.typ])
					}
				}
			}
		})
	}
	s.await("the queue is empty", func(n nodeStatus) bool { return n.Queue == 0 })
}

// reportParts are the contents of a multipart/report by their type, decoded.
func reportParts(t *testing.T, content string) map[string]string {
	t.Helper()
	m, err := mail.ReadMessage(strings.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	typ, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil || typ != "multipart/report" || params["report-type"] != "delivery-status" {
		t.Fatalf("this is no report: %v\n%s", err, content)
	}
	parts := map[string]string{}
	for r := multipart.NewReader(m.Body, params["boundary"]); ; {
		p, err := r.NextPart() // which decodes quoted-printable
		if err == io.EOF {
			return parts
		}
		if err != nil {
			t.Fatalf("%v\n%s", err, content)
		}
		typ, _, err := mime.ParseMediaType(p.Header.Get("Content-Type"))
		if err != nil {
			t.Fatal(err)
		}
		raw, err := io.ReadAll(p)
		if err != nil {
			t.Fatal(err)
		}
		parts[typ] = string(raw)
	}
}
