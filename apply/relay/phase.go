package relay

import "fmt"

// Phase is what a relay does, for whoever supervises it.
type Phase int

// The phases.
const (
	// Ready comes once the relay runs a revision, or waits for the first one, and
	// after each Reloading.
	Ready Phase = iota
	// Reloading comes before another revision is taken over.
	Reloading
	// Alive comes every Options.Every: the relay still looks after its work.
	Alive
	// Stopping comes when the relay ends, before sessions and deliveries in flight are
	// given their time.
	Stopping
)

// readiness says that the relay does what it can.
func (n *node) readiness() {
	e := n.current.Load()
	if e == nil {
		n.o.Supervise(Ready, "There is no revision yet; waiting for the first mailrelay apply.")
		return
	}
	text := fmt.Sprintf("Revision %d (%s) is in force.", e.revision.Serial, e.revision.Hash.Short())
	if s := n.status(); s.Refused != "" {
		text += fmt.Sprintf(" Revision %s was refused: %s", s.Refused.Short(), s.LastError)
	}
	n.o.Supervise(Ready, text)
}
