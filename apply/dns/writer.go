// Package dns writes record data: by dynamic update (RFC 2136), or not at all
// where a person edits the zone.
package dns

import (
	"context"
	"fmt"

	"github.com/mailrelay/mailrelay/plan"
	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/rr"
)

// Writer writes the RRsets of one zone.
type Writer interface {
	// Write makes every change of one zone or, wherever the protocol allows it,
	// none, and reads back what then stands there. Evidence that no longer holds is
	// a *StaleError, and nothing is written. Any other error says what to do.
	Write(ctx context.Context, zone *schema.Zone, changes []plan.SetChange) error
}

// StaleError says that an RRset is no longer what the plan saw.
type StaleError struct {
	Key      rr.Key
	Expected *rr.Set // nil: absent
	Found    *rr.Set // nil: absent
}

func (e *StaleError) Error() string {
	return fmt.Sprintf("%s changed since the plan was made: it was %s and is now %s", e.Key, Describe(e.Expected), Describe(e.Found))
}

// Describe writes the data of a set for a sentence.
func Describe(s *rr.Set) string {
	if s == nil || len(s.Data) == 0 {
		return "absent"
	}
	return fmt.Sprintf("%q (TTL %d)", s.Data, s.TTL)
}
