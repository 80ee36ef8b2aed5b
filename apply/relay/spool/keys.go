package spool

import "encoding/binary"

// The keys of the store, in order:
//
//	b ID     the content of a small message
//	c ID N   chunk N of the content of a larger one, N in four bytes, the highest first
//	e ID     the envelope, JSON
//
// A message is in the queue if its envelope is. Chunks without an envelope are
// what a crash left of a message that was never accepted.

func bodyKey(id string) []byte { return append([]byte{'b'}, id...) }

func chunkKey(id string, n uint32) []byte {
	return binary.BigEndian.AppendUint32(append([]byte{'c'}, id...), n)
}

// chunkEnd is behind all chunks of a message.
func chunkEnd(id string) []byte { return append(chunkKey(id, ^uint32(0)), 0) }

// chunkBounds are the first key and the end of all chunks.
func chunkBounds() (from, to []byte) { return []byte{'c'}, []byte{'d'} }

// parseChunk takes a chunk's key apart.
func parseChunk(key []byte) (id string, n uint32, ok bool) {
	if len(key) != 1+idLen+4 {
		return "", 0, false
	}
	return string(key[1 : 1+idLen]), binary.BigEndian.Uint32(key[1+idLen:]), true
}

func envelopeKey(id string) []byte { return append([]byte{'e'}, id...) }

// envelopeBounds are the first key and the end of all envelopes.
func envelopeBounds() (from, to []byte) { return []byte{'e'}, []byte{'f'} }
