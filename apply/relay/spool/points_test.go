package spool

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
)

// play is the life of a queue in short: it is opened, takes messages, small and
// large, changes and forgets some, is closed, and opened again. It ends at the
// first error. What l holds was answered with 250 and is not settled. open tells
// whether the queue is open.
func play(fs vfs.FS, l *ledger, open *atomic.Bool) error {
	var ids []string
	for range 2 {
		s, err := Open("spool", Options{FS: fs, MinFree: 1, memTable: small})
		if err != nil {
			return err
		}
		open.Store(true)
		for n := range 10 {
			content := bytes.Repeat([]byte{byte(n)}, 3000)
			if n%2 == 1 {
				content = bytes.Repeat(content, 50) // chunks, and enough of them to fill memory tables
			}
			env, _, err := put(s, content)
			if err != nil {
				return errors.Join(err, s.Close())
			}
			l.add(env.ID, content)
			ids = append(ids, env.ID)
			env.Tries++
			err = s.Update(env)
			if n%3 == 2 {
				l.forget(ids[0])
				err = errors.Join(err, s.Remove(ids[0]))
				ids = ids[1:]
			}
			if err != nil {
				return errors.Join(err, s.Close())
			}
		}
		err = s.Close()
		open.Store(false)
		if err != nil {
			return err
		}
	}
	return nil
}

// forget is the end of a message: from now on it may be there or not.
func (l *ledger) forget(id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.told, id)
}

// copyOver copies the disk, where what was told is on it in any case: what is
// settled meanwhile does not count.
func (l *ledger) copyOver(copy func() vfs.FS) (vfs.FS, map[string][]byte) {
	told := l.copy()
	disk := copy()
	after := l.copy()
	for id := range told {
		if _, ok := after[id]; !ok {
			delete(told, id)
		}
	}
	return disk, told
}

// TestCrashAtEverySync cuts the power right before each sync of the disk, and right
// after it.
func TestCrashAtEverySync(t *testing.T) {
	for _, kept := range []int{0, 50} { // percent of what was not synced that the disk keeps all the same
		t.Run(fmt.Sprint(kept), func(t *testing.T) {
			type crash struct {
				disk vfs.FS
				told map[string][]byte
				seen chan struct{}
			}
			crashes := make(chan crash)
			l := newLedger()
			mem := vfs.NewCrashableMem()
			n := uint64(0)
			cut := func() {
				disk, told := l.copyOver(func() vfs.FS {
					return mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: kept, RNG: rand.New(rand.NewPCG(1, atomic.AddUint64(&n, 1)))})
				})
				c := crash{disk, told, make(chan struct{})}
				crashes <- c
				<-c.seen
			}
			fs := errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
				switch op.Kind {
				case errorfs.OpFileSync, errorfs.OpFileSyncData, errorfs.OpFileSyncTo:
					cut()
				}
				return nil
			}))
			ended := make(chan error, 1)
			go func() {
				defer close(crashes)
				err := play(fs, l, new(atomic.Bool))
				cut()
				ended <- err
			}()
			for c := range crashes {
				verify(t, c.disk, c.told)
				close(c.seen)
			}
			if err := <-ended; err != nil {
				t.Error(err)
			}
			if n < 20 {
				t.Errorf("the disk was synced %d times only", n)
			}
			if len(l.copy()) == 0 {
				t.Error("nothing was kept")
			}
		})
	}
}

// TestErrorAtAnyCall lets calls of the disk fail, one by one and from one on for
// good: whatever was answered with 250 before is there when the disk is well again.
// While the queue is being opened none fails: nothing has been answered then, and
// Pebble goes on in the background where its Open has failed.
func TestErrorAtAnyCall(t *testing.T) {
	run := func(t *testing.T, fails func(n int64) error) (calls int64) {
		t.Helper()
		mem := vfs.NewCrashableMem()
		var n atomic.Int64
		var open atomic.Bool
		fs := errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
			if !open.Load() || op.Kind == errorfs.OpFileClose {
				return nil
			}
			return fails(n.Add(1))
		}))
		l := newLedger()
		ended := make(chan error, 1)
		go func() { ended <- play(fs, l, &open) }()
		select {
		case <-ended: // with an error or without
		case <-time.After(3 * time.Minute):
			t.Fatal("it hangs")
		}
		disk, told := l.copyOver(func() vfs.FS { return mem.CrashClone(vfs.CrashCloneCfg{}) })
		verify(t, disk, told)
		return n.Load()
	}
	all := run(t, func(int64) error { return nil })
	const points = 8
	for i := range int64(points) {
		at := 1 + i*all/points
		for _, errno := range []syscall.Errno{syscall.EIO, syscall.ENOSPC} {
			t.Run(fmt.Sprintf("%d of %d, once: %s", at, all, errno), func(t *testing.T) {
				run(t, func(n int64) error {
					if n == at {
						return errno
					}
					return nil
				})
			})
		}
		t.Run(fmt.Sprintf("%d of %d, and all after it", at, all), func(t *testing.T) {
			run(t, func(n int64) error {
				if n >= at {
					return syscall.ENOSPC
				}
				return nil
			})
		})
	}
}
