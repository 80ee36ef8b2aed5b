package spool

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math/rand/v2"
	"path"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
)

// small is a memory table that is rotated every few messages.
const small = 512 << 10

// ledger is what clients were told.
type ledger struct {
	mu   sync.Mutex
	more sync.Cond
	told map[string][]byte
}

func newLedger() *ledger {
	l := &ledger{told: map[string][]byte{}}
	l.more.L = &l.mu
	return l
}

// await waits for n more messages.
func (l *ledger) await(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for n += len(l.told); len(l.told) < n; {
		l.more.Wait()
	}
}

func (l *ledger) add(id string, content []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.told[id] = content
	l.more.Signal()
}

func (l *ledger) copy() map[string][]byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	return maps.Clone(l.told)
}

// load commits from several goroutines until stop or the first error, which it
// gives.
func load(s *Spool, l *ledger, stop <-chan struct{}) (wait func() []error) {
	const sessions = 8
	var wg sync.WaitGroup
	errs := make([]error, sessions)
	for i := range sessions {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(i), 7))
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				size := rng.IntN(8 << 10)
				if n%16 == 0 {
					size = chunk + rng.IntN(3*chunk)
				}
				content := bytes.Repeat([]byte{byte(i), byte(n)}, size/2)
				env, _, err := put(s, content)
				if err != nil {
					errs[i] = err
					return
				}
				l.add(env.ID, content)
				if n%3 == 0 {
					env.Tries = n
					_ = s.Update(env)
				}
			}
		})
	}
	return func() []error { wg.Wait(); return errs }
}

// verify opens fs as after a crash, and looks for everything that was told.
func verify(t *testing.T, fs vfs.FS, told map[string][]byte) {
	t.Helper()
	s := open(t, Options{FS: fs})
	defer closed(t, s)
	lost := 0
	for id, want := range told {
		if kept, err := s.has(id); err != nil || !kept {
			lost++
			continue
		}
		if got, err := read(s, id); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s came back with %d bytes of %d: %v", id, len(got), len(want), err)
		}
	}
	if lost > 0 {
		t.Errorf("%d of %d messages are lost", lost, len(told))
	}
}

func TestCrashLosesNothingThatWasCommitted(t *testing.T) {
	for _, kept := range []int{0, 50} { // percent of what was not synced that the disk keeps all the same
		t.Run(fmt.Sprint(kept), func(t *testing.T) {
			fs := vfs.NewCrashableMem()
			s := open(t, Options{FS: fs, memTable: small})
			l := newLedger()
			stop := make(chan struct{})
			wait := load(s, l, stop)
			type crash struct {
				disk vfs.FS
				told map[string][]byte
			}
			var crashes []crash
			for n := range 5 {
				l.await(40)
				told := l.copy() // before the disk is looked at: what was told by then must be on it
				crashes = append(crashes, crash{fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: kept, RNG: rand.New(rand.NewPCG(1, uint64(n)))}), told})
			}
			close(stop)
			for _, err := range wait() {
				if err != nil {
					t.Error(err)
				}
			}
			closed(t, s)
			for _, c := range crashes {
				verify(t, c.disk, c.told)
			}
		})
	}
}

// TestFailedWriteIsNeverAcknowledged breaks the log in each way in which a disk
// can break it. Pebble alone gives nil for the synced ones, and ends the process
// for those that show when it changes to a new log.
func TestFailedWriteIsNeverAcknowledged(t *testing.T) {
	tests := []struct {
		name string
		ops  []errorfs.OpKind
		dir  bool // the directory's sync breaks, not the log's
	}{
		{"sync", []errorfs.OpKind{errorfs.OpFileSync, errorfs.OpFileSyncData, errorfs.OpFileSyncTo}, false},
		{"write", []errorfs.OpKind{errorfs.OpFileWrite}, false},
		{"create", []errorfs.OpKind{errorfs.OpCreate, errorfs.OpReuseForWrite}, false},
		{"directory", []errorfs.OpKind{errorfs.OpFileSync}, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var broken atomic.Bool
			mem := vfs.NewCrashableMem()
			fs := errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
				if !broken.Load() || tt.dir != (path.Base(op.Path) == "spool") || !tt.dir && !strings.HasSuffix(op.Path, ".log") {
					return nil
				}
				for _, kind := range tt.ops {
					if op.Kind == kind {
						return errorfs.ErrInjected
					}
				}
				return nil
			}))
			s := open(t, Options{FS: fs, memTable: small, Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
			l := newLedger()
			wait := load(s, l, nil)
			l.await(100)
			broken.Store(true)
			for _, err := range wait() { // every session ends with an error: none hangs, none is told 250
				if err == nil {
					t.Error("a session ended without an error")
				}
			}
			<-s.Alarm()
			if err := s.Failed(); !errors.Is(err, errorfs.ErrInjected) {
				t.Errorf("Failed gives %v", err)
			}
			broken.Store(false) // a disk that is well again does not make the store trustworthy
			if _, _, err := put(s, []byte("x")); err == nil {
				t.Error("a commit after the failure succeeded")
			}
			if err := s.Close(); err == nil {
				t.Error("Close says nothing of the failure")
			}
			verify(t, mem.CrashClone(vfs.CrashCloneCfg{}), l.copy())
		})
	}
}

// TestFailedCloseIsAnError breaks the log while the store closes: Close gives the
// error, and the caller does not hang.
func TestFailedCloseIsAnError(t *testing.T) {
	for name, ops := range map[string][]errorfs.OpKind{
		"sync":  {errorfs.OpFileSync, errorfs.OpFileSyncData, errorfs.OpFileSyncTo},
		"write": {errorfs.OpFileWrite},
	} {
		t.Run(name, func(t *testing.T) {
			var broken atomic.Bool
			mem := vfs.NewCrashableMem()
			fs := errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
				if broken.Load() && strings.HasSuffix(op.Path, ".log") && slices.Contains(ops, op.Kind) {
					return errorfs.ErrInjected
				}
				return nil
			}))
			s := open(t, Options{FS: fs})
			env, _, err := put(s, []byte("x"))
			if err != nil {
				t.Fatal(err)
			}
			disk := mem.CrashClone(vfs.CrashCloneCfg{})
			broken.Store(true)
			env.Tries = 1
			_ = s.Update(env) // it waits for nothing: Close must write it
			ended := make(chan error, 1)
			go func() { ended <- s.Close() }()
			select {
			case err := <-ended:
				if !errors.Is(err, errorfs.ErrInjected) {
					t.Errorf("Close gives %v", err)
				}
			case <-time.After(20 * time.Second):
				t.Fatal("Close hangs")
			}
			verify(t, disk, map[string][]byte{env.ID: []byte("x")})
		})
	}
}
