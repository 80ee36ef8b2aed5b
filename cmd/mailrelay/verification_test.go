package main

import (
	"errors"
	"net"
	"net/smtp"
	"net/textproto"
	"regexp"
	"strings"
	"testing"

	"github.com/mailrelay/mailrelay/plan/observe/dnstest"
)

const newDomain = `
zone "new" {
  name    = "new.example"
  servers = ["$DNS"]
}

domain "new" {
  name = "new.example"
  type = "external_relay"
$VERIFICATION
}

receive_connector "world" {
  relay             = relay.edge
  bindings          = ["$RELAY"]
  remote_ip_ranges  = ["127.0.0.2"]
  permission_groups = ["anonymous_users"]
}

send_connector "out" {
  address_spaces = ["*"]
  smart_hosts    = ["127.0.0.1:9"]
}
`

// TestGatedDomain adds a domain that is not verified to a relay that runs: its mail
// waits with the sender, unless that may relay; all other mail goes on, and once the proof is seen and
// applied the open session has its mail accepted. Nothing that happens to the block
// after that stops it.
func TestGatedDomain(t *testing.T) {
	dns, err := dnstest.New(dnstest.Options{Zones: map[string]string{"new.example": "$ORIGIN new.example.\n$TTL 600\n@ IN SOA ns1 hostmaster 1 3600 600 86400 300\n@ IN NS ns1\nns1 IN A 127.0.0.1\n"}})
	if err != nil {
		t.Fatal(err)
	}
	defer dns.Close()
	config := func(verification string) string {
		return localSite(newDomain, "$DNS", dns.Addr(), "$VERIFICATION", verification)
	}
	s := newSite(t)
	s.apply(localSite(""))
	s.serve()
	ours := dialFrom(t, "127.0.0.1", s.addr)
	c := ours
	expect := func(to string, code int, words string) {
		t.Helper()
		if err := c.Mail("printer@contoso.com"); err != nil {
			t.Fatalf("the session did not survive: %v", err)
		}
		err := c.Rcpt(to)
		if err := c.Reset(); err != nil {
			t.Fatalf("the session did not survive: %v", err)
		}
		got := &textproto.Error{Code: 250}
		if err != nil && !errors.As(err, &got) {
			t.Fatal(err)
		}
		if got.Code != code || !strings.Contains(got.Msg, words) {
			t.Errorf("%s gets %d %s, want %d %s", to, got.Code, got.Msg, code, words)
		}
	}

	s.configure(config("verification {}"))
	_, said := s.run(exitNotConverged, "apply", "-auto-approve", "-detailed-exitcode")
	if !strings.Contains(said, "Not verified yet: new.example") {
		t.Errorf("apply says\n%s", said)
	}
	expect("someone@new.example", 250, "") // it may relay, and did
	c = dialFrom(t, "127.0.0.2", s.addr)
	expect("someone@new.example", 451, "4.7.1")
	expect("postmaster@new.example", 451, "new.example")
	c = ours
	expect("someone@contoso.com", 250, "")
	c = dialFrom(t, "127.0.0.2", s.addr)

	planned, _ := s.run(exitNotConverged, "plan", "-detailed-exitcode")
	record := regexp.MustCompile(`enter this record, then apply: new\.example\.\s+3600\s+IN\s+TXT\s+"(.*)"`).FindStringSubmatch(planned)
	if record == nil {
		t.Fatalf("plan does not say what to enter:\n%s", planned)
	}
	if err := dns.Set("new.example.", "TXT", 3600, record[1]); err != nil {
		t.Fatal(err)
	}
	expect("someone@new.example", 451, "mailrelay apply")
	s.run(exitDone, "apply", "-auto-approve", "-detailed-exitcode")
	expect("someone@new.example", 250, "")

	if err := dns.Set("new.example.", "TXT", 3600); err != nil { // it is gone
		t.Fatal(err)
	}
	for _, verification := range []string{"verification {}", "", "verification {}", "verification {\n    value = \"MS=ms1\"\n  }", "verification {\n    keep = false\n  }"} {
		s.configure(config(verification))
		s.run(exitDone, "apply", "-auto-approve")
		expect("someone@new.example", 250, "")
	}
}

// dialFrom is a session of a client at an address of this machine.
func dialFrom(t *testing.T, from, to string) *smtp.Client {
	t.Helper()
	conn, err := (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}).DialContext(t.Context(), "tcp", to)
	if err != nil {
		t.Fatal(err)
	}
	c, err := smtp.NewClient(conn, "127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}
