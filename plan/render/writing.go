package render

import (
	"fmt"

	"github.com/mailrelay/mailrelay/plan"
	"github.com/mailrelay/mailrelay/schema"
)

// writing says of changes that apply does not write, or not to the end, how they
// come about.
func writing(p *plan.Plan) map[schema.Addr]string {
	notes := map[schema.Addr]string{}
	for _, s := range p.Sets {
		var note string
		switch {
		case s.Manual:
			note = "a person writes this zone: apply writes nothing, and takes the change over once it is seen there"
		case s.Unseen:
			note = fmt.Sprintf("the file %s holds it, and no name server shows it yet: reload the zone there", s.File)
		case s.File != "":
			note = fmt.Sprintf("apply edits the file %s, and takes the change over once the zone was reloaded and shows it", s.File)
		default:
			continue
		}
		for _, a := range s.Addrs {
			notes[a] = note
		}
	}
	return notes
}
