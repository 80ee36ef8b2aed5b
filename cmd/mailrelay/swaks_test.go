package main

import (
	"bytes"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/mailrelay/mailrelay/plan/observe/dnstest/daemon"
)

// swaksConfig is a relay without any zone. This machine may relay, 127.0.2.0/24 are
// strangers, 127.0.4.1 is a proxy for 10.50.0.0/16, and nobody else is meant.
const swaksConfig = `
relay "edge" {
  hostname = "relay.contoso.com"
}

domain "contoso" {
  name = "contoso.com"
}

recipients "staff" {
  domain    = domain.contoso
  addresses = ["alice@contoso.com"]
}

receive_connector "application" {
  relay             = relay.edge
  bindings          = ["$RELAY"]
  remote_ip_ranges  = ["127.0.0.1"]
  permission_groups = ["anonymous_users"]
  max_message_size  = "20KiB"
  tarpit_interval   = "0s"

  permission "anonymous" {
    allow = ["accept_any_recipient"]
  }
}

receive_connector "stranger" {
  relay             = relay.edge
  bindings          = ["$RELAY"]
  remote_ip_ranges  = ["127.0.2.0/24"]
  permission_groups = ["anonymous_users"]
  tarpit_interval   = "0s"
}

receive_connector "behind" {
  relay             = relay.edge
  bindings          = ["$RELAY"]
  remote_ip_ranges  = ["10.50.0.0/16"]
  proxy_protocol    = ["127.0.4.1"]
  permission_groups = ["anonymous_users"]

  permission "anonymous" {
    allow = ["accept_any_recipient"]
  }
}

send_connector "out" {
  address_spaces = ["*"]
  smart_hosts    = ["$SINK"]
}
`

