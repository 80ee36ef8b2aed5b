package spool

import (
	"errors"

	"github.com/cockroachdb/pebble/v2"
)

// sweep deletes chunks without an envelope, learns which messages are stored in
// chunks, and makes sure that no id is given again. It runs before anything else
// writes.
func (s *Spool) sweep() error {
	if err := s.lastID(); err != nil {
		return err
	}
	from, to := chunkBounds()
	return s.scan(from, to, s.sweepOne)
}

// sweepOne deals with the message whose chunk it is at.
func (s *Spool) sweepOne(it *pebble.Iterator) error {
	id, _, whole := parseChunk(it.Key())
	if !whole {
		s.log.Error("the queue holds a key that is not ours, and leaves it alone", "key", string(it.Key()))
		it.Next()
		return nil
	}
	kept, err := s.has(id)
	switch {
	case err != nil:
		s.log.Error("a message in the queue is damaged and left alone", "id", id, "error", err)
	case !kept:
		if err := s.db.DeleteRange(chunkKey(id, 0), chunkEnd(id), pebble.NoSync); err != nil {
			return err
		}
		s.log.Info("what was left of a message that was never accepted is deleted", "id", id)
	case it.SeekLT(chunkEnd(id)):
		_, last, _ := parseChunk(it.Key())
		s.parts[id] = last + 1
	}
	s.ids.after(id)
	it.SeekGE(chunkEnd(id))
	return nil
}

// lastID learns the newest id of the queue. If that cannot be read, the clock alone
// keeps ids apart.
func (s *Spool) lastID() error {
	from, to := envelopeBounds()
	it, err := s.db.NewIter(&pebble.IterOptions{LowerBound: from, UpperBound: to})
	if err != nil {
		return err
	}
	if it.Last() {
		s.ids.after(string(it.Key()[1:]))
	}
	if err := it.Close(); err != nil {
		s.log.Error("the newest message of the queue cannot be read", "error", err)
	}
	return nil
}

func (s *Spool) has(id string) (bool, error) {
	_, closer, err := s.db.Get(envelopeKey(id))
	if errors.Is(err, pebble.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return true, closer.Close()
}
