package main

import (
	"errors"
	"net"
	"net/smtp"
	"net/textproto"
	"strings"
	"testing"
	"time"
)

const reloadOut = `
send_connector "out" {
  address_spaces = ["*"]
  smart_hosts    = ["$HOST"]
}
`

// TestReload applies a new revision while a session is open: it goes on, and its
// next message goes by the new policy.
func TestReload(t *testing.T) {
	host := newMailHost(t, nil, nil)
	s := newSite(t)
	wide := localSite(reloadOut, "$HOST", host.addr)
	narrow := strings.Replace(wide, `allow = ["accept_any_recipient"]`, `allow = []`, 1)
	s.apply(wide)
	s.serve()
	c, err := smtp.Dial(s.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	recipient := func(to string) int {
		t.Helper()
		if err := c.Mail("printer@contoso.com"); err != nil {
			t.Fatalf("the session did not survive: %v", err)
		}
		err := c.Rcpt(to)
		if err := c.Reset(); err != nil {
			t.Fatalf("the session did not survive: %v", err)
		}
		var answer *textproto.Error
		switch {
		case err == nil:
			return 250
		case errors.As(err, &answer):
			return answer.Code
		}
		t.Fatalf("the session did not survive: %v", err)
		return 0
	}
	for _, step := range []struct {
		config  string
		foreign int // answer to a recipient elsewhere
	}{{wide, 250}, {narrow, 550}, {wide, 250}} {
		s.apply(step.config) // returns when the node runs it
		if got := recipient("someone@fabrikam.com"); got != step.foreign {
			t.Errorf("a recipient elsewhere gets %d, want %d", got, step.foreign)
		}
		if got := recipient("someone@contoso.com"); got != 250 {
			t.Errorf("a recipient of an accepted domain gets %d, want 250", got)
		}
	}
	applied, n := s.status()
	if late := n.Since.Sub(applied); n.Revision == "" || late < 0 || late > 2*time.Second {
		t.Errorf("the revision of %s was in force at %s", applied, n.Since)
	}
}

// TestServeBeforeApply starts the relay before anything was applied: the first
// apply sets it to work, and waits for no other node.
func TestServeBeforeApply(t *testing.T) {
	host := newMailHost(t, nil, nil)
	s := newSite(t)
	s.serveUntil("waits for the first mailrelay apply")
	s.configure(localSite(reloadOut, "$HOST", host.addr))
	if out, _ := s.run(exitNotConverged, "plan", "-detailed-exitcode"); !strings.Contains(out, "to add") {
		t.Errorf("plan says\n%s", out)
	}
	s.run(exitDone, "apply", "-auto-approve", "-detailed-exitcode")
	if n := s.node(); n.State != "running" || n.Relay != "relay.edge" || n.LastError != "" {
		t.Errorf("status says %+v", n)
	}
	s.mail("printer@contoso.com", "someone@fabrikam.com")
	host.next(t)
}

// TestReloadRefused applies revisions that cannot load: the old one goes on, and
// status and plan say why, until another apply mends it.
func TestReloadRefused(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	host := newMailHost(t, nil, nil)
	s := newSite(t)
	good := localSite(reloadOut, "$HOST", host.addr)
	s.apply(good)
	s.serve()
	for _, tt := range []struct {
		name, old, new string
		why            []string
	}{
		{"certificate is missing", `hostname = "relay.contoso.com"`, `hostname = "relay.contoso.com"

  tls {
    certificate = "/nowhere/tls.crt"
    key         = secret_file("/nowhere/tls.key")
  }`, []string{"/nowhere/tls.crt"}},
		{"port is taken", `bindings          = ["$RELAY"]`, `bindings          = ["$RELAY", "` + taken.Addr().String() + `"]`,
			[]string{"listen on " + taken.Addr().String(), "address already in use"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := s.in(t)
			before := s.node()
			bad := strings.Replace(good, tt.old, tt.new, 1)
			if bad == good {
				t.Fatal("nothing was replaced")
			}
			s.configure(bad)
			_, said := s.run(exitNotConverged, "apply", "-auto-approve", "-detailed-exitcode")
			n := s.node()
			if n.State != "refusing" || n.Revision != before.Revision || n.Refused == "" {
				t.Errorf("status says %+v", n)
			}
			text, _ := s.run(exitDone, "status")
			planned, _ := s.run(exitNotConverged, "plan", "-detailed-exitcode")
			for _, why := range tt.why {
				for from, what := range map[string]string{"apply": said, "status -json": n.LastError, "status": text, "plan": planned} {
					if !strings.Contains(what, why) {
						t.Errorf("%s does not say %q:\n%s", from, why, what)
					}
				}
			}
			s.mail("printer@contoso.com", "someone@fabrikam.com")
			host.next(t)

			s.apply(good)
			if n := s.node(); n.State != "running" || n.Refused != "" || n.LastError != "" {
				t.Errorf("after it was mended, status says %+v", n)
			}
			if out, _ := s.run(exitDone, "plan", "-detailed-exitcode"); !strings.Contains(out, "No changes.") {
				t.Errorf("after it was mended, plan says\n%s", out)
			}
			s.mail("printer@contoso.com", "someone@fabrikam.com")
			host.next(t)
		})
	}
}
