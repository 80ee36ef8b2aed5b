package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mailrelay/mailrelay/plan/observe/dnstest/daemon"
)

// smtpSink is Postfix's smtp-sink, a mail host that takes everything in clear text
// and writes it to a file.
type smtpSink struct {
	addr string
	dump string
}

func startSMTPSink(t *testing.T) *smtpSink {
	t.Helper()
	path := daemon.Find(t, "smtp-sink")
	s := &smtpSink{fmt.Sprintf("127.0.0.1:%d", daemon.FreePort(t)), filepath.Join(t.TempDir(), "dump")}
	args := []string{"-D", s.dump, s.addr, "1000"}
	if os.Getuid() == 0 { // it wants to be told whose rights to use
		args = append([]string{"-u", "root"}, args...)
	}
	if _, err := daemon.Start(t, exec.Command(path, args...)); err != nil {
		t.Fatal(err)
	}
	eventually(t, "smtp-sink listens", func() bool {
		c, err := net.Dial("tcp", s.addr)
		if err == nil {
			c.Close()
		}
		return err == nil
	})
	return s
}

// letters are the messages so far, each with lines of smtp-sink's before it:
// X-Mail-Args and X-Rcpt-Args are the envelope.
func (s *smtpSink) letters(t *testing.T) []string {
	t.Helper()
	raw, err := os.ReadFile(s.dump)
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	const first = "X-Client-Addr: "
	var out []string
	for l := range strings.SplitSeq("\n"+string(raw), "\n"+first) {
		if l != "" {
			out = append(out, first+l)
		}
	}
	return out
}

// await waits for the letter that holds text.
func (s *smtpSink) await(t *testing.T, text string) string {
	t.Helper()
	var found string
	eventually(t, "a letter with "+text+" arrives", func() bool {
		for _, l := range s.letters(t) {
			if strings.Contains(l, text) {
				found = l
				return true
			}
		}
		return false
	})
	return found
}
