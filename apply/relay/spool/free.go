package spool

import (
	"fmt"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// freeEvery is how long an answer about free space is good for.
const freeEvery = time.Second

// space watches the free space of the disk. Once there is too little, there is
// enough again only when an eighth more is free: a disk around the limit does not
// make the answer change with every message.
type space struct {
	fs    vfs.FS
	dir   string
	min   int64 // bytes; below zero: no limit
	clock func() time.Time

	mu    sync.Mutex
	asked time.Time
	err   error
}

// Free is ErrFull, wrapped with the numbers, while there is too little free space
// for another message. Where the system does not tell, there is enough.
func (s *Spool) Free() error { return s.free.check() }

func (f *space) check() error {
	if f.min < 0 {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	now := f.clock()
	if since := now.Sub(f.asked); !f.asked.IsZero() && 0 <= since && since < freeEvery {
		return f.err
	}
	need := uint64(f.min)
	if f.err != nil {
		need += need / 8
	}
	f.asked, f.err = now, nil
	if u, err := f.fs.GetDiskUsage(f.dir); err == nil && u.AvailBytes < need {
		f.err = fmt.Errorf("%w: %d MiB are free, and it needs %d MiB", ErrFull, u.AvailBytes>>20, need>>20)
	}
	return f.err
}
