package state

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/mailrelay/mailrelay/schema/revision"
)

// longestRest is how long a watcher leaves a server alone that it cannot reach.
const longestRest = 5 * time.Second

// Watch implements Store. It is told by NOTIFY, and looks every two seconds beside
// that: announcements do not pass every pooler. A server that cannot be reached,
// now or later, is tried again for as long as it takes.
func (p *Postgres) Watch(ctx context.Context) (<-chan revision.Hash, error) {
	ch := make(chan revision.Hash, 1)
	go func() {
		defer close(ch)
		w := watcher{Postgres: p, ch: ch}
		for rest := lockPoll; ctx.Err() == nil; rest = min(2*rest, longestRest) {
			if w.session(ctx) {
				rest = lockPoll
			}
			_ = pause(ctx, rest) // the loop ends with ctx
		}
	}()
	return ch, nil
}

type watcher struct {
	*Postgres
	ch   chan<- revision.Hash
	last revision.Hash
}

// session watches until something fails. It reports whether it has seen anything.
func (w *watcher) session(ctx context.Context) (seen bool) {
	c, err := w.Postgres.session(ctx)
	if err != nil {
		return false
	}
	defer w.end(c)
	// A standby takes no listeners, and is looked at all the same.
	_, listening := c.Exec(ctx, "LISTEN "+pgx.Identifier{w.address.channel()}.Sanitize())
	if listening != nil && code(listening) == "" {
		return false
	}
	for {
		if err := w.look(ctx, c); err != nil {
			return seen
		}
		seen = true
		if err := w.wait(ctx, c, listening == nil); err != nil {
			return seen
		}
	}
}

// wait returns when there may be something new.
func (w *watcher) wait(ctx context.Context, c *pgx.Conn, listening bool) error {
	if !listening {
		return pause(ctx, w.poll)
	}
	soon, cancel := context.WithTimeout(ctx, w.poll)
	defer cancel()
	_, err := c.WaitForNotification(soon)
	if err != nil && ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded) && !c.IsClosed() {
		return nil
	}
	return err
}

// look sends the hash of the current revision if it is another one.
func (w *watcher) look(ctx context.Context, c *pgx.Conn) error {
	limited, cancel := context.WithTimeout(ctx, w.patient)
	defer cancel()
	version, err := w.version(limited, c)
	if err != nil || version == 0 {
		if c.IsClosed() {
			return err
		}
		return limited.Err() // tables that are not there yet, or not of this version, may be later
	}
	var now string
	err = c.QueryRow(limited, w.sql("SELECT hash FROM state.revisions ORDER BY serial DESC LIMIT 1")).Scan(&now)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	if h := revision.Hash(now); h != w.last {
		select {
		case w.ch <- h:
			w.last = h
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}
