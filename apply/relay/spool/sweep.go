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
	it, err := s.db.NewIter(&pebble.IterOptions{LowerBound: from, UpperBound: to})
	if err != nil {
		return err
	}
	defer it.Close()
	for ok := it.First(); ok; {
		id, _, whole := parseChunk(it.Key())
		if !whole {
			s.log.Error("the queue holds a key that is not ours, and leaves it alone", "key", string(it.Key()))
			ok = it.Next()
			continue
		}
		kept, err := s.has(id)
		if err != nil {
			return err
		}
		if kept && it.SeekLT(chunkEnd(id)) {
			_, last, _ := parseChunk(it.Key())
			s.parts[id] = last + 1
		}
		if !kept {
			if err := s.db.DeleteRange(chunkKey(id, 0), chunkEnd(id), pebble.NoSync); err != nil {
				return err
			}
			s.log.Info("what was left of a message that was never accepted is deleted", "id", id)
		}
		s.ids.after(id)
		ok = it.SeekGE(chunkEnd(id))
	}
	return it.Error()
}

// lastID learns the newest id of the queue.
func (s *Spool) lastID() error {
	from, to := envelopeBounds()
	it, err := s.db.NewIter(&pebble.IterOptions{LowerBound: from, UpperBound: to})
	if err != nil {
		return err
	}
	if it.Last() {
		s.ids.after(string(it.Key()[1:]))
	}
	return it.Close()
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
