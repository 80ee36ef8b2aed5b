package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"time"
)

// watchEvery is how often status -watch looks.
const watchEvery = 2 * time.Second

// watchStatus shows the status again and again until ctx ends: on a terminal over
// what stands there, and elsewhere each time when something other than the time has
// changed, JSON in a line each.
func (a *app) watchStatus(ctx context.Context, asJSON bool) error {
	var shown []byte
	for {
		s, err := a.status(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		var now bytes.Buffer
		if asJSON {
			err = json.NewEncoder(&now).Encode(s)
		} else {
			err = s.text(&now, a.world.clock())
		}
		if err != nil {
			return err
		}
		still, err := s.still()
		if err != nil {
			return err
		}
		switch {
		case a.ui.Screen && !asJSON:
			const clear = "\x1b[H\x1b[2J"
			_, err = io.WriteString(a.ui.Out, clear+now.String())
		case !bytes.Equal(still, shown):
			if shown != nil && !asJSON {
				_, err = io.WriteString(a.ui.Out, "\n--\n\n")
			}
			if err == nil {
				_, err = a.ui.Out.Write(now.Bytes())
			}
			shown = still
		}
		if err != nil {
			return err
		}
		if a.world.sleep(ctx, watchEvery) != nil { // ended by Ctrl-C, as it is meant to be
			return nil
		}
	}
}

// still is the status without what passes by itself.
func (s *status) still() ([]byte, error) {
	t := *s
	t.Nodes = nil
	for _, n := range s.Nodes {
		n.At = time.Time{}
		t.Nodes = append(t.Nodes, n)
	}
	return json.Marshal(t)
}
