package relay

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestOpenRelayTricks tries every way by which an address may lead elsewhere than it
// seems (nmap's smtp-open-relay among them) from a client without the right to relay.
func TestOpenRelayTricks(t *testing.T) {
	tricks := []string{
		// nmap's
		`<relaytest@fabrikam.com>`,
		`<relaytest%fabrikam.com@[127.0.0.1]>`,
		`<relaytest%fabrikam.com@relay.contoso.com>`,
		`<"relaytest@fabrikam.com">`,
		`<"relaytest%fabrikam.com">`,
		`<relaytest@fabrikam.com@[127.0.0.1]>`,
		`<"relaytest@fabrikam.com"@[127.0.0.1]>`,
		`<relaytest@fabrikam.com@relay.contoso.com>`,
		`<@[127.0.0.1]:relaytest@fabrikam.com>`,
		`<@relay.contoso.com:relaytest@fabrikam.com>`,
		`<fabrikam.com!relaytest>`,
		`<fabrikam.com!relaytest@[127.0.0.1]>`,
		`<fabrikam.com!relaytest@relay.contoso.com>`,
		// through our own domain
		`<relaytest%fabrikam.com@contoso.com>`,
		`<fabrikam.com!relaytest@contoso.com>`,
		`<"relaytest@fabrikam.com"@contoso.com>`,
		`<relaytest\@fabrikam.com@contoso.com>`,
		`<relaytest@fabrikam.com@contoso.com>`,
		`<@contoso.com:relaytest@fabrikam.com>`,
		`<@contoso.com,@relay.contoso.com:relaytest@fabrikam.com>`,
		`<@contoso.com>`,
		`<"a\"@contoso.com"@fabrikam.com>`,
		// names that look like ours
		`<relaytest@FABRIKAM.COM>`,
		`<relaytest@fabrikam.com.>`,
		`<relaytest@contoso.com.fabrikam.com>`,
		`<relaytest@sub.contoso.com>`,
		`<relaytest@xcontoso.com>`,
		`<relaytest@contoso.comx>`,
		`<relaytest@contoso..com>`,
		`<relaytest@.contoso.com>`,
		`<relaytest@contoso>`,
		`<relaytest@соntoso.com>`, // Cyrillic с and о
		`<relaytest@xn--conto-so.com>`,
		`<relaytest@*.com>`,
		`<relaytest@[127.0.0.1]>`,
		`<relaytest@[IPv6:::1]>`,
		`<relaytest@[contoso.com]>`,
		`<relaytest@127.0.0.1>`,
		`<relaytest@2130706433>`,
		`<relaytest@localhost>`,
		`<relaytest>`,
		`<root>`,
		`<postmaster@fabrikam.com>`,
		`<>`,
		`< relaytest@fabrikam.com>`,
		// more than one
		`<a@contoso.com>,<relaytest@fabrikam.com>`,
		`<a@contoso.com> <relaytest@fabrikam.com>`,
		`<a@contoso.com,relaytest@fabrikam.com>`,
		`<a@contoso.com;relaytest@fabrikam.com>`,
		`a@contoso.com relaytest@fabrikam.com`,
		`<relaytest@fabrikam.com(@contoso.com)>`,
		`<relaytest@fabrikam.com\x00@contoso.com>`,
		`<relaytest@fabrikam.com\r@contoso.com>`,
		`<relaytest@fabrikam.com%00@contoso.com>`,
		// what is too long is not cut to something else
		`<` + strings.Repeat("x", 65) + `@contoso.com>`,
		`<a@` + strings.Repeat("x.", 130) + `contoso.com>`,
		`<a@` + strings.Repeat("x", 64) + `.contoso.com>`,
		`<` + strings.Repeat("@contoso.com,", 300) + `:relaytest@fabrikam.com>`,
	}
	w := newWorld(t, nil)
	w.runsFrom(block(connector("one", `remote_ip_ranges = ["10.0.0.0/8"]`)))
	c := w.talk("10.1.2.3", sender)
	for _, trick := range tricks {
		c.play("-> RCPT TO:" + trick + "\n<~ 5")
	}
	c.play(`
		-> RCPT TO:<Ann@CONTOSO.com>
		<~ 250
		-> RCPT TO:<POSTMASTER>
		<~ 250
		-> DATA
		<~ 354
		-> A: 1
		-> .
		<~ 250`)
	if diff := cmp.Diff([]string{"Ann@contoso.com", "POSTMASTER@contoso.com"}, w.sink.next(t).To); diff != "" {
		t.Error(diff)
	}
	// With the right the same addresses are what they say.
	w.runs(w.config(block(connector("one", relaying))))
	w.talk("10.1.2.3", sender+`
		-> RCPT TO:<@relay.contoso.com,@contoso.com:relaytest@fabrikam.com>
		<~ 250
		-> RCPT TO:<"relay@test"@fabrikam.com>
		<~ 250
		-> RCPT TO:<relaytest%fabrikam.com@contoso.com>
		<~ 250
		-> DATA
		<~ 354
		-> A: 1
		-> .
		<~ 250`)
	if diff := cmp.Diff([]string{"relaytest@fabrikam.com", "relay@test@fabrikam.com", "relaytest%fabrikam.com@contoso.com"}, w.sink.next(t).To); diff != "" {
		t.Error(diff)
	}
}

// TestSmuggling puts what other programs take for the end of a message into one: it
// is one message here, or none, and one at the next hop.
func TestSmuggling(t *testing.T) {
	const evil = `MAIL FROM:<evil@contoso.com>\r\nRCPT TO:<evil@fabrikam.com>\r\nDATA\r\nSubject: evil\r\n\r\nx`
	for _, mode := range []string{"reject", "normalize"} {
		t.Run(mode, func(t *testing.T) {
			w := newWorld(t, nil)
			w.runsFrom(block(connector("one", relaying, `bare_newline = "`+mode+`"`)))
			for _, end := range []string{`\n.\n`, `\n.\r\n`, `\r.\r`, `\r.\r\n`, `\r.\n`, `\r\n.\n`, `\r\n.\r`, `\n\n.\r\n`, `\r\n\x00.\r\n`, `\r\n.\x00\r\n`, `\r\n..\r\n`, `\r\n .\r\n`, `\r\n.\r\r\n`, `\r\r\n.\r\r\n`} {
				bare := strings.ContainsAny(strings.NewReplacer(`\r\n`, "", `\r`, "!", `\n`, "!").Replace(end), "!")
				want := "250 2.0.0 OK: queued"
				if bare && mode == "reject" {
					want = "550 5.6.11"
				}
				c := w.talk("10.1.2.3", message)
				c.play(")> A: 1\\r\\n\\r\\nbefore" + end + evil + `\r\n.\r\nNOOP\r\n` + `
					<~ ` + want + `
					<~ 250 2.0.0 I have
					-> QUIT
					<~ 221
					<eof`)
				if strings.HasPrefix(want, "250") {
					if l := w.sink.next(t); l.From != "a@contoso.com" || !strings.Contains(l.Content, "Subject: evil") {
						t.Errorf("%s: arrived %+v", end, l)
					}
				}
			}
			w.halt()
			if n := len(w.sink.got); n > 0 {
				t.Errorf("%d more messages arrived: %+v", n, <-w.sink.got)
			}
		})
	}
}