// TestSwaks sends with swaks through the relay to smtp-sink.
func TestSwaks(t *testing.T) {
	swaks := daemon.Find(t, "swaks")
	sink := startSMTPSink(t)
	s := newSite(t)
	s.apply(strings.ReplaceAll(swaksConfig, "$SINK", sink.addr))
	s.serve()
	large := filepath.Join(t.TempDir(), "large")
	if err := os.WriteFile(large, bytes.Repeat([]byte("0123456789\n"), 3000), 0o600); err != nil {
		t.Fatal(err)
	}
	const friend, stranger, proxy = "127.0.0.1", "127.0.2.1", "127.0.4.1"
	behind := func(version, client string) []string {
		return []string{"--proxy-version", version, "--proxy-family", map[string]string{"1": "TCP4", "2": "AF_INET"}[version],
			"--proxy-source", client, "--proxy-source-port", "40000", "--proxy-dest", "10.0.0.2", "--proxy-dest-port", "25"}
	}
	for _, tt := range []struct {
		name     string
		from, to string
		args     []string
		want     []string // regular expressions of what swaks prints
		arrives  string   // regular expression of the letter at the sink; empty: none arrives
	}{
		{"an allowed address relays", friend, "someone@fabrikam.com", nil,
			[]string{`<-  220 relay\.contoso\.com `, `<-  250 2\.0\.0 OK: queued as `},
			`(?s)X-Helo-Args: relay\.contoso\.com\n.*Received: from \S+ \(\[127\.0\.0\.1\]\)\n\tby relay\.contoso\.com with ESMTP `},
		{"another may not", stranger, "someone@fabrikam.com", nil,
			[]string{`<\*\* 550 5\.7\.54 .*Unable to relay recipient in non-accepted domain`}, ""},
		{"another reaches an accepted domain", stranger, "alice@contoso.com", nil,
			[]string{`<-  250 2\.0\.0 OK: queued as `}, `X-Rcpt-Args: <alice@contoso\.com>`},
		{"an unknown recipient", stranger, "nobody@contoso.com", nil,
			[]string{`<\*\* 550 5\.1\.1 `}, ""},
		{"an unknown recipient from an allowed address", friend, "nobody@contoso.com", nil,
			[]string{`<\*\* 550 5\.1\.1 `}, ""},
		{"nobody is meant", "127.0.3.1", "alice@contoso.com", nil,
			[]string{`<\*\* 554 5\.7\.1 No receive connector of relay\.edge is meant for your address; ask`}, ""},
		{"too large", friend, "someone@fabrikam.com", []string{"--body", "@" + large},
			[]string{`<\*\* 552 5\.3\.4 .* up to 20480 bytes`}, ""},
		{"through a proxy", proxy, "someone@fabrikam.com", behind("1", "10.50.0.7"),
			[]string{`<-  250 2\.0\.0 OK: queued as `}, `Received: from \S+ \(\[10\.50\.0\.7\]\)\n`},
		{"through a proxy, version 2", proxy, "someone@fabrikam.com", behind("2", "10.50.0.8"),
			[]string{`<-  250 2\.0\.0 OK: queued as `}, `Received: from \S+ \(\[10\.50\.0\.8\]\)\n`},
		{"through a proxy for one that is not meant", proxy, "someone@fabrikam.com", behind("1", "127.0.0.1"),
			[]string{`<\*\* 554 5\.7\.1 The PROXY header of 127\.0\.4\.1 is not believed for clients of receive_connector\.application`}, ""},
		{"a proxy that is none", friend, "someone@fabrikam.com", behind("1", "10.50.0.7"),
			[]string{`<\*\* 554 5\.7\.1 Your address 127\.0\.0\.1 is not in proxy_protocol`}, ""},
		{"under TLS", friend, "someone@fabrikam.com", []string{"-tls"},
			[]string{`=== TLS started with cipher TLSv1\.[23]:`, `<~  250 2\.0\.0 OK: queued as `},
			`(?s)Received: from \S+ \(\[127\.0\.0\.1\]\)\n\t\(using TLS 1\.[23] with cipher \S+\)\n\tby relay\.contoso\.com with ESMTPS `},
	} {
		t.Run(tt.name, func(t *testing.T) {
			host, port, err := net.SplitHostPort(s.addr)
			if err != nil {
				t.Fatal(err)
			}
			subject := strings.ReplaceAll(tt.name, " ", "-")
			args := append([]string{"--server", host, "--port", port, "--local-interface", tt.from, "--helo", "client.contoso.com",
				"--from", "printer@contoso.com", "--to", tt.to, "--h-Subject", subject}, tt.args...)
			out, err := exec.Command(swaks, args...).CombinedOutput()
			var exit *exec.ExitError
			if err != nil && !errors.As(err, &exit) {
				t.Fatal(err)
			}
			for _, want := range tt.want {
				if !regexp.MustCompile(want).Match(out) {
					t.Errorf("swaks does not print %s:\n%s", want, out)
				}
			}
			if accepted := err == nil; accepted != (tt.arrives != "") {
				t.Fatalf("swaks ends with %v:\n%s", err, out)
			}
			if tt.arrives == "" {
				return
			}
			if l := sink.await(t, "Subject: "+subject+"\n"); !regexp.MustCompile(tt.arrives).MatchString(l) {
				t.Errorf("this is not %s:\n%s", tt.arrives, l)
			}
		})
	}
	if n := len(sink.letters(t)); n != 5 {
		t.Errorf("%d letters arrived, want 5", n)
	}
	if err := s.relay.Terminate(); err != nil {
		t.Errorf("the relay is told to stop: %v", err)
	}
	if n := s.node(); n.State != "stopped" || n.Queue != 0 {
		t.Errorf("after it stopped, status says %+v", n)
	}
}

// TestSMTPSource sends with Postfix's smtp-source over ten sessions that stay
// open.
func TestSMTPSource(t *testing.T) {
	source := daemon.Find(t, "smtp-source")
	sink := startSMTPSink(t)
	s := newSite(t)
	s.apply(strings.ReplaceAll(swaksConfig, "$SINK", sink.addr))
	s.serve()
	out, err := exec.Command(source, "-d", "-s", "10", "-m", "300", "-l", "4096", "-N", "-f", "printer@contoso.com", "-t", "@fabrikam.com", s.addr).CombinedOutput()
	if err != nil {
		t.Fatalf("smtp-source: %v\n%s", err, out)
	}
	arrived := map[string]bool{}
	to := regexp.MustCompile(`X-Rcpt-Args: <(\d+)@fabrikam\.com>`)
	eventually(t, "all 300 letters arrive", func() bool {
		for _, l := range sink.letters(t) {
			if m := to.FindStringSubmatch(l); m != nil {
				arrived[m[1]] = true
			}
		}
		return len(arrived) == 300
	})
}
