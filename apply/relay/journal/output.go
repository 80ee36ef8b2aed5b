package journal

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mailrelay/mailrelay/schema"
)

// Options of a Journal.
type Options struct {
	Events io.Writer        // for events where no directory is set; nil: nowhere
	Sinks  []Sink           // get every event besides
	Clock  func() time.Time // nil: time.Now
	Log    *slog.Logger     // nil: none; told when a file cannot be written
}

// Journal writes events and conversations as the revision in force says. Its
// methods may be called concurrently.
type Journal struct {
	o       Options
	buffers sync.Pool
	broken  atomic.Bool // the last write failed

	events  sync.Mutex // of Options.Events
	mu      sync.RWMutex
	set     schema.Log
	files   files
	rev     string
	serial  uint64
	dialogs atomic.Uint64
}

// files are what a log block asks for; nil where it does not.
type files struct{ events, ncsa, receive, send *file }

// New makes a Journal that writes events to o.Events until Prepare says otherwise.
func New(o Options) *Journal {
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	j := &Journal{o: o, set: schema.Log{Formats: []string{"json"}}}
	j.buffers.New = func() any { return new(bytes.Buffer) }
	return j
}

// Prepare makes ready to write as set says. use makes it so; without it nothing
// changes. The error is a directory that cannot be written.
func (j *Journal) Prepare(set schema.Log, revision string, serial uint64) (use func(), err error) {
	j.mu.RLock()
	same := equal(j.set, set)
	next := j.files
	j.mu.RUnlock()
	if !same {
		if next, err = j.open(set); err != nil {
			return nil, err
		}
	}
	return func() {
		j.mu.Lock()
		old := j.files
		j.set, j.files, j.rev, j.serial = set, next, revision, serial
		j.mu.Unlock()
		if !same {
			old.close()
		}
	}, nil
}

func equal(a, b schema.Log) bool {
	return a.Directory == b.Directory && slices.Equal(a.Formats, b.Formats) &&
		a.MaxSize == b.MaxSize && a.MaxAge == b.MaxAge && a.MaxFiles == b.MaxFiles
}

// open makes the files of set; each appears with its first line.
func (j *Journal) open(set schema.Log) (files, error) {
	var out files
	if set.Directory == "" {
		return out, nil
	}
	if err := os.MkdirAll(set.Directory, 0o750); err != nil {
		return out, fmt.Errorf("log: %w", err)
	}
	probe, err := os.CreateTemp(set.Directory, ".probe-*")
	if err != nil {
		return out, fmt.Errorf("log: nothing can be written in %s: %w", filepath.Clean(set.Directory), err)
	}
	if err := errors.Join(probe.Close(), os.Remove(probe.Name())); err != nil {
		return out, fmt.Errorf("log: %w", err)
	}
	if slices.Contains(set.Formats, "json") {
		out.events = newFile("events.json", set, j.o.Clock, nil)
	}
	if slices.Contains(set.Formats, "ncsa") {
		out.ncsa = newFile("ncsa.log", set, j.o.Clock, nil)
	}
	out.receive = newFile("receive.csv", set, j.o.Clock, protocolHead("SMTP Receive Protocol Log"))
	out.send = newFile("send.csv", set, j.o.Clock, protocolHead("SMTP Send Protocol Log"))
	return out, nil
}

func (f files) close() {
	for _, f := range []*file{f.events, f.ncsa, f.receive, f.send} {
		if f != nil {
			_ = f.Close()
		}
	}
}

// Close closes the files. What comes later goes nowhere.
func (j *Journal) Close() {
	j.mu.Lock()
	old := j.files
	j.set, j.files = schema.Log{Directory: "closed"}, files{}
	j.mu.Unlock()
	old.close()
}

// Record implements Sink.
func (j *Journal) Record(e Event) {
	if e.Time.IsZero() {
		e.Time = j.o.Clock()
	}
	e.Time = e.Time.UTC()
	j.mu.RLock()
	defer j.mu.RUnlock()
	if e.Revision == "" {
		e.Revision, e.Serial = j.rev, j.serial
	}
	for _, s := range j.o.Sinks {
		s.Record(e)
	}
	toStderr := j.set.Directory == "" && j.o.Events != nil && slices.Contains(j.set.Formats, "json")
	if j.files.events == nil && !toStderr {
		return
	}
	buf := j.buffers.Get().(*bytes.Buffer)
	defer j.buffers.Put(buf)
	buf.Reset()
	enc := json.NewEncoder(buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(e); err != nil {
		j.wrote(err)
		return
	}
	if j.files.events != nil {
		_, err := j.files.events.Write(buf.Bytes())
		j.wrote(err)
		return
	}
	j.events.Lock()
	defer j.events.Unlock()
	_, _ = j.o.Events.Write(buf.Bytes())
}

// wrote tells the log when writing begins to fail, and when it works again.
func (j *Journal) wrote(err error) {
	switch {
	case err != nil && !j.broken.Swap(true):
		j.o.Log.Error("a log file cannot be written: mail goes on, and its events are lost until it can", "error", err)
	case err == nil && j.broken.Load() && j.broken.Swap(false):
		j.o.Log.Info("log files can be written again")
	}
}
