package state

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// lockPoll is how often a lock is tried for that somebody else holds.
const lockPoll = 200 * time.Millisecond

// Lock implements Store. The lock belongs to a session of its own, and the server
// gives it up when that session ends: at once if its process dies, within a minute
// if its machine does.
func (p *Postgres) Lock(ctx context.Context, who Info, timeout time.Duration) (func() error, error) {
	const what = "locking the state"
	err := p.use(ctx, what, func(ctx context.Context, c *pgx.Conn, there bool) error {
		if there {
			return nil
		}
		return p.make(ctx, c)
	})
	if err != nil {
		return nil, err
	}
	c, err := p.session(ctx)
	if err != nil {
		return nil, p.explain(ctx, what, err)
	}
	until := time.Now().Add(timeout)
	for {
		got, err := p.tryLock(ctx, c, who)
		if err == nil && got {
			return func() error { return p.unlock(c) }, nil
		}
		if err == nil && time.Now().Before(until) {
			if err = pause(ctx, lockPoll); err == nil {
				continue
			}
		}
		p.end(c)
		if err != nil {
			return nil, p.explain(ctx, what, err)
		}
		held, err := p.Holder(ctx)
		if err != nil {
			return nil, err
		}
		if held == nil { // it was given up this very moment, or its holder has no name yet
			held = &Info{}
		}
		return nil, &LockedError{*held}
	}
}

// session opens a connection for a lock or for watching: one that is quiet for
// long, and whose end the server should notice.
func (p *Postgres) session(ctx context.Context) (*pgx.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, p.patient)
	defer cancel()
	c, err := pgx.ConnectConfig(ctx, p.address.config.ConnConfig.Copy())
	if err != nil {
		return nil, err
	}
	// Servers know different settings; those that this one lacks do not come up.
	_, err = c.Exec(ctx, `
SELECT set_config(name, CASE name WHEN 'tcp_keepalives_idle' THEN '20' WHEN 'tcp_keepalives_interval' THEN '10' WHEN 'tcp_keepalives_count' THEN '3' ELSE '0' END, false)
FROM pg_settings WHERE name IN ('tcp_keepalives_idle', 'tcp_keepalives_interval', 'tcp_keepalives_count', 'idle_session_timeout', 'statement_timeout')`)
	if err != nil {
		p.end(c)
		return nil, err
	}
	return c, nil
}

// end closes a connection without waiting long for its server.
func (p *Postgres) end(c *pgx.Conn) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = c.Close(ctx) // there is nothing more to lose
}

// tryLock takes the lock if it is free, and writes down who has it.
func (p *Postgres) tryLock(ctx context.Context, c *pgx.Conn, who Info) (got bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, p.patient)
	defer cancel()
	if err := c.QueryRow(ctx, "SELECT pg_try_advisory_lock($1)", p.address.key()).Scan(&got); err != nil || !got {
		return false, err
	}
	raw, err := json.Marshal(who)
	if err != nil {
		return false, err
	}
	_, err = c.Exec(ctx, p.sql("INSERT INTO state.holder (session, info) VALUES (pg_backend_pid(), $1) ON CONFLICT (one) DO UPDATE SET session = excluded.session, info = excluded.info"), string(raw))
	return err == nil, err
}

func (p *Postgres) unlock(c *pgx.Conn) error {
	defer p.end(c)
	ctx, cancel := context.WithTimeout(context.Background(), p.patient)
	defer cancel()
	var had bool
	err := c.QueryRow(ctx, "SELECT pg_advisory_unlock($1)", p.address.key()).Scan(&had)
	if err == nil && !had {
		err = errors.New("it was not locked any more")
	}
	return p.explain(ctx, "giving up the lock of the state", err)
}

// holders finds the session that has the lock. What an earlier holder wrote down
// does not count: its session has another number.
const holders = `
SELECT l.pid, coalesce((SELECT info FROM state.holder h WHERE h.session = l.pid), '')
FROM pg_locks l JOIN pg_database d ON d.oid = l.database
WHERE l.locktype = 'advisory' AND l.granted AND d.datname = current_database()
AND l.objsubid = 1 AND (l.classid::bigint << 32 | l.objid::bigint) = $1`

// Holder implements Store.
func (p *Postgres) Holder(ctx context.Context) (*Info, error) {
	var out *Info
	err := p.repeat(ctx, "asking who holds the lock", func(ctx context.Context, c *pgx.Conn, there bool) error {
		if !there {
			return nil
		}
		var session int
		var info string
		err := c.QueryRow(ctx, p.sql(holders), p.address.key()).Scan(&session, &info)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		out = &Info{}
		if info != "" {
			return json.Unmarshal([]byte(info), out)
		}
		return nil
	})
	return out, err
}

// Break ends the session that holds the lock, and so the lock. It needs to be of
// the holder's role, or one that may signal its sessions. It is false if nobody
// held it.
func (p *Postgres) Break(ctx context.Context) (broken bool, err error) {
	err = p.use(ctx, "ending the session that holds the lock", func(ctx context.Context, c *pgx.Conn, there bool) error {
		if !there {
			return nil
		}
		err := c.QueryRow(ctx, p.sql("SELECT pg_terminate_backend(pid, 5000) FROM ("+holders+") AS held"), p.address.key()).Scan(&broken)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		if err == nil && !broken {
			return fmt.Errorf("it did not end within 5 s")
		}
		return err
	})
	return broken, err
}

// pause waits, or gives the error of ctx.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
