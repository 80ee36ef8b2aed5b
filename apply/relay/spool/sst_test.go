package spool

import (
	"errors"
	"io"
	"log/slog"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
)

// TestTablesThatCannotBeWritten fills memory while nothing of it can be moved to
// the disk: nobody is left waiting.
func TestTablesThatCannotBeWritten(t *testing.T) {
	var broken atomic.Bool
	mem := vfs.NewCrashableMem()
	fs := errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if broken.Load() && strings.HasSuffix(op.Path, ".sst") && op.Kind.ReadOrWrite() == errorfs.OpIsWrite {
			return syscall.ENOSPC
		}
		return nil
	}))
	s := open(t, Options{FS: fs, memTable: small, Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
	l := newLedger()
	wait := load(s, l, nil)
	l.await(20)
	broken.Store(true)
	ended := make(chan []error, 1)
	go func() { ended <- wait() }()
	select {
	case errs := <-ended:
		for _, err := range errs {
			if !errors.Is(err, syscall.ENOSPC) {
				t.Errorf("a session ended with %v", err)
			}
		}
	case <-time.After(3 * time.Minute):
		t.Fatal("sessions hang")
	}
	<-s.Alarm()
	if err := s.Close(); err == nil {
		t.Error("Close says nothing of the failure")
	}
	verify(t, mem.CrashClone(vfs.CrashCloneCfg{}), l.copy())
}
