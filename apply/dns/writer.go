// Package dns writes record data: by dynamic update (RFC 2136), into a master file,
// or not at all where a person edits the zone.
package dns

import (
	"context"
	"fmt"

	"github.com/mailrelay/mailrelay/plan"
	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/rr"
)

// Writer writes the RRsets of zones. It may be used for several zones at the same
// time; each zone is written by one call at a time.
type Writer interface {
	// Write makes every change of one zone or, wherever the protocol allows it, none.
	// A protocol that takes less than that at a time (so many bytes a message, one
	// RRset a request) still changes each RRset as a whole or not at all: addresses
	// before what leads to them, what only goes last.
	//
	// A change is made only over its evidence: the whole RRset of Before, or none. The
	// server compares it in the same step in which it writes, wherever it can: by a
	// prerequisite, an etag, the exact deletion of the old beside the addition of the
	// new. Otherwise Write compares right before it writes.
	//
	// What then stands there is read back from where it was written to; apply watches
	// other servers. A server that is busy is asked again a few times, and an answer
	// that was lost is made up for by reading, never by guessing.
	//
	// The error is a *StaleError if the evidence no longer holds, and only if nothing
	// at all was written. Any other error says what to do; something may have been
	// written then, and the next plan looks. nil means that everything is as planned.
	Write(ctx context.Context, zone *schema.Zone, changes []plan.SetChange) error
}

// Later is a Writer of zones that show what was written only after somebody has
// done something else.
type Later interface {
	Writer
	// Later says what was done and what is left to do, without a final dot.
	Later(zone *schema.Zone) string
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
