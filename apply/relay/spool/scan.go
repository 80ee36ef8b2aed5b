package spool

import (
	"errors"
	"fmt"
	"time"

	"github.com/cockroachdb/pebble/v2"
)

// scan calls f with an iterator at the first key from from on, again and again
// until f has moved it to the end of the keys before to. What cannot be read,
// because a file of the store is damaged, is left out with a word in the log.
func (s *Spool) scan(from, to []byte, f func(*pebble.Iterator) error) error {
	for {
		if err := s.Failed(); err != nil {
			return err
		}
		it, err := s.db.NewIter(&pebble.IterOptions{LowerBound: from, UpperBound: to})
		if err != nil {
			return fmt.Errorf("read the queue: %w", err)
		}
		last := append([]byte(nil), from...)
		for ok := it.First(); ok; ok = it.Valid() {
			last = append(last[:0], it.Key()...)
			if err := f(it); err != nil {
				it.Close()
				return err
			}
		}
		damage := it.Error()
		err = it.Close() // which gives the same error
		if damage == nil {
			if err != nil {
				return fmt.Errorf("read the queue: %w", err)
			}
			return nil
		}
		next := s.beyond(last, to)
		s.log.Error("a part of the queue is damaged: messages that are only there cannot be served, all others are",
			"received_after", received(last), "received_before", received(next), "error", damage)
		if next == nil {
			return nil
		}
		from = next
	}
}

// beyond gives the key from which on the store can be read again, after it could
// not be right behind last. It is nil if there is none before to.
func (s *Spool) beyond(last, to []byte) []byte {
	key := func(n int64) []byte { return append([]byte{last[0]}, formatID(n)...) }
	readable := func(n int64) bool {
		it, err := s.db.NewIter(&pebble.IterOptions{LowerBound: key(n), UpperBound: to})
		if err != nil {
			return false
		}
		it.First()
		return errors.Join(it.Error(), it.Close()) == nil
	}
	bad := idOf(last)
	good, step := bad+1, int64(1)
	for !readable(good) { // as far as it must be, and no further
		bad = good
		if step *= 2; step > mostID-good {
			return nil
		}
		good += step
	}
	for good-bad > 1 {
		if mid := bad + (good-bad)/2; readable(mid) {
			good = mid
		} else {
			bad = mid
		}
	}
	return key(good)
}

// mostID is the largest number that an id holds.
const mostID = 1<<(5*idLen) - 1

// idOf is the number of the id in a key; zero where there is none.
func idOf(key []byte) int64 {
	if len(key) < 1+idLen {
		return 0
	}
	return parseID(string(key[1 : 1+idLen]))
}

// received is when the message of a key was received, as its id tells.
func received(key []byte) string {
	if n := idOf(key); n > 0 {
		return time.UnixMicro(n).UTC().Format(time.RFC3339)
	}
	return "unknown"
}
