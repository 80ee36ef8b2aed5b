package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/urfave/cli/v3"

	"github.com/mailrelay/mailrelay/apply/state"
	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/revision"
)

// status is what the status command shows.
type status struct {
	Revision      *revisionStatus      `json:"revision"` // null: nothing was applied yet
	Verifications []verificationStatus `json:"verifications"`
	Nodes         []nodeStatus         `json:"nodes"`
}

type revisionStatus struct {
	Serial  uint64        `json:"serial"`
	Hash    revision.Hash `json:"hash"`
	Applied time.Time     `json:"applied"`
	By      string        `json:"by"`
	Intent  int           `json:"intent"`          // RRsets that an apply left unfinished
	First   []string      `json:"first,omitempty"` // nodes that go first, while the others wait
	waitingStatus
}

type nodeStatus struct {
	state.Node
	// State is running, behind, waiting (others go first), refusing, stopped, or gone
	// without a word.
	State string `json:"state"`
}

func (a *app) statusCommand() *cli.Command {
	var asJSON, watch bool
	return &cli.Command{
		Name:        "status",
		Usage:       "show what is applied and what each relay node runs",
		UsageText:   "mailrelay [-chdir=DIR] status [flags]",
		Description: "Shows what is applied and what each relay node runs. With -watch it goes on until\nCtrl-C, every two seconds on a terminal, and elsewhere at each change.\n\nExample:\n\n  mailrelay status -state=/var/lib/mailrelay -watch",
		Flags: append(a.configFlags(), a.stateFlag(),
			&cli.BoolFlag{Name: "watch", Usage: "go on showing it until Ctrl-C", Destination: &watch},
			&cli.BoolFlag{Name: "json", Usage: "print it as JSON", Destination: &asJSON}),
		Action: func(ctx context.Context, c *cli.Command) error {
			a.begin()
			if err := noArgs(c); err != nil {
				return err
			}
			if watch {
				return a.watchStatus(ctx, asJSON)
			}
			s, err := a.status(ctx)
			if err != nil {
				return err
			}
			if asJSON {
				return writeJSON(a.ui.Out, s)
			}
			return s.text(a.ui.Out, a.world.clock())
		},
	}
}

func (a *app) status(ctx context.Context) (*status, error) {
	store, err := a.statusStore()
	if err != nil {
		return nil, err
	}
	cur, err := store.Current(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading the state: %w", err)
	}
	nodes, err := store.Nodes(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading what relay nodes report: %w", err)
	}
	s := &status{Nodes: []nodeStatus{}}
	if s.Verifications, err = verifications(cur); err != nil {
		return nil, err
	}
	if cur != nil {
		w, err := newWaiting(cur)
		if err != nil {
			return nil, err
		}
		s.Revision = &revisionStatus{cur.Serial, cur.Hash, cur.Applied, cur.By, len(cur.Intent), goFirst(cur), w}
	}
	for _, n := range nodes {
		s.Nodes = append(s.Nodes, nodeStatus{n, nodeState(n, cur, a.world.clock())})
	}
	return s, nil
}

// goFirst are the nodes that run r while the others wait.
func goFirst(r *revision.Revision) []string {
	var out []string
	for _, c := range r.Rollout {
		out = append(out, c.Nodes...)
	}
	return out
}

// nodeState is how a node stands to the current revision; nil: there is none.
func nodeState(n state.Node, current *revision.Revision, now time.Time) string {
	switch {
	case n.Stopped:
		return "stopped"
	case !n.Live(now):
		return "gone"
	case current == nil && n.Revision == "", current != nil && n.Revision == current.Hash:
		return "running"
	case current != nil && n.Refused == current.Hash:
		return "refusing"
	}
	if at, err := schema.ParseAddr(n.Relay); current != nil && err == nil && !current.Meant(at, n.Name) {
		return "waiting"
	}
	return "behind"
}

func (s *status) text(w io.Writer, now time.Time) error {
	var b strings.Builder
	if s.Revision == nil {
		b.WriteString("Nothing has been applied yet. Run mailrelay apply.\n")
	} else {
		r := s.Revision
		fmt.Fprintf(&b, "Revision %d (%s), applied %s by %s.\n", r.Serial, r.Hash.Short(), r.Applied.UTC().Format(time.RFC3339), r.By)
		if r.Intent > 0 {
			fmt.Fprintf(&b, "An apply ended before it was done with %s. Run mailrelay apply to finish it.\n", several(r.Intent, "RRset"))
		}
		if r.First != nil {
			fmt.Fprintf(&b, "It goes to %s first. If no apply is at work, run mailrelay apply to go on with it.\n", strings.Join(r.First, ", "))
		}
		r.waitingStatus.text(&b)
	}
	s.proofs(&b)
	if len(s.Nodes) == 0 {
		b.WriteString("No relay node has reported. Start one with mailrelay serve.\n")
	}
	for _, n := range s.Nodes {
		fmt.Fprintf(&b, "\n%s: %s\n", n.Name, n.State)
		if n.Relay != "" {
			fmt.Fprintf(&b, "  relay      %s\n", n.Relay)
		}
		verb := "runs"
		if n.State == "stopped" || n.State == "gone" {
			verb = "ran"
		}
		if n.Serial > 0 {
			fmt.Fprintf(&b, "  %-10s revision %d (%s) since %s\n", verb, n.Serial, n.Revision.Short(), n.Since.UTC().Format(time.RFC3339))
		}
		if len(n.Listeners) > 0 {
			fmt.Fprintf(&b, "  listens    %s\n", strings.Join(n.Listeners, ", "))
		}
		fmt.Fprintf(&b, "  queue      %s", several(n.Queue, "message"))
		if n.Queue > 0 && !n.Oldest.IsZero() {
			fmt.Fprintf(&b, ", the oldest since %s", n.Oldest.UTC().Format(time.RFC3339))
		}
		fmt.Fprintf(&b, "\n  reported   %s ago\n", now.Sub(n.At).Round(time.Second))
		if n.LastError != "" {
			b.WriteString("  last error ")
			if !n.LastErrorAt.IsZero() {
				fmt.Fprintf(&b, "%s ago: ", now.Sub(n.LastErrorAt).Round(time.Second))
			}
			b.WriteString(n.LastError + "\n")
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}
