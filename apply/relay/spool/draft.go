package spool

import (
	"encoding/json"
	"fmt"
)

// chunk is how much of a message is held in memory and stored in one piece, in
// bytes. A message that is not larger is small: it is one write.
const chunk = 64 << 10

// Draft is a message on its way in. It is for one goroutine.
type Draft struct {
	s     *Spool
	id    string
	buf   *[]byte // from the pool; nil once committed or aborted
	size  int64
	parts uint32 // chunks written so far
	err   error  // the first error of Write
}

// New begins a message. The caller ends it by Commit or Abort; Abort after Commit
// does nothing.
func (s *Spool) New() *Draft {
	return &Draft{s: s, id: s.ids.next(), buf: s.buffers.Get().(*[]byte)}
}

// ID is the queue id that the message will have.
func (d *Draft) ID() string { return d.id }

// Write adds to the content. It is ErrFull when the disk runs full on the way.
func (d *Draft) Write(p []byte) (int, error) {
	if d.buf == nil {
		return 0, ErrClosed
	}
	done := 0
	for d.err == nil && done < len(p) {
		buf := *d.buf
		if len(buf) == chunk {
			d.err = d.flush()
			continue
		}
		n := min(chunk-len(buf), len(p)-done)
		*d.buf = append(buf, p[done:done+n]...)
		done += n
	}
	d.size += int64(done)
	return done, d.err
}

// flush writes the chunk in memory without waiting for the disk.
func (d *Draft) flush() error {
	if err := d.s.Free(); err != nil {
		return err
	}
	b := d.s.db.NewBatchWithSize(len(*d.buf) + 64)
	if err := b.Set(chunkKey(d.id, d.parts), *d.buf, nil); err != nil {
		return err
	}
	*d.buf = (*d.buf)[:0]
	d.parts++
	return d.s.writes.do(b, false)
}

// Commit stores the message under env, whose ID, Size and, if zero, Received it
// sets. When it returns nil the message is on stable storage. A small message is
// given back as well, for delivery without reading it again; nil otherwise. On an
// error nothing is stored.
func (d *Draft) Commit(env Envelope) (Envelope, []byte, error) {
	if d.err == nil && d.buf == nil {
		d.err = ErrClosed
	}
	if d.err != nil {
		d.Abort()
		return env, nil, d.err
	}
	env.ID, env.Size = d.id, d.size
	if env.Received.IsZero() {
		env.Received = d.s.clock()
	}
	head, err := json.Marshal(env)
	if err != nil {
		d.Abort()
		return env, nil, fmt.Errorf("envelope of %s: %w", d.id, err)
	}
	b := d.s.db.NewBatchWithSize(len(*d.buf) + len(head) + 128)
	var body []byte
	if d.parts == 0 {
		body = append([]byte{}, *d.buf...)
		err = b.Set(bodyKey(d.id), body, nil)
	} else {
		d.s.remember(d.id, d.parts+1)
		err = b.Set(chunkKey(d.id, d.parts), *d.buf, nil)
	}
	if err == nil {
		err = b.Set(envelopeKey(d.id), head, nil)
	}
	if err == nil {
		err = d.s.writes.do(b, true)
	}
	if err != nil {
		d.s.forget(d.id)
		d.Abort()
		return env, nil, fmt.Errorf("store %s: %w", d.id, err)
	}
	d.release()
	return env, body, nil
}

// Abort forgets the message, and deletes what was written of it.
func (d *Draft) Abort() {
	if d.buf == nil {
		return
	}
	d.release()
	if d.parts == 0 {
		return
	}
	b := d.s.db.NewBatch()
	if b.DeleteRange(chunkKey(d.id, 0), chunkEnd(d.id), nil) == nil {
		_ = d.s.writes.do(b, false) // what remains is swept at the next start
	}
}

func (d *Draft) release() {
	*d.buf = (*d.buf)[:0]
	d.s.buffers.Put(d.buf)
	d.buf = nil
}
