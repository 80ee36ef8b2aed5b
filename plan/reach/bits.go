package reach

import (
	"encoding/binary"
	"math/bits"
)

// bitset is a set of blocks.
type bitset []uint64

func newBitset(n int) bitset { return make(bitset, (n+63)/64) }

func full(n int) bitset {
	b := newBitset(n)
	for i := range n {
		b.add(i)
	}
	return b
}

func (b bitset) add(i int)      { b[i/64] |= 1 << (i % 64) }
func (b bitset) has(i int) bool { return b[i/64]&(1<<(i%64)) != 0 }

// first is the smallest member; -1: the set is empty.
func (b bitset) first() int {
	for i, w := range b {
		if w != 0 {
			return i*64 + bits.TrailingZeros64(w)
		}
	}
	return -1
}

// cut is b within c, or without it.
func (b bitset) cut(c bitset, within bool) bitset {
	out := make(bitset, len(b))
	for i := range b {
		if within {
			out[i] = b[i] & c[i]
		} else {
			out[i] = b[i] &^ c[i]
		}
	}
	return out
}

// join adds c to b.
func (b bitset) join(c bitset) {
	for i := range b {
		b[i] |= c[i]
	}
}

// sets keeps each set of blocks once, so that they compare by number.
type sets struct {
	index map[string]int
	all   []bitset
}

func (s *sets) number(b bitset) int {
	raw := make([]byte, 0, 8*len(b))
	for _, w := range b {
		raw = binary.LittleEndian.AppendUint64(raw, w)
	}
	if n, ok := s.index[string(raw)]; ok {
		return n
	}
	n := len(s.all)
	s.index[string(raw)] = n
	s.all = append(s.all, b)
	return n
}
