package apply

import (
	"bytes"
	"encoding/json"
	"slices"

	"github.com/mailrelay/mailrelay/schema/revision"
)

// bookkeeping reports whether the plan knows something to record that is no change:
// what has been seen at all servers, what caches have forgotten, what stays in
// force for other reasons than before, what others have written or still must, and
// that a stage has begun.
func (r *run) bookkeeping() bool {
	type waiting struct {
		Switched []revision.Switched `json:",omitempty"`
		Retained []revision.Retained `json:",omitempty"`
		Pending  []revision.Step     `json:",omitempty"`
		Manual   []revision.Step     `json:",omitempty"`
		Awaited  []revision.Awaited  `json:",omitempty"`
	}
	var before waiting
	if r.base != nil {
		before = waiting{r.base.Switched, r.base.Retained, r.base.Pending, r.base.Manual, r.base.Awaited}
	}
	if r.base != nil && len(r.plan.Unsettled) == 0 && slices.ContainsFunc(r.base.Stages, r.begins) {
		return true
	}
	was, err1 := json.Marshal(before)
	is, err2 := json.Marshal(waiting{r.plan.Switched, r.plan.Retained, r.plan.Pending, r.plan.Manual, r.plan.Awaited})
	return err1 != nil || err2 != nil || !bytes.Equal(was, is)
}

// says reports whether the revision that is current says what next would.
func says(cur, next *revision.Revision) bool {
	if cur == nil || len(cur.Intent) != len(next.Intent) || len(cur.Owned) != len(next.Owned) || len(cur.Target) != len(next.Target) {
		return false
	}
	same := *next
	same.Serial, same.Parent, same.Applied, same.By = cur.Serial, cur.Parent, cur.Applied, cur.By
	same.Seal()
	return same.Hash == cur.Hash
}
