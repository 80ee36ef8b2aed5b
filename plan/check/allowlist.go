package check

import (
	"fmt"
	"time"

	"github.com/mailrelay/mailrelay/schema"
)

// soon is how long before its end an entry is reported.
const soon = 30 * 24 * time.Hour

// allowlists finds entries that count no more, will soon not, or belong to nobody.
func (i *inspection) allowlists() {
	for _, a := range schema.All[*schema.Allowlist](i.config) {
		for _, e := range a.Entries {
			last := e.Expires.Add(-time.Second).Format(time.DateOnly)
			switch {
			case e.Expires.IsZero():
			case !i.now.Before(e.Expires):
				i.add(a, "MR105", Warning, fmt.Sprintf("entry %q has expired", e.Label), "It has not counted since the end of %s (UTC), so these clients are treated as if they were not listed. Remove it, or give it a later day.", last)
			case i.now.Add(soon).After(e.Expires):
				i.add(a, "MR106", Note, fmt.Sprintf("entry %q expires soon", e.Label), "%s is the last day (UTC) on which it counts%s. Give it a later day if it is still needed.", last, owner(e))
			}
			if e.Owner == "" {
				i.add(a, "MR107", Note, fmt.Sprintf("entry %q has no owner", e.Label), "Nobody can be asked whether it is still needed. Add owner = \"…\".")
			}
		}
	}
}

func owner(e schema.Entry) string {
	if e.Owner == "" {
		return ""
	}
	return "; its owner is " + e.Owner
}
