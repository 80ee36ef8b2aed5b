package render

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/mailrelay/mailrelay/schema/rr"
)

// byHand writes the lines that a person has to take out of a zone and to put in,
// in the form of a zone file.
func (m *Model) byHand(b *bytes.Buffer, s Style) {
	zone := ""
	for _, c := range m.DNSChanges {
		if !c.Manual {
			continue
		}
		if z := c.Zone.String(); z != zone {
			if zone != "" {
				b.WriteString("\n")
			}
			zone = z
			fmt.Fprintf(b, "A person edits %s. Make these changes there:\n", s.bold(zone))
		}
		old, wanted := zoneLines(c.Before), zoneLines(c.After)
		for _, l := range old {
			if !slices.Contains(wanted, l) {
				fmt.Fprintf(b, "  %s %s\n", s.symbol("delete"), l)
			}
		}
		for _, l := range wanted {
			if !slices.Contains(old, l) {
				fmt.Fprintf(b, "  %s %s\n", s.symbol("create"), l)
			}
		}
	}
	if zone != "" {
		b.WriteString("\n")
	}
}

// zoneLines is an RRset as it stands in a zone file.
func zoneLines(set *rr.Set) []string {
	if set == nil {
		return nil
	}
	var out []string
	for _, d := range set.Data {
		r, err := rr.Record(set.Name, set.Type, set.TTL, d)
		if err != nil { // canonical data always makes a record
			out = append(out, fmt.Sprintf("%s %d IN %s %s", set.Name, set.TTL, set.Type, d))
			continue
		}
		out = append(out, r.String())
	}
	return out
}
