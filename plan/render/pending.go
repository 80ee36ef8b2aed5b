package render

import (
	"bytes"
	"fmt"
	"strings"
	"time"

	"github.com/mailrelay/mailrelay/plan"
	"github.com/mailrelay/mailrelay/schema"
)

// Pending is a change that an earlier apply has recorded, and that still waits.
type Pending struct {
	Address   string    `json:"address"`
	NotBefore time.Time `json:"not_before,omitzero"` // the earliest time; absent: not known
	Needs     []string  `json:"needs,omitempty"`     // records that must be seen at all their servers first
	Reason    string    `json:"reason"`
}

func pending(c plan.Change) Pending {
	return Pending{c.Addr.String(), c.NotBefore, addresses(c.Needs), c.Why}
}

func addresses(in []schema.Addr) []string {
	var out []string
	for _, a := range in {
		out = append(out, a.String())
	}
	return out
}

// waits lists what is pending, with the time from which it is safe.
func (m *Model) waits(b *bytes.Buffer, s Style) {
	if len(m.Pending) == 0 {
		return
	}
	b.WriteString(s.bold("Pending:") + "\n")
	for _, p := range m.Pending {
		fmt.Fprintf(b, "  %s  %s: %s\n", s.paint("36", fmt.Sprintf("%-20s", When(p.NotBefore, p.Needs))), s.bold(p.Address), because(p.NotBefore, p.Needs, p.Reason))
	}
	b.WriteString("\n")
}

// When is the time from which something may be done, in words.
func When(t time.Time, needs []string) string {
	switch {
	case len(needs) > 0:
		return "not known yet"
	case t.IsZero():
		return "when it is known"
	}
	return t.UTC().Format(time.RFC3339)
}

// because is why something waits.
func because(t time.Time, needs []string, reason string) string {
	if len(needs) == 0 {
		return reason
	}
	earliest := ""
	if !t.IsZero() {
		earliest = fmt.Sprintf(", not before %s", t.UTC().Format(time.RFC3339))
	}
	return fmt.Sprintf("waits for %s%s: %s", strings.Join(needs, ", "), earliest, reason)
}

// held is the note at a change that this plan begins and that has to wait.
func (rc ResourceChange) held() string {
	if len(rc.Needs) > 0 {
		return because(rc.NotBefore, rc.Needs, rc.Note)
	}
	return fmt.Sprintf("waits until %s: %s", When(rc.NotBefore, nil), rc.Note)
}
