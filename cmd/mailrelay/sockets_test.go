package main

import (
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/mailrelay/mailrelay/apply/relay"
	"github.com/mailrelay/mailrelay/plan/observe/dnstest/daemon"
)

// passed is a listener as a supervisor passes it: its file.
func passed(t *testing.T, network, address string) (*os.File, string) {
	t.Helper()
	l, err := net.Listen(network, address)
	if err != nil {
		t.Skipf("this machine cannot listen on %s: %v", address, err)
	}
	defer l.Close()
	f, err := l.(interface{ File() (*os.File, error) }).File()
	if err != nil {
		t.Skipf("this system cannot pass sockets: %v", err)
	}
	t.Cleanup(func() { f.Close() })
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return f, port
}

func TestInherit(t *testing.T) {
	four, port4 := passed(t, "tcp4", "127.0.0.1:0")
	both, portBoth := passed(t, "tcp", "[::]:0")
	six, port6 := passed(t, "tcp6", "[::]:0")
	all, err := inherit([]*os.File{four, both, six})
	if err != nil {
		t.Fatal(err)
	}
	taken := errors.New("the address is in use")
	opened := ""
	next := func(_ context.Context, network, address string) (net.Listener, error) {
		if opened = network + " " + address; strings.HasPrefix(address, "10.") {
			return nil, taken
		}
		return &net.TCPListener{}, nil
	}
	for _, tt := range []struct {
		network, address string
		want             string // "inherited", "covered", "opened" or what the error says
	}{
		{"tcp4", "127.0.0.1:" + port4, "inherited"},
		{"tcp4", "127.0.0.1:" + port4, "inherited"}, // again, after the first was closed
		{"tcp6", "[::]:" + portBoth, "inherited"},
		{"tcp4", "0.0.0.0:" + portBoth, "covered"},
		{"tcp6", "[::]:" + port6, "inherited"},
		{"tcp4", "0.0.0.0:" + port6, "opened"},
		{"tcp4", "127.0.0.2:1", "opened"},
		{"unix", "/run/x", "opened"},
		{"tcp4", "10.0.0.1:" + portBoth, "in use; the supervisor passed a socket for [::]:" + portBoth},
		{"tcp4", "10.0.0.1:1", "in use"},
	} {
		opened = ""
		l, err := all.listen(next)(t.Context(), tt.network, tt.address)
		got := "inherited"
		switch {
		case errors.Is(err, relay.ErrCovered):
			got = "covered"
		case err != nil:
			got = err.Error()
		case opened != "":
			got = "opened"
		default:
			l.Close()
		}
		if !strings.Contains(got, tt.want) {
			t.Errorf("%s %s: %s, want %s", tt.network, tt.address, got, tt.want)
		}
	}
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	if _, err := inherit([]*os.File{null}); err == nil {
		t.Error("a file that is no socket is taken for one")
	}
}

// TestSystemd runs the relay as systemd does, with a socket that outlives it, and
// listens to what it says of itself.
func TestSystemd(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux has systemd")
	}
	s := newSite(t)
	f, port := passed(t, "tcp4", "127.0.0.1:0")
	s.addr = "127.0.0.1:" + port
	s.apply(sigkillConfigTo("127.0.0.1:1"))
	dir, err := os.MkdirTemp("", "notify") // short enough for the name of a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	notify, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: filepath.Join(dir, "s"), Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer notify.Close()
	hears := func(want string) {
		t.Helper()
		_ = notify.SetReadDeadline(time.Now().Add(patience))
		buf := make([]byte, 4096)
		for {
			n, err := notify.Read(buf)
			if err != nil {
				t.Fatalf("the relay does not say %s: %v", want, err)
			}
			if strings.Contains(string(buf[:n]), want) {
				return
			}
		}
	}
	start := func() *daemon.Process {
		t.Helper()
		cmd := exec.Command("sh", "-c", `LISTEN_PID=$$ exec "$0" serve -state="$1"`, mustLook(t, "mailrelay"), s.state)
		cmd.Dir = t.TempDir()
		cmd.Env = []string{"LISTEN_FDS=1", "NOTIFY_SOCKET=" + filepath.Join(dir, "s"), "WATCHDOG_USEC=" + strconv.Itoa(30_000_000)}
		cmd.ExtraFiles = []*os.File{f}
		p, err := daemon.Start(t, cmd, "a revision is in force")
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	greeted := func() {
		t.Helper()
		c, err := net.DialTimeout("tcp", s.addr, patience)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		_ = c.SetDeadline(time.Now().Add(patience))
		buf := make([]byte, 3)
		if _, err := c.Read(buf); err != nil || string(buf) != "220" {
			t.Errorf("the greeting is %q, %v", buf, err)
		}
	}
	first := start()
	hears("READY=1\nSTATUS=Revision 1 (")
	greeted()
	hears("WATCHDOG=1")
	s.apply(sigkillConfigTo("127.0.0.1:2"))
	hears("RELOADING=1\nMONOTONIC_USEC=")
	hears("READY=1\nSTATUS=Revision 2 (")
	greeted()
	if err := first.Terminate(); err != nil {
		t.Fatal(err)
	}
	hears("STOPPING=1")
	// Nobody is turned away while no relay runs: the socket is still there.
	waits, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer waits.Close()
	start()
	_ = waits.SetDeadline(time.Now().Add(patience))
	buf := make([]byte, 3)
	if _, err := waits.Read(buf); err != nil || string(buf) != "220" {
		t.Errorf("who connected between two relays reads %q, %v", buf, err)
	}
}

func sigkillConfigTo(sink string) string { return strings.ReplaceAll(sigkillConfig, "$SINK", sink) }

func mustLook(t *testing.T, program string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		t.Fatal(err)
	}
	return path
}
