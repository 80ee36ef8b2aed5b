package decide

import (
	"fmt"

	"github.com/mailrelay/mailrelay/schema"
)

// Limit is the largest message, in bytes, that the client may hand in at r; 0
// where there is no limit. Mail beyond it gets TooLarge.
func (r *Receive) Limit(c Client) int64 { return r.limit(r.Rights(c)) }

func (r *Receive) limit(rights Right) int64 {
	b := r.Block
	switch {
	case rights&BypassSize != 0:
		return b.MaxSessionSize
	case b.MaxSessionSize > 0:
		return min(b.MaxMessageSize, b.MaxSessionSize)
	}
	return b.MaxMessageSize
}

// TooLarge is the reply to a message of more than limit bytes, which Limit gave.
func (r *Receive) TooLarge(limit int64) Reply {
	return Reply{552, [3]int{5, 3, 4}, fmt.Sprintf("The message is too large: %s takes up to %d bytes", r.Block.Addr(), limit)}
}

// Fits reports whether some way out takes a message of size bytes to the
// recipient. Where none does, the reply says so. Where there is no way out at all,
// nothing is too large for it: the message waits in the queue.
func (p *Policy) Fits(relay schema.Addr, to schema.Mailbox, size int64) (Reply, bool) {
	d := p.find(to)
	if most, ok := p.ways[relay].fit(d, size); !ok {
		return tooLarge(d.to, most), false
	}
	return Reply{}, true
}

func tooLarge(to schema.Mailbox, most int64) Reply {
	return Reply{552, [3]int{5, 3, 4}, fmt.Sprintf("The message is too large for every way to <%s>, which take up to %d bytes", to, most)}
}

// fit reports whether a message of size bytes (0: not known yet) fits through some
// way. Where it does not, most is what the widest one takes, in bytes.
func (w *ways) fit(d destination, size int64) (most int64, ok bool) {
	if size == 0 {
		return 0, true
	}
	most = w.largest(d)
	return most, most == 0 || size <= most
}

// Largest is the largest message, in bytes, that any route for the recipient
// takes; 0 where there is no route, and so no limit of a route.
func (p *Policy) Largest(relay schema.Addr, to schema.Mailbox) int64 {
	return p.ways[relay].largest(p.find(to))
}

func (w *ways) largest(d destination) int64 {
	if w == nil {
		return 0
	}
	domain := d.to.Domain
	if d.known != nil {
		domain = d.known.address(d.to).Domain
		if r := w.named[d.known.deliverTo]; r != nil {
			return r.Connector.MaxMessageSize
		}
		if !d.known.deliverTo.IsZero() {
			return 0
		}
	}
	var largest int64
	w.spaces.find(domain, func(r *Route) bool {
		largest = max(largest, r.Connector.MaxMessageSize)
		return false
	})
	return largest
}
