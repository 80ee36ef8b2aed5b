// Package daemon runs servers that are installed on the machine, for tests: the
// name servers named and knotd with a zone of the test's own, and any other
// program by Find and Start. It is to dnstest what a real browser is to httptest.
//
// Everything listens on free loopback ports, keeps its files in a folder of its
// own, and ends with the test. A test whose program is not installed is skipped
// with a message, or fails if the environment variable MAILRELAY_TEST_SERVERS is
// "required".
package daemon

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patience is how long a program may take to be ready.
const patience = 20 * time.Second

// Find gives the path of an installed program. Without it the test is skipped, or
// fails where servers are required.
func Find(t testing.TB, program string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err == nil {
		return path
	}
	path = filepath.Join("/usr/sbin", program) // seldom in the PATH of users
	if _, err := os.Stat(path); err == nil {
		return path
	}
	if os.Getenv("MAILRELAY_TEST_SERVERS") == "required" {
		t.Fatalf("%s is not installed, and MAILRELAY_TEST_SERVERS=required", program)
	}
	t.Skipf("%s is not installed", program)
	return ""
}

// Process is a program that runs.
type Process struct {
	cmd  *exec.Cmd
	end  func() bool // takes the end of the test off the context
	done chan struct{}

	ended error // of Wait; known when done is closed

	mu   sync.Mutex
	said strings.Builder
}

// Start runs cmd until Stop or the end of the test. It returns when the program
// has written the words of ready to its standard error, each in a later line than
// the one before; without any, at once. The error is that it ended before, or was
// not ready in time. What it wrote is logged if the test fails.
func Start(t testing.TB, cmd *exec.Cmd, ready ...string) (*Process, error) {
	t.Helper()
	errs, err := cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &Process{cmd: cmd, done: make(chan struct{})}
	p.end = context.AfterFunc(t.Context(), func() { cmd.Process.Kill() }) // also where Cleanup never comes
	up := make(chan struct{})
	go p.read(errs, ready, up)
	limit := time.NewTimer(patience)
	defer limit.Stop()
	select {
	case <-up:
		t.Cleanup(func() {
			p.Stop()
			if t.Failed() {
				t.Logf("%s wrote:\n%s", filepath.Base(cmd.Path), p.Said())
			}
		})
		return p, nil
	case <-p.done:
		return nil, fmt.Errorf("%s ended:\n%s", cmd.Path, p.Said())
	case <-limit.C:
		p.Stop()
		return nil, fmt.Errorf("%s was not ready within %s:\n%s", cmd.Path, patience, p.Said())
	}
}

// read keeps what the program writes, closes up when the last word of ready has
// come, and done when the program has ended.
func (p *Process) read(errs io.Reader, ready []string, up chan<- struct{}) {
	defer close(p.done)
	if len(ready) == 0 {
		close(up)
	}
	for lines := bufio.NewScanner(errs); lines.Scan(); {
		p.mu.Lock()
		fmt.Fprintln(&p.said, lines.Text())
		p.mu.Unlock()
		if len(ready) > 0 && strings.Contains(lines.Text(), ready[0]) {
			if ready = ready[1:]; len(ready) == 0 {
				close(up)
			}
		}
	}
	p.ended = p.cmd.Wait()
}

// Said is what the program has written to its standard error.
func (p *Process) Said() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.said.String()
}

// Stop kills the program and waits until it is gone. It may be called twice.
func (p *Process) Stop() {
	p.end()
	_ = p.cmd.Process.Kill() // fails if it is gone already
	<-p.done
}

// Terminate asks the program to end, as a service manager does, and waits for that
// up to 20 s. The error is that it did not, or not with exit code 0.
func (p *Process) Terminate() error {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	limit := time.NewTimer(patience)
	defer limit.Stop()
	select {
	case <-p.done:
		return p.ended
	case <-limit.C:
		return fmt.Errorf("%s does not end within %s", p.cmd.Path, patience)
	}
}

// FreePort finds a port of 127.0.0.1 that is free for UDP and TCP. Another
// program may take it before it is used.
func FreePort(t testing.TB) int {
	t.Helper()
	for range 20 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		p, err := net.ListenPacket("udp", l.Addr().String())
		l.Close()
		if err == nil {
			p.Close()
			return l.Addr().(*net.TCPAddr).Port
		}
	}
	t.Fatal("no port is free")
	return 0
}
