package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/mailrelay/mailrelay/plan"
	"github.com/mailrelay/mailrelay/plan/render"
	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/revision"
)

// waitingStatus is what the current revision leaves for later, and the stages of
// its domains.
type waitingStatus struct {
	Pending  []pendingStatus  `json:"pending"`  // records that will be written
	Manual   []render.ByHand  `json:"manual"`   // what people have to enter
	Retained []retainedStatus `json:"retained"` // blocks that stay in force
	Stages   []stageStatus    `json:"stages"`
}

type pendingStatus struct {
	Addresses []schema.Addr `json:"addresses"`
	Record    string        `json:"record"`              // name and type
	NotBefore time.Time     `json:"not_before,omitzero"` // absent: not known yet
}

type retainedStatus struct {
	Address schema.Addr `json:"address"`
	Until   time.Time   `json:"until,omitzero"` // absent: not known yet
}

type stageStatus struct {
	Domain schema.Addr `json:"domain"`
	Stage  schema.Addr `json:"stage"`
	Since  time.Time   `json:"since,omitzero"` // absent: the apply that enters it has not been finished
}

func newWaiting(r *revision.Revision) (waitingStatus, error) {
	w := waitingStatus{Pending: []pendingStatus{}, Manual: []render.ByHand{}, Retained: []retainedStatus{}, Stages: []stageStatus{}}
	for _, s := range r.Pending {
		w.Pending = append(w.Pending, pendingStatus{s.Addrs, s.Key().String(), s.NotBefore})
	}
	for _, k := range r.Retained {
		w.Retained = append(w.Retained, retainedStatus{k.Object.Addr, k.Until})
	}
	for _, e := range r.Stages {
		w.Stages = append(w.Stages, stageStatus(e))
	}
	if len(r.Manual) == 0 {
		return w, nil
	}
	c, err := revision.Config(revision.Only(r.Target, "zone"))
	if err != nil {
		return w, fmt.Errorf("reading revision %d: %w", r.Serial, err)
	}
	zones := plan.Zones(c, r)
	for _, s := range r.Manual {
		name := ""
		if z := zones(s.Zone, s.Key().Name); z != nil {
			name = z.Name + "."
		}
		w.Manual = append(w.Manual, render.Steps(s.Before, s.After, s.Zone, name)...)
	}
	return w, nil
}

func (w waitingStatus) text(b *strings.Builder) {
	until := func(t time.Time) string {
		if t.IsZero() {
			return "until all servers show where mail goes now, and caches have forgotten the old way"
		}
		return "until " + t.UTC().Format(time.RFC3339)
	}
	for _, s := range w.Stages {
		if s.Since.IsZero() {
			fmt.Fprintf(b, "%s is about to enter %s: run mailrelay apply to finish that, once what others write of its records is entered.\n", s.Domain, s.Stage)
			continue
		}
		fmt.Fprintf(b, "%s is in %s since %s.\n", s.Domain, s.Stage, s.Since.UTC().Format(time.RFC3339))
	}
	for _, p := range w.Pending {
		var names []string
		for _, a := range p.Addresses {
			names = append(names, a.String())
		}
		fmt.Fprintf(b, "Pending: %s (%s), %s.\n", strings.Join(names, ", "), p.Record, until(p.NotBefore))
	}
	for i, c := range w.Manual {
		if i == 0 || c.Zone != w.Manual[i-1].Zone {
			fmt.Fprintf(b, "A person has yet to make these changes in %s; run mailrelay apply once they are made.\n", c.Zone)
		}
		c.Lines(b)
	}
	for _, k := range w.Retained {
		fmt.Fprintf(b, "Retained: %s stays in force %s.\n", k.Address, until(k.Until))
	}
}
