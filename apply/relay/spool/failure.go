package spool

import (
	"errors"
	"fmt"
	"log/slog"
	"path"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// failure is the first error after which the store cannot be trusted.
//
// Pebble does not return a failed write or sync of its log: it calls
// Logger.Fatalf, of which it assumes that it ends the process, and where that
// returns it goes on as if the write had succeeded (db.go, applyInternal); or it
// panics while it rotates the log, in a state in which the panic cannot be
// recovered (db.go, rotateWAL, whose caller unlocks a mutex that is not locked).
// So the goroutine in which it happens must not go on: it is parked, and everybody
// who waits for it is released by happened.
type failure struct {
	once     sync.Once
	err      error // valid once happened is closed
	happened chan struct{}
	armed    atomic.Bool // false while the store opens: errors are returned then
	log      *slog.Logger
	damaged  sync.Map // paths of files that were said to be damaged
}

func newFailure(log *slog.Logger) *failure {
	return &failure{happened: make(chan struct{}), log: log}
}

func (f *failure) get() error {
	select {
	case <-f.happened:
		return f.err
	default:
		return nil
	}
}

// set records err if it is the first one.
func (f *failure) set(err error) {
	f.once.Do(func() {
		f.err = fmt.Errorf("the queue can no longer be written, and takes no mail until mailrelay is started again: %w", err)
		f.log.Error("the queue failed", "error", err)
		close(f.happened)
	})
}

// park records err and does not return, unless the store is still being opened.
func (f *failure) park(err error) {
	if !f.armed.Load() {
		return
	}
	f.set(err)
	select {}
}

// logger is what Pebble reports to.
type logger struct{ f *failure }

func (l logger) Infof(string, ...any) {}

func (l logger) Errorf(format string, args ...any) {
	l.f.log.Warn("queue store", "message", fmt.Sprintf(format, args...))
}

func (l logger) Fatalf(format string, args ...any) {
	l.f.park(fmt.Errorf(format, args...))
}

// watchedFS parks whoever fails to write, sync or create a log of Pebble, or to
// sync its directory, before Pebble sees the error.
type watchedFS struct {
	vfs.FS
	f *failure
}

func (fs watchedFS) Unwrap() vfs.FS { return fs.FS }

func (fs watchedFS) watch(name string, file vfs.File, err error) (vfs.File, error) {
	if !strings.HasSuffix(name, ".log") {
		return file, err
	}
	if err != nil {
		fs.f.park(fmt.Errorf("create %s: %w", name, err))
		return nil, err
	}
	return watchedFile{file, name, fs.f}, nil
}

func (fs watchedFS) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	if strings.HasPrefix(path.Base(name), "marker.") {
		// It tells which file is the newest manifest. That file itself must be in the
		// folder first, whatever comes in between, and Pebble does not see to it.
		if err := fs.syncDir(path.Dir(name)); err != nil {
			return nil, err
		}
	}
	file, err := fs.FS.Create(name, c)
	return fs.watch(name, file, err)
}

func (fs watchedFS) ReuseForWrite(old, name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	file, err := fs.FS.ReuseForWrite(old, name, c)
	return fs.watch(name, file, err)
}

func (fs watchedFS) syncDir(name string) error {
	d, err := fs.OpenDir(name)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func (fs watchedFS) OpenDir(name string) (vfs.File, error) {
	file, err := fs.FS.OpenDir(name)
	if err != nil {
		return nil, err
	}
	return watchedFile{file, name, fs.f}, nil
}

type watchedFile struct {
	vfs.File
	name string
	f    *failure
}

func (w watchedFile) check(op string, err error) error {
	if err != nil {
		w.f.park(fmt.Errorf("%s %s: %w", op, w.name, err))
	}
	return err
}

func (w watchedFile) Write(p []byte) (int, error) {
	n, err := w.File.Write(p)
	return n, w.check("write", err)
}

func (w watchedFile) Sync() error     { return w.check("sync", w.File.Sync()) }
func (w watchedFile) SyncData() error { return w.check("sync", w.File.SyncData()) }
func (w watchedFile) Close() error    { return w.check("close", w.File.Close()) }

func (w watchedFile) SyncTo(length int64) (bool, error) {
	full, err := w.File.SyncTo(length)
	return full, w.check("sync", err)
}
