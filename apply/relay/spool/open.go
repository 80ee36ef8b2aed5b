package spool

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

const (
	minFree = 512 << 20
	// memTable is how much is written before the store moves it out of memory. Most
	// messages are delivered, and gone, before that.
	memTable = 32 << 20
)

// Open opens the queue in dir and makes it if it is not there. Another process
// that has it open is an error. Whoever opens it closes it.
func Open(dir string, o Options) (*Spool, error) {
	if o.FS == nil {
		o.FS = vfs.Default
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.MinFree == 0 {
		o.MinFree = minFree
	}
	if o.memTable == 0 {
		o.memTable = memTable
	}
	s := &Spool{
		dir: dir, log: o.Log, clock: o.Clock, failure: newFailure(o.Log),
		ids:   ids{clock: o.Clock},
		free:  space{fs: o.FS, dir: dir, min: o.MinFree, clock: o.Clock},
		parts: map[string]uint32{},
	}
	s.buffers.New = func() any { b := make([]byte, 0, chunk); return &b }
	options := func() *pebble.Options { return store(watchedFS{o.FS, s.failure}, s.failure, o.memTable) }
	db, err := openStore(dir, options())
	if pebble.IsCorruptionError(err) {
		mended, e := salvage(o.FS, dir, o.Log)
		if err = errors.Join(err, e); mended && e == nil {
			db, err = openStore(dir, options())
		}
	}
	if err != nil {
		return nil, fmt.Errorf("open the queue in %s: %w", dir, err)
	}
	s.db = db
	if err := s.sweep(); err != nil {
		db.Close()
		return nil, fmt.Errorf("read the queue in %s: %w", dir, err)
	}
	s.failure.armed.Store(true)
	s.writes = newWriter(db, s.failure)
	return s, nil
}

// openStore is pebble.Open. Where a disk fails in the middle of it, that panics
// (vfs/atomicfs, Marker.Move); here it is an error too.
func openStore(dir string, o *pebble.Options) (db *pebble.DB, err error) {
	defer func() {
		if p := recover(); p != nil {
			db, err = nil, fmt.Errorf("%v", p)
		}
	}()
	return pebble.Open(dir, o)
}

// store are the options of a store whose keys live for a moment: little is read,
// nothing is read twice, and files are dropped as a whole.
func store(fs vfs.FS, f *failure, memTable uint64) *pebble.Options {
	log := logger{f}
	o := &pebble.Options{
		FS:                          fs,
		Logger:                      log,
		FormatMajorVersion:          pebble.FormatNewest,
		CacheSize:                   4 << 20,
		MaxOpenFiles:                256,
		MemTableSize:                memTable,
		MemTableStopWritesThreshold: 4,
		L0CompactionThreshold:       4,
		L0StopWritesThreshold:       64,
		LBaseMaxBytes:               64 << 20,
		DisableTableStats:           true,
		EventListener: &pebble.EventListener{
			// Pebble would try for ever to move its memory to a disk that does not take it,
			// and whoever commits would wait for ever when memory is full.
			FlushEnd: func(i pebble.FlushInfo) {
				if i.Err != nil {
					f.park(fmt.Errorf("move what is in memory to the disk: %w", i.Err))
				}
			},
			// A damaged file costs the messages in it, which are reported where they
			// are read; it must not end the process.
			DataCorruption: func(i pebble.DataCorruptionInfo) {
				if _, said := f.damaged.LoadOrStore(i.Path, true); !said {
					f.log.Error("a file of the queue is damaged", "file", i.Path, "error", i.Details)
				}
			},
		},
	}
	o.ApplyCompressionSettings(func() pebble.DBCompressionSettings { return pebble.DBCompressionNone })
	return o
}
