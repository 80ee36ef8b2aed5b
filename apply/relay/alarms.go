package relay

import (
	"sync/atomic"

	"github.com/mailrelay/mailrelay/apply/relay/journal"
)

// alarms counts the tries after which a message stays until an administrator acts:
// a next hop does not take this relay, or a connector cannot be used as it is. It is
// a journal.Sink.
type alarms struct{ n atomic.Uint64 }

// Record implements journal.Sink.
func (a *alarms) Record(e journal.Event) {
	if e.Held {
		a.n.Add(1)
	}
}
