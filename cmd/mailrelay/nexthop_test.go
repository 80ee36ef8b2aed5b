package main

import (
	"regexp"
	"strings"
	"testing"
)

// localConfig is a relay for this machine, with more to be added. Its send
// connectors are the test's.
const localConfig = `
relay "edge" {
  hostname = "relay.contoso.com"

  queue {
    retry_intervals = ["1s"]
    expiration      = "$EXPIRATION"
  }
}

domain "contoso" {
  name = "contoso.com"
  type = "internal_relay"
}

receive_connector "application" {
  relay             = relay.edge
  bindings          = ["$RELAY"]
  remote_ip_ranges  = ["127.0.0.1"]
  permission_groups = ["anonymous_users"]
  tarpit_interval   = "0s"

  permission "anonymous" {
    allow = ["accept_any_recipient"]
  }
}
`

// localSite is localConfig with more, with pairs of what to replace.
func localSite(more string, pairs ...string) string {
	return strings.NewReplacer(append(pairs, "$EXPIRATION", "48h")...).Replace(localConfig + more)
}

// verified is a way out that trusts the certificates of a file alone.
const verified = `
send_connector "partner" {
  address_spaces = ["*"]
  smart_hosts    = ["$HOST"]

  tls {
    mode   = "required"
    verify = "certificate"
    ca     = "$CA"
  }
}
`

// TestNextHopCertificate sends to a host whose certificate must be right: with
// another authority the letter waits, and says so; with its own it arrives.
func TestNextHopCertificate(t *testing.T) {
	cert, right := selfSigned(t)
	_, wrong := selfSigned(t)
	host := newMailHost(t, &cert, nil)
	s := newSite(t)
	s.apply(localSite(verified, "$HOST", host.addr, "$CA", wrong))
	s.serve()
	s.mail("printer@contoso.com", "someone@fabrikam.com")
	n := s.await("status shows why the letter waits", func(n nodeStatus) bool { return n.Queue == 1 && n.LastError != "" })
	if want := "the certificate of 127.0.0.1 is not trusted"; !strings.Contains(n.LastError, want) {
		t.Errorf("the last error is %q, without %q", n.LastError, want)
	}
	text, _ := s.run(exitDone, "status")
	for _, want := range []string{`queue      1 message, the oldest since 2`, `last error (\d+s ago: )?` + regexp.QuoteMeta(n.LastError)} {
		if !regexp.MustCompile(want).MatchString(text) {
			t.Errorf("status does not say %s:\n%s", want, text)
		}
	}
	if len(host.got) > 0 {
		t.Fatal("the letter went to a host that is not trusted")
	}
	s.apply(localSite(verified, "$HOST", host.addr, "$CA", right))
	if l := host.next(t); l.To != "someone@fabrikam.com" || !strings.HasPrefix(l.TLS, "TLS 1.") || !strings.Contains(l.Content, "Toner is low") {
		t.Errorf("arrived: %+v", l)
	}
	s.await("the queue is empty", func(n nodeStatus) bool { return n.Queue == 0 })
}

// TestNextHopWithoutTLS sends to a host that offers none: the letter arrives in
// clear text where TLS is only wished for, and waits where it is required.
func TestNextHopWithoutTLS(t *testing.T) {
	const out = `
send_connector "wished" {
  address_spaces = ["fabrikam.com"]
  smart_hosts    = ["$HOST"]
}

send_connector "required" {
  address_spaces = ["adatum.com"]
  smart_hosts    = ["$HOST"]

  tls {
    mode = "required"
  }
}
`
	host := newMailHost(t, nil, nil)
	s := newSite(t)
	s.apply(localSite(out, "$HOST", host.addr))
	s.serve()
	s.mail("printer@contoso.com", "someone@adatum.com")
	s.mail("printer@contoso.com", "someone@fabrikam.com")
	if l := host.next(t); l.To != "someone@fabrikam.com" || l.TLS != "" {
		t.Errorf("arrived: %+v", l)
	}
	n := s.await("status shows why the other waits", func(n nodeStatus) bool { return n.Queue == 1 && n.LastError != "" })
	if want := "127.0.0.1 does not offer STARTTLS, and send_connector.required requires it"; !strings.Contains(n.LastError, want) {
		t.Errorf("the last error is %q, without %q", n.LastError, want)
	}
}
