package daemon

import (
	"os/exec"
	"strings"
	"testing"
)

func TestStart(t *testing.T) {
	sh := Find(t, "sh")
	p, err := Start(t, exec.Command(sh, "-c", "echo one >&2; echo two >&2; exec sleep 600"), "one", "two")
	if err != nil {
		t.Fatal(err)
	}
	p.Stop()
	p.Stop()
	if got := p.Said(); got != "one\ntwo\n" {
		t.Errorf("it said %q", got)
	}
}

func TestStartFails(t *testing.T) {
	sh := Find(t, "sh")
	_, err := Start(t, exec.Command(sh, "-c", "echo the port is taken >&2"), "ready")
	if err == nil || !strings.Contains(err.Error(), "the port is taken") {
		t.Errorf("error %v, want what the program wrote", err)
	}
}

func TestTerminate(t *testing.T) {
	sh := Find(t, "sh")
	for _, tt := range []struct {
		script string
		ok     bool
	}{
		{"trap 'exit 0' TERM; echo ready >&2; while :; do sleep 0.01; done", true},
		{"echo ready >&2; exec sleep 600", false},
	} {
		p, err := Start(t, exec.Command(sh, "-c", tt.script), "ready")
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Terminate(); (err == nil) != tt.ok {
			t.Errorf("%s: error %v", tt.script, err)
		}
	}
}
