package render

import (
	"bytes"
	"fmt"
)

// way says that the plan goes back.
func (m *Model) way(b *bytes.Buffer, s Style) {
	if n := m.Scope.Back; n != 0 {
		fmt.Fprintf(b, "%s This is the way back to revision %d: what that revision asked for, and not what the directory holds. What was taken over from others since then is put back as it was.\n\n", s.bold("Note:"), n)
	}
}

// refreshed are the closing lines of a plan that writes nothing, Terraform's.
func (m *Model) refreshed(b *bytes.Buffer, s Style) {
	if len(m.ResourceDrift) == 0 && !m.Summary.any() && len(m.Moved) == 0 {
		if m.unknown(b) {
			return
		}
		b.WriteString(s.paint("1;32", "No changes.") + s.bold(" Your infrastructure still matches the configuration.") + "\n")
		return
	}
	if m.Summary.any() {
		b.WriteString(s.bold("Plan:") + m.Summary.planLine()[len("Plan:"):] + "\n\n")
	}
	b.WriteString("This is a refresh-only plan, so mailrelay will not take any actions to undo these. If you were expecting these changes then you can apply this plan to record the updated values in the state without changing any DNS records or relays.\n")
}

// targeted warns, as Terraform does, that a part may not be the whole.
func (m *Model) targeted(b *bytes.Buffer, s Style) {
	if m.Scope.Targets == nil {
		return
	}
	fmt.Fprintf(b, "\n%s Resource targeting is in effect\n", s.paint("33", "Warning:"))
	b.WriteString(`
You are creating a plan with the -target option, which means that the result
of this plan may not represent all of the changes requested by the current
configuration.

The -target option is not for routine use, and is provided only for
exceptional situations such as recovering from errors or mistakes.
`)
}
