package spool

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/cockroachdb/pebble/v2"
)

// Each calls f for every stored message, the oldest first, and stops at its first
// error. What cannot be read is reported to the log and skipped.
func (s *Spool) Each(f func(Envelope) error) error {
	from, to := envelopeBounds()
	return s.scan(from, to, func(it *pebble.Iterator) error {
		env, err := decode(it)
		if err != nil {
			s.log.Error("a message in the queue is damaged and left alone", "id", string(it.Key()[1:]), "error", err)
		} else if err := f(env); err != nil {
			return err
		}
		it.Next()
		return nil
	})
}

func decode(it *pebble.Iterator) (env Envelope, err error) {
	id := string(it.Key()[1:])
	raw, err := it.ValueAndErr()
	if err != nil {
		return env, err
	}
	if err := json.Unmarshal(raw, &env); err != nil {
		return env, fmt.Errorf("envelope: %w", err)
	}
	if env.ID != id {
		return env, fmt.Errorf("the envelope is that of %q", env.ID)
	}
	return env, nil
}

// Update stores env in place of what was known of the message. It does not wait
// for the disk: losing it delivers twice, never loses.
func (s *Spool) Update(env Envelope) error {
	raw, err := json.Marshal(env)
	if err != nil {
		return fmt.Errorf("envelope of %s: %w", env.ID, err)
	}
	b := s.db.NewBatch()
	if err := b.Set(envelopeKey(env.ID), raw, nil); err != nil {
		return err
	}
	return s.writes.do(b, false)
}

// Remove deletes a message that is settled. It does not wait for the disk, as
// Update. A message that is not there is no error.
func (s *Spool) Remove(id string) error {
	b := s.db.NewBatch()
	err := b.Delete(envelopeKey(id), nil)
	if s.forget(id) > 0 {
		err = errors.Join(err, b.DeleteRange(chunkKey(id, 0), chunkEnd(id), nil))
	} else {
		// It was written once, so both vanish where they meet.
		err = errors.Join(err, b.SingleDelete(bodyKey(id), nil))
	}
	if err != nil {
		return err
	}
	return s.writes.do(b, false)
}

// Body reads the content of a message, a chunk at a time. The caller closes it.
// It is ErrGone where there is none; a message that is removed while it is read
// ends with that error, never with a quiet end.
func (s *Spool) Body(id string) (io.ReadCloser, error) {
	if err := s.Failed(); err != nil {
		return nil, err
	}
	b := &body{s: s, id: id, parts: s.chunks(id)}
	if err := b.next(); err != nil {
		return nil, err
	}
	return b, nil
}

type body struct {
	s        *Spool
	id       string
	n, parts uint32 // chunks read, and all; parts is zero for a small message
	rest     []byte
	closer   io.Closer
}

func (b *body) next() error {
	if err := b.Close(); err != nil {
		return err
	}
	key := bodyKey(b.id)
	if b.parts > 0 {
		key = chunkKey(b.id, b.n)
	}
	value, closer, err := b.s.db.Get(key)
	switch {
	case errors.Is(err, pebble.ErrNotFound):
		return fmt.Errorf("%s: %w", b.id, ErrGone)
	case err != nil:
		return fmt.Errorf("read %s: %w", b.id, err)
	}
	b.rest, b.closer, b.n = value, closer, b.n+1
	return nil
}

func (b *body) Read(p []byte) (int, error) {
	for len(b.rest) == 0 {
		if b.n == max(b.parts, 1) {
			return 0, io.EOF
		}
		if err := b.next(); err != nil {
			return 0, err
		}
	}
	n := copy(p, b.rest)
	b.rest = b.rest[n:]
	return n, nil
}

func (b *body) Close() error {
	c := b.closer
	b.closer, b.rest = nil, nil
	if c == nil {
		return nil
	}
	return c.Close()
}
