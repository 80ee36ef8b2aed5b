package spool

import (
	"sync/atomic"
	"time"
)

// idLen is the length of a queue id: eleven digits hold microseconds for a
// thousand years.
const idLen = 11

// ids gives queue ids: microseconds since 1970 in base 32, digits in the order of
// ASCII, so that ids sort by time. No id is given twice, even where the clock
// stands still or goes back, because each is larger than the last.
type ids struct {
	clock func() time.Time
	last  atomic.Int64
}

func (g *ids) next() string {
	now := g.clock().UnixMicro()
	for {
		last := g.last.Load()
		n := max(now, last+1)
		if g.last.CompareAndSwap(last, n) {
			return formatID(n)
		}
	}
}

// after makes sure that every further id is larger than id.
func (g *ids) after(id string) {
	g.last.Store(max(g.last.Load(), parseID(id)))
}

// digits are Crockford's: no letters that look like digits.
const digits = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

func formatID(n int64) string {
	var b [idLen]byte
	for i := idLen - 1; i >= 0; i-- {
		b[i] = digits[n&31]
		n >>= 5
	}
	return string(b[:])
}

// parseID is the inverse of formatID; what is not an id reads as zero.
func parseID(s string) int64 {
	if len(s) != idLen {
		return 0
	}
	var n int64
	for i := range idLen {
		d := -1
		for k := range digits {
			if digits[k] == s[i] {
				d = k
			}
		}
		if d < 0 {
			return 0
		}
		n = n<<5 | int64(d)
	}
	return n
}
