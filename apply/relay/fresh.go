package relay

import (
	"bytes"
	"log/slog"
	"slices"
	"sync"
	"time"
)

// fresh is something made of files that may change while a relay runs: a
// certificate, a key, a list of users. It is read again when it is asked for. What
// cannot be used leaves what is in use in use, and the log says so, once. It is safe
// for concurrent use.
type fresh[T any] struct {
	what  string // as the log calls it: "the certificate"
	attrs []any  // of the log
	every time.Duration
	read  func() ([][]byte, error)
	make  func([][]byte) (T, error)
	clock func() time.Time
	log   *slog.Logger

	mu    sync.Mutex
	asked time.Time
	raw   [][]byte // of which value was made
	value T
	bad   string // why what was read last is of no use
}

// start reads it for the first time. An error is one of read or of make.
func (f *fresh[T]) start() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked = f.clock()
	raw, err := f.read()
	if err != nil {
		return err
	}
	value, err := f.make(raw)
	if err != nil {
		return err
	}
	f.raw, f.value = raw, value
	return nil
}

// now gives it, read again if the last reading is every ago.
func (f *fresh[T]) now() T {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := f.clock()
	if now.Sub(f.asked) < f.every {
		return f.value
	}
	f.asked = now
	raw, err := f.read()
	if err == nil && slices.EqualFunc(raw, f.raw, bytes.Equal) {
		f.bad = ""
		return f.value
	}
	var value T
	if err == nil {
		value, err = f.make(raw)
	}
	switch {
	case err == nil:
		f.raw, f.value, f.bad = raw, value, ""
		f.log.Info("what "+f.what+" is made of has changed, and is in use", f.attrs...)
	case err.Error() != f.bad:
		f.bad = err.Error()
		f.log.Error("what "+f.what+" is made of has changed and cannot be used: the one before stays in use", append(slices.Clip(f.attrs), "error", err)...)
	}
	return f.value
}

// single is read of a single file.
func single(read func() ([]byte, error)) func() ([][]byte, error) {
	return func() ([][]byte, error) {
		raw, err := read()
		return [][]byte{raw}, err
	}
}
