package render

import (
	"bytes"
	"fmt"
	"io"
)

// leastPart is fewer bytes than any part needs.
const leastPart = 50

// fit writes a form that consists of as many as n parts, with as many of them as
// there is room for. form writes the first n parts; it is an error if it needs too
// much even without any.
func (o Options) fit(w io.Writer, n int, form func(b *bytes.Buffer, n int) error) error {
	if o.MaxBytes > 0 {
		n = min(n, o.MaxBytes/leastPart)
	}
	var b bytes.Buffer
	if err := form(&b, n); err != nil {
		return err
	}
	best := b.Bytes()
	if o.MaxBytes > 0 && len(best) > o.MaxBytes {
		// low parts have room, and high have not.
		low, high := -1, n
		for high-low > 1 {
			var try bytes.Buffer
			mid := (low + high) / 2
			if err := form(&try, mid); err != nil {
				return err
			}
			if try.Len() > o.MaxBytes {
				high = mid
			} else {
				low, best = mid, try.Bytes()
			}
		}
		if low < 0 {
			return o.tooSmall()
		}
	}
	_, err := w.Write(best)
	return err
}

func (o Options) tooSmall() error {
	return fmt.Errorf("-max-bytes=%d is too little for the summary alone: give it more room", o.MaxBytes)
}
