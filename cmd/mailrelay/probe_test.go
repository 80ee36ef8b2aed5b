package main

import (
	"crypto/tls"
	"encoding/json"
	"net/smtp"
	"regexp"
	"strings"
	"testing"

	smtpd "github.com/emersion/go-smtp"

	"github.com/mailrelay/mailrelay/apply/relay/probe"
)

const probes = reloadOut + `
probe "next_hop" {
  relay = relay.edge
  from  = "printer@contoso.com"
  to    = "someone@fabrikam.com"
}

probe "echo" {
  relay        = relay.edge
  from         = "printer@contoso.com"
  to           = "echo@fabrikam.com"
  require_tls  = true
  expect_reply = true
}

probe "refused" {
  relay = relay.edge
  from  = "printer@contoso.com"
  to    = "nobody@fabrikam.com"
}

probe "not_allowed" {
  relay = relay.edge
  from  = "printer@adatum.com"
  to    = "someone@fabrikam.com"
}
`

// probed is what probe -json says.
func (s *site) probed(code int, flags ...string) (out []probe.Result) {
	s.t.Helper()
	text, _ := s.run(code, "probe", append([]string{"-json"}, flags...)...)
	var said struct{ Probes []probe.Result }
	if err := json.Unmarshal([]byte(text), &said); err != nil {
		s.t.Fatal(err)
	}
	return said.Probes
}

// TestProbe sends test messages through a relay that runs: to a host that takes
// them, to one that answers, to one that refuses, and from a sender who may not.
func TestProbe(t *testing.T) {
	cert, _ := selfSigned(t)
	host := newMailHost(t, &cert, func(to string) error {
		if strings.HasPrefix(to, "nobody@") {
			return &smtpd.SMTPError{Code: 550, EnhancedCode: smtpd.EnhancedCode{5, 1, 1}, Message: "No such user"}
		}
		return nil
	})
	s := newSite(t)
	s.apply(localSite(probes, "$HOST", host.addr, `tarpit_interval   = "0s"`, `tarpit_interval = "0s"
  allowed_sender_domains = ["contoso.com", "fabrikam.com"]`))
	if _, said := s.run(exitError, "probe", "echo"); !strings.Contains(said, "start it with mailrelay serve") {
		t.Errorf("without a relay: %s", said)
	}
	s.serve()

	text, said := s.run(exitDone, "probe", "next_hop")
	for _, want := range []string{
		`^probe\.next_hop: <printer@contoso\.com> to <someone@fabrikam\.com>\n`,
		`\n  submitted  relay\.edge \(` + regexp.QuoteMeta(s.addr) + `\), receive_connector\.\w+, TLS 1\.3 TLS_\w+: 250 2\.0\.0 OK: queued as \w+\n`,
		`\n  delivered  ` + regexp.QuoteMeta(host.addr) + `, send_connector\.\w+, TLS 1\.3 TLS_\w+: 250 2\.0\.0 .*\n  Passed in [0-9.]+m?s\.\n$`,
	} {
		if !regexp.MustCompile(want).MatchString(text) {
			t.Errorf("probe does not say %s:\n%s", want, text)
		}
	}
	if !strings.Contains(said, "probe.next_hop: waiting for the ") {
		t.Errorf("it awaits in silence: %s", said)
	}
	if l := host.next(t); !strings.Contains(l.Content, "\r\nSubject: mailrelay probe ") || !strings.Contains(l.Content, "\r\nAuto-Submitted: auto-generated\r\n") {
		t.Errorf("arrived: %s", l.Content)
	}

	answered := make(chan error, 1)
	go func() { answered <- s.answer(host.next(t)) }()
	echo := s.probed(exitDone, "echo", "-revision=current")[0]
	if err := <-answered; err != nil {
		t.Fatal(err)
	}
	if !echo.Passed || len(echo.Hops) != 3 || echo.Hops[2].Step != "answered" || echo.Hops[2].TLS != "TLS 1.3" || echo.Hops[1].TLS != "TLS 1.3" || echo.ID == "" {
		t.Errorf("%+v", echo)
	}

	for name, want := range map[string]string{
		"refused":     "it could not be delivered, and its sender is told: 550 5.1.1 No such user",
		"not_allowed": "mailrelay explain -client=127.0.0.1 -from=printer@adatum.com -to=someone@fabrikam.com tells what the rules are",
	} {
		got := s.probed(exitError, name)[0]
		if got.Passed || !strings.Contains(got.Reason, want) {
			t.Errorf("%s: %+v", name, got)
		}
	}
	if _, said := s.run(exitError, "probe", "ecko"); !strings.Contains(said, `there is no probe "ecko". Did you mean "echo"?`) {
		t.Error(said)
	}
}

// answer brings an answer to a letter to the relay, as the host that took it.
func (s *site) answer(l letter) error {
	c, err := smtp.Dial(s.addr)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.StartTLS(&tls.Config{InsecureSkipVerify: true}); err != nil {
		return err
	}
	_, id, _ := strings.Cut(l.Content, "\r\nMessage-ID: ")
	id, _, _ = strings.Cut(id, "\r\n")
	text := "From: <" + l.To + ">\r\nTo: <" + l.From + ">\r\nIn-Reply-To: " + id + "\r\nSubject: Thank you\r\n\r\nHere I am.\r\n"
	if err := submit(c, l.To, l.From, text); err != nil {
		return err
	}
	return c.Quit()
}
