package spool

import (
	"github.com/cockroachdb/pebble/v2"
)

// mostWrites bounds what one group commit takes together, so that the first of
// them does not wait for ever more.
const mostWrites = 256

// write is one atomic change of the store.
type write struct {
	batch *pebble.Batch
	sync  bool
	done  chan error // nil: nobody waits
}

// writer is the one goroutine that writes. Whoever waits for it is released when
// the store fails, even if the goroutine itself hangs in the store then.
type writer struct {
	db      *pebble.DB
	failure *failure
	queue   chan write
	closing chan struct{}
	closed  chan struct{}
}

func newWriter(db *pebble.DB, f *failure) *writer {
	w := &writer{db: db, failure: f, queue: make(chan write, mostWrites), closing: make(chan struct{}), closed: make(chan struct{})}
	go w.run()
	return w
}

// do writes b. With sync it returns once b is on stable storage; without, as soon
// as b is in the queue, which keeps the order of writes. It takes b over.
func (w *writer) do(b *pebble.Batch, sync bool) error {
	if err := w.failure.get(); err != nil {
		return err
	}
	one := write{batch: b, sync: sync}
	if sync {
		one.done = make(chan error, 1)
	}
	select {
	case w.queue <- one:
	case <-w.failure.happened:
		return w.failure.get()
	case <-w.closing:
		return ErrClosed
	}
	if !sync {
		return nil
	}
	select {
	case err := <-one.done:
		return err
	case <-w.failure.happened:
		return w.failure.get()
	case <-w.closed:
		select {
		case err := <-one.done:
			return err
		default:
			return ErrClosed
		}
	}
}

func (w *writer) run() {
	defer close(w.closed)
	group := make([]write, 0, mostWrites)
	for {
		select {
		case one := <-w.queue:
			group = append(group[:0], one)
		case <-w.closing:
			for len(w.queue) > 0 {
				w.commit(append(group[:0], <-w.queue))
			}
			return
		}
	more:
		for len(group) < mostWrites {
			select {
			case one := <-w.queue:
				group = append(group, one)
			default:
				break more
			}
		}
		w.commit(group)
		clear(group)
	}
}

// commit makes one write of group and answers everybody in it. Order counts: the
// failure is looked at after the store came back, and before anybody is told.
func (w *writer) commit(group []write) {
	all, sync := group[0].batch, group[0].sync
	var err error
	for _, one := range group[1:] {
		if err == nil {
			err = all.Apply(one.batch, nil)
		}
		one.batch.Close()
		sync = sync || one.sync
	}
	if err == nil {
		err = w.db.Apply(all, &pebble.WriteOptions{Sync: sync})
	}
	if err != nil {
		w.failure.set(err)
	}
	err = w.failure.get()
	all.Close()
	for _, one := range group {
		if one.done != nil {
			one.done <- err
		}
	}
}

// close writes what waits, and ends the goroutine.
func (w *writer) close() {
	close(w.closing)
	select {
	case <-w.closed:
	case <-w.failure.happened:
	}
}
