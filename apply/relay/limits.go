package relay

import (
	"net/netip"
	"sync"
	"time"

	"github.com/mailrelay/mailrelay/schema"
)

// limits counts connections and messages against the limits of their connectors.
// It outlives editions: a connection counts where it was accepted.
type limits struct {
	mu     sync.Mutex
	open   map[schema.Addr]int
	from   map[origin]int // open connections
	minute time.Time      // that messages are counted in
	sent   map[origin]int // messages in that minute
}

// origin is an address at a connector. On a Unix socket the address is invalid.
type origin struct {
	connector schema.Addr
	remote    netip.Addr
}

func newLimits() *limits {
	return &limits{open: map[schema.Addr]int{}, from: map[origin]int{}, sent: map[origin]int{}}
}

// enter counts a connection, until leave is called. Where it is one too many,
// leave is nil, and the sentence says why.
func (l *limits) enter(b *schema.ReceiveConnector, remote netip.Addr) (leave func(), why string) {
	key := origin{b.Addr(), remote}
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.open[key.connector] >= b.MaxConnections:
		return nil, "Too many connections (max_inbound_connections of " + b.Addr().String() + "); try again later"
	case l.from[key] >= b.MaxPerSource:
		return nil, "Too many connections from your address (max_inbound_connections_per_source of " + b.Addr().String() + "); close one, or try again later"
	}
	l.open[key.connector]++
	l.from[key]++
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		drop(l.open, key.connector)
		drop(l.from, key)
	}, ""
}

func drop[K comparable](m map[K]int, k K) {
	if m[k]--; m[k] == 0 {
		delete(m, k)
	}
}

// message counts one against message_rate_limit, a minute of the clock at a time.
// It is false where the limit is reached.
func (l *limits) message(b *schema.ReceiveConnector, remote netip.Addr, now time.Time) bool {
	if b.MessageRateLimit == 0 {
		return true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if minute := now.Truncate(time.Minute); !minute.Equal(l.minute) {
		l.minute = minute
		clear(l.sent)
	}
	key := origin{b.Addr(), remote}
	if l.sent[key] >= b.MessageRateLimit {
		return false
	}
	l.sent[key]++
	return true
}
