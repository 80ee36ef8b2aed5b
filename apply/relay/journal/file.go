package journal

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/mailrelay/mailrelay/schema"
)

// file is a log file that is closed at its size and at the end of its day. It is
// safe for concurrent use, and has no goroutine.
type file struct {
	name  string
	max   int64
	keep  keep
	head  func(time.Time) string // what a new file begins with; nil: nothing
	clock func() time.Time

	mu   sync.Mutex
	out  *os.File // nil: not open
	size int64
	day  string // of what the file holds; empty: not known yet
}

const day = "2006-01-02"

func newFile(name string, set schema.Log, clock func() time.Time, head func(time.Time) string) *file {
	return &file{name: filepath.Join(set.Directory, name), max: set.MaxSize, keep: keep{set.MaxAge, set.MaxFiles}, head: head, clock: clock}
}

// Write writes one line, or several that belong together.
func (f *file) Write(line []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := f.clock().UTC()
	if err := f.turn(now, int64(len(line))); err != nil {
		return 0, err
	}
	n, err := f.out.Write(line)
	f.size += int64(n)
	return n, err
}

// turn begins a new file where more does not belong into the one that is there.
func (f *file) turn(now time.Time, more int64) error {
	today := now.Format(day)
	if f.day == "" {
		f.day = today
		switch fi, err := os.Stat(f.name); {
		case err == nil:
			f.size, f.day = fi.Size(), fi.ModTime().UTC().Format(day)
		case !errors.Is(err, fs.ErrNotExist):
			return err
		}
		f.keep.sweep(f.name, now)
	}
	if f.size > 0 && (f.day != today || f.size+more > f.max) {
		if err := errors.Join(f.close(), setAside(f.name, now)); err != nil {
			return err
		}
		f.size = 0
		f.keep.sweep(f.name, now)
	}
	f.day = today
	if f.out == nil {
		if err := f.open(); err != nil {
			return err
		}
	}
	if f.size == 0 && f.head != nil {
		n, err := f.out.WriteString(f.head(now))
		f.size = int64(n)
		return err
	}
	return nil
}

func (f *file) open() error {
	if err := os.MkdirAll(filepath.Dir(f.name), 0o750); err != nil {
		return err
	}
	out, err := os.OpenFile(f.name, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	f.out = out
	return nil
}

// Close closes the file. A line that comes later opens it again.
func (f *file) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.close()
}

func (f *file) close() error {
	if f.out == nil {
		return nil
	}
	out := f.out
	f.out = nil
	return out.Close()
}
