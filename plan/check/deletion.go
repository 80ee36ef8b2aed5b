package check

import (
	"fmt"

	"github.com/mailrelay/mailrelay/schema"
)

// deletions finds plans that take away much of a zone (MR407).
func (i *inspection) deletions() {
	for _, z := range schema.All[*schema.Zone](i.config) {
		t := i.facts.Records[z.Addr()]
		if t.Had >= 10 && 10*t.Gone > 3*t.Had {
			i.add(z, "MR407", Warning, fmt.Sprintf("%d of %d records of %s go", t.Gone, t.Had, z.Name),
				"That is more than 30 %%, as when a file was lost, or a for_each came out empty. See that each of them is meant, and accept it here for this change.")
		}
	}
}
