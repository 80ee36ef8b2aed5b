package deliver

import (
	"bufio"
	"strings"
	"testing"
)

func TestJudge(t *testing.T) {
	for _, tt := range []struct {
		answer string
		at     step
		kind   kind
		status string
		slow   bool
	}{
		{"250 2.0.0 ok", atData, delivered, "2.0.0", false},
		{"250 ok", atData, delivered, "2.0.0", false},
		{"450 4.2.1 busy", atRcpt, deferred, "4.2.1", false},
		{"450 busy", atRcpt, deferred, "4.0.0", false},
		{"550 5.1.1 no such user", atRcpt, refused, "5.1.1", false},
		{"550 5.1.10 not found", atRcpt, refused, "5.1.10", false},
		{"550 5.4.1 Recipient address rejected: Access denied", atRcpt, refused, "5.4.1", false},
		{"554 spam", atData, refused, "5.0.0", false},
		{"550 5.7.1 no", atMail, refused, "5.7.1", false},
		{"552 5.2.2 mailbox full", atRcpt, refused, "5.2.2", false},
		{"552 5.3.4 too large", atData, refused, "5.3.4", false},

		// Too many recipients: RCPT alone says so.
		{"452 4.5.3 too many", atRcpt, crowded, "4.5.3", false},
		{"452 4.5.3 too many", atData, deferred, "4.5.3", false},
		{"452 4.3.1 disk full", atRcpt, deferred, "4.3.1", false},
		{"552 too many", atRcpt, crowded, "5.0.0", false},
		{"552 5.5.3 too many", atRcpt, crowded, "5.5.3", false},
		{"552 too large", atData, refused, "5.0.0", false},

		// A host that does not talk says nothing about a recipient.
		{"554 5.7.1 no mail from you", atConnect, deferred, "4.0.0", false},
		{"550 5.7.606 banned", atConnect, held, "5.7.606", false},
		{"535 5.7.8 wrong password", atAuth, held, "5.7.8", false},
		{"454 4.7.0 try later", atAuth, deferred, "4.7.0", false},

		// Our own configuration or reputation, by Exchange Online.
		{"550 5.7.64 TenantAttribution; Relay Access Denied", atRcpt, held, "5.7.64", false},
		{"550 5.7.605 other", atRcpt, refused, "5.7.605", false},
		{"550 5.7.606 Access denied, banned sending IP", atRcpt, held, "5.7.606", false},
		{"550 5.7.649 Access denied", atMail, held, "5.7.649", false},
		{"550 5.7.650 other", atRcpt, refused, "5.7.650", false},
		{"550 5.7.511 Access denied, banned sender", atRcpt, held, "5.7.511", false},
		{"550 5.7.68 TenantInboundAttribution", atRcpt, held, "5.7.68", false},
		{"550 5.7.705 tenant has exceeded threshold", atData, held, "5.7.705", false},
		{"550 5.7.708 traffic not accepted from this IP", atData, held, "5.7.708", false},
		{"550 5.7.750 unregistered domains", atData, held, "5.7.750", false},
		{"550 5.7.30 Basic authentication is not supported", atMail, held, "5.7.30", false},
		{"550 5.7.7 other", atRcpt, refused, "5.7.7", false},

		// Slow down, by Exchange Online and by RFC 5321.
		{"421 closing", atRcpt, deferred, "4.0.0", true},
		{"432 4.3.2 STOREDRV; concurrent connections", atRcpt, deferred, "4.3.2", true},
		{"451 4.7.499 other", atRcpt, deferred, "4.7.499", false},
		{"451 4.7.500 Server busy", atRcpt, deferred, "4.7.500", true},
		{"451 4.7.699 Server busy", atMail, deferred, "4.7.699", true},
		{"451 4.7.700 other", atRcpt, deferred, "4.7.700", false},
		{"451 4.7.850 Access denied", atRcpt, deferred, "4.7.850", true},
		{"451 4.7.899 Access denied", atRcpt, deferred, "4.7.899", true},
		{"451 4.7.900 other", atRcpt, deferred, "4.7.900", false},

		{"354 where none belongs", atMail, deferred, "4.0.0", false},
	} {
		r, err := readReply(bufio.NewReader(strings.NewReader(tt.answer + "\r\n")))
		if err != nil {
			t.Fatal(err)
		}
		o := judge(r, tt.at)
		if o.kind != tt.kind || o.status != tt.status || o.slow != tt.slow {
			t.Errorf("%q at %d: kind %d, status %s, slow %t; want %d, %s, %t", tt.answer, tt.at, o.kind, o.status, o.slow, tt.kind, tt.status, tt.slow)
		}
		if o.kind == held && tt.at != atAuth && advice(o.status) == "" {
			t.Errorf("%q is held, and nobody is told what to do", tt.answer)
		}
	}
}
