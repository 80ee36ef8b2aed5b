package spool

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/cockroachdb/pebble/v2/record"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// walBlock is the size of the blocks of a log of Pebble: what is damaged in one
// leaves the others readable (package record).
const walBlock = 32 << 10

// salvage mends the logs in dir that are damaged in the middle, of which Pebble
// would open none: each is written anew from what can be read of it, and the
// damaged one is kept beside it. It reports whether there was any.
func salvage(fs vfs.FS, dir string, log *slog.Logger) (mended bool, err error) {
	names, err := fs.List(dir)
	if err != nil {
		return false, err
	}
	slices.Sort(names) // numbers of a fixed width: the newest is last
	names = slices.DeleteFunc(names, func(n string) bool { return !strings.HasSuffix(n, ".log") })
	for i, name := range names {
		num, err := strconv.ParseUint(strings.TrimSuffix(name, ".log"), 10, 64)
		if err != nil {
			continue
		}
		w := wal{fs, dir, name, num}
		damaged, err := w.damaged(i == len(names)-1)
		if err != nil {
			return mended, err
		}
		if !damaged {
			continue
		}
		kept, lost, err := w.mend()
		if err != nil {
			return mended, fmt.Errorf("mend %s: %w", name, err)
		}
		mended = true
		log.Error("a log of the queue is damaged: messages that were only there may be lost, all others are served",
			"log", path.Join(dir, name), "damaged_bytes", lost, "records_kept", kept, "damaged_file", path.Join(dir, name+aside))
	}
	return mended, nil
}

// aside is what is put behind the name of a damaged log.
const aside = ".damaged"

type wal struct {
	fs   vfs.FS
	dir  string
	name string
	num  uint64
}

// reader reads the records of a log. N is a type that Pebble keeps to itself.
func reader[N ~uint64](open func(io.Reader, N) *record.Reader, r io.Reader, num uint64) *record.Reader {
	return open(r, N(num))
}

func (w wal) open() (vfs.File, error) { return w.fs.Open(path.Join(w.dir, w.name)) }

// damaged reads a log as Pebble does. The newest may end anywhere: what is cut off
// was not synced.
func (w wal) damaged(newest bool) (bool, error) {
	f, err := w.open()
	if err != nil {
		return false, err
	}
	defer f.Close()
	_, err = each(reader(record.NewReader, f, w.num), func([]byte) error { return nil })
	switch {
	case errors.Is(err, record.ErrInvalidChunk), errors.Is(err, record.ErrZeroedChunk):
		return true, nil
	case errors.Is(err, record.ErrUnexpectedEOF):
		return !newest, nil
	}
	return false, err
}

// each calls f for the records of r, and gives where the last one began. The error
// is nil at the end of the log.
func each(r *record.Reader, f func([]byte) error) (offset int64, err error) {
	for {
		offset = r.Offset() // before it reads ahead to find out what an error means
		one, err := r.Next()
		if err == io.EOF {
			return offset, nil
		}
		var raw []byte
		if err == nil {
			raw, err = io.ReadAll(one)
		}
		if err == nil {
			err = f(raw)
		}
		if err != nil {
			return offset, err
		}
	}
}

// mend writes the log anew. lost is how many bytes could not be read, as a whole
// block each.
func (w wal) mend() (kept int, lost int64, err error) {
	f, err := w.open()
	if err != nil {
		return 0, 0, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return 0, 0, err
	}
	name := path.Join(w.dir, w.name)
	out, err := w.fs.Create(name+".new", "pebble-wal")
	if err != nil {
		return 0, 0, err
	}
	anew := record.NewWriter(out)
	for at := int64(0); at < info.Size(); {
		section := io.NewSectionReader(f, at, info.Size()-at)
		end, err := each(reader(record.NewReader, section, w.num), func(raw []byte) error {
			kept++
			_, err := anew.WriteRecord(raw)
			return err
		})
		switch {
		case err == nil:
			at = info.Size()
		case errors.Is(err, record.ErrInvalidChunk), errors.Is(err, record.ErrZeroedChunk), errors.Is(err, record.ErrUnexpectedEOF):
			at += (end/walBlock + 1) * walBlock
			lost += walBlock
		default:
			return kept, lost, errors.Join(err, out.Close())
		}
	}
	err = errors.Join(anew.Close(), out.Sync(), out.Close())
	if err == nil {
		err = w.fs.Rename(name, name+aside)
	}
	if err == nil {
		err = w.fs.Rename(name+".new", name)
	}
	if err != nil {
		return kept, lost, err
	}
	d, err := w.fs.OpenDir(w.dir)
	if err != nil {
		return kept, lost, err
	}
	return kept, lost, errors.Join(d.Sync(), d.Close())
}
