package observe

import "time"

// window is how many questions may be under way to a server. It grows as TCP's
// does (RFC 5681): with every answer until something is lost, then slowly; what is
// lost halves it, once in a round trip.
type window struct {
	size, least, most float64
	slow              float64       // from this size on it grows slowly
	rtt, spread       time.Duration // of answers, smoothed (RFC 6298)
	quickest          time.Duration // of answers
	cut               time.Time     // when it was last halved
}

// growth is how many times its first size a window may have, or half as many for a
// server that is near: while it does not read, they all stand in the buffer of one
// socket of it, which holds about 160. More keep such a server no busier, and those
// that fall out are missed for 200 ms.
const (
	growth = 8
	near   = 5 * time.Millisecond
)

func newWindow(inFlight int) window {
	n := float64(inFlight)
	return window{size: n, least: min(n, 8), most: n * growth, slow: n * growth}
}

// answered takes in that an answer came after d.
func (w *window) answered(d time.Duration) {
	if w.rtt == 0 {
		w.rtt, w.spread, w.quickest = d, d/2, d
	} else {
		w.spread += ((w.rtt - d).Abs() - w.spread) / 4
		w.rtt += (d - w.rtt) / 8
	}
	if w.size < w.slow {
		w.size++
	} else {
		w.size += 1 / w.size
	}
	w.quickest = min(w.quickest, d)
	if w.quickest < near {
		w.size = min(w.size, w.most/2)
	}
	w.size = min(w.size, w.most)
}

// lost takes in that a question got no answer in time.
func (w *window) lost(now time.Time) {
	if now.Sub(w.cut) < w.rtt {
		return
	}
	w.cut = now
	w.size = max(w.size/2, w.least)
	w.slow = w.size
}

// patience is how long an answer may take, at most limit.
func (w *window) patience(limit time.Duration) time.Duration {
	const least = 200 * time.Millisecond
	if w.rtt == 0 {
		return limit
	}
	return min(max(w.rtt+4*w.spread, least), limit)
}
