package apply

import (
	"bytes"
	"encoding/json"

	"github.com/mailrelay/mailrelay/schema/revision"
)

// bookkeeping reports whether the plan knows something to record that is no change:
// what has been seen at all servers, what caches have forgotten, and what stays in
// force for other reasons than before.
func (r *run) bookkeeping() bool {
	type waiting struct {
		Switched []revision.Switched `json:",omitempty"`
		Retained []revision.Retained `json:",omitempty"`
		Pending  []revision.Step     `json:",omitempty"`
	}
	var before waiting
	if r.base != nil {
		before = waiting{r.base.Switched, r.base.Retained, r.base.Pending}
	}
	was, err1 := json.Marshal(before)
	is, err2 := json.Marshal(waiting{r.plan.Switched, r.plan.Retained, r.plan.Pending})
	return err1 != nil || err2 != nil || !bytes.Equal(was, is)
}
