package journal

import (
	"os"
	"path/filepath"
	"sync"
	"time"

	"gopkg.in/natefinch/lumberjack.v2"

	"github.com/mailrelay/mailrelay/schema"
)

// file is a log file that is closed at its size and at the end of its day. It is
// safe for concurrent use.
type file struct {
	max   int64
	head  func(time.Time) string // what a new file begins with; nil: nothing
	clock func() time.Time

	mu   sync.Mutex
	out  lumberjack.Logger // which names, sweeps and compresses nothing by itself
	size int64
	day  string // of what the file holds; empty: not known yet
	last time.Time
}

const day = "2006-01-02"

func newFile(name string, set schema.Log, clock func() time.Time, head func(time.Time) string) *file {
	f := &file{max: set.MaxSize, head: head, clock: clock}
	f.out = lumberjack.Logger{
		Filename: filepath.Join(set.Directory, name), MaxBackups: set.MaxFiles,
		MaxSize: int(set.MaxSize>>20) + 2, // MiB; never reached, file is quicker
		MaxAge:  int((set.MaxAge + 24*time.Hour - 1) / (24 * time.Hour)),
	}
	return f
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
		if fi, err := os.Stat(f.out.Filename); err == nil {
			f.size, f.day = fi.Size(), fi.ModTime().UTC().Format(day)
		}
	}
	if f.size > 0 && (f.day != today || f.size+more > f.max) {
		// The names of closed files have milliseconds of the system's clock, and a
		// second one of the same name would take the place of the first.
		time.Sleep(time.Until(f.last.Add(2 * time.Millisecond)))
		if err := f.out.Rotate(); err != nil {
			return err
		}
		f.last = time.Now()
		f.size = 0
	}
	f.day = today
	if f.size == 0 && f.head != nil {
		n, err := f.out.Write([]byte(f.head(now)))
		f.size = int64(n)
		return err
	}
	return nil
}

func (f *file) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.out.Close()
}
