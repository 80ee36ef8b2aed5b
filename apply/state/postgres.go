package state

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/mailrelay/mailrelay/schema/revision"
)

// Postgres is a Store in a PostgreSQL database, for pipelines and for more than one
// machine. It keeps four tables in a schema of its own:
//
//	format     the version of the tables
//	revisions  every revision; the newest is current
//	holder     who applies
//	nodes      what each relay node said last
//
// The schema is "mailrelay", or what search_path in the address names. Tables are
// made when something is first written. A revision is announced by NOTIFY.
//
// Locks and announcements need sessions: a pooler in between must pool sessions,
// not transactions.
type Postgres struct {
	pool    *pgxpool.Pool
	address *address
	format  []string // the steps by which the tables came to be as they are
	clock   func() time.Time
	patient time.Duration // how long one operation may take
	poll    time.Duration // how often a watcher looks without being told
	made    atomic.Bool   // the tables were there when this program looked last
}

// OpenPostgres gives the store at an address, which begins with postgres://, with
// the options and the environment of libpq. It does not connect yet. clock is that
// of this machine. Close it at the end.
func OpenPostgres(text string, clock func() time.Time) (*Postgres, error) {
	a, err := parseAddress(text)
	if err != nil {
		return nil, err
	}
	a.config.MaxConns = 4
	a.config.MaxConnIdleTime = time.Minute
	a.config.PingTimeout = 5 * time.Second
	pool, err := pgxpool.NewWithConfig(context.Background(), a.config)
	if err != nil {
		return nil, fmt.Errorf("opening the state in PostgreSQL: %w", err)
	}
	return &Postgres{pool: pool, address: a, format: steps(), clock: clock, patient: 30 * time.Second, poll: 2 * time.Second}, nil
}

// Close ends its connections. What is locked and watched has connections of its
// own, which it does not end.
func (p *Postgres) Close() { p.pool.Close() }

// String is the address without its password.
func (p *Postgres) String() string { return p.address.String() }

// sql puts the schema in the place of "state.".
func (p *Postgres) sql(text string) string {
	return strings.ReplaceAll(text, "state.", p.address.quoted()+".")
}

// use calls f with a connection when the tables are of the version that this
// program knows; there says whether there are any. what is done stands in the
// error.
func (p *Postgres) use(ctx context.Context, what string, f func(ctx context.Context, c *pgx.Conn, there bool) error) error {
	_, err := p.try(ctx, f)
	return p.explain(ctx, what, err)
}

// repeat is use for what may be done twice: if the connection turns out to be lost,
// as all are after a restart of the server, it is done again over another one.
func (p *Postgres) repeat(ctx context.Context, what string, f func(ctx context.Context, c *pgx.Conn, there bool) error) error {
	lost, err := p.try(ctx, f)
	if lost && ctx.Err() == nil {
		_, err = p.try(ctx, f)
	}
	return p.explain(ctx, what, err)
}

// try is one try. lost says that the connection broke.
func (p *Postgres) try(ctx context.Context, f func(ctx context.Context, c *pgx.Conn, there bool) error) (lost bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, p.patient)
	defer cancel()
	conn, err := p.pool.Acquire(ctx)
	if err != nil {
		return false, err
	}
	defer conn.Release()
	version, err := p.version(ctx, conn.Conn())
	if err == nil {
		err = f(ctx, conn.Conn(), version > 0)
	}
	if lost = err != nil && conn.Conn().IsClosed(); lost {
		p.pool.Reset() // the others are no better
	}
	return lost && ctx.Err() == nil, err
}

// Current implements Store.
func (p *Postgres) Current(ctx context.Context) (*revision.Revision, error) {
	r, err := p.one(ctx, "reading the current revision", "SELECT content FROM state.revisions ORDER BY serial DESC LIMIT 1")
	if errors.Is(err, ErrNone) {
		return nil, nil
	}
	return r, err
}

// At implements Store.
func (p *Postgres) At(ctx context.Context, serial uint64) (*revision.Revision, error) {
	r, err := p.one(ctx, fmt.Sprintf("reading revision %d", serial), "SELECT content FROM state.revisions WHERE serial = $1", int64(serial))
	if errors.Is(err, ErrNone) {
		return nil, fmt.Errorf("revision %d: %w", serial, ErrNone)
	}
	return r, err
}

// one reads a revision, ErrNone if there is none.
func (p *Postgres) one(ctx context.Context, what, query string, args ...any) (*revision.Revision, error) {
	var raw []byte
	err := p.repeat(ctx, what, func(ctx context.Context, c *pgx.Conn, there bool) error {
		if !there {
			return ErrNone
		}
		err := c.QueryRow(ctx, p.sql(query), args...).Scan(&raw)
		if errors.Is(err, pgx.ErrNoRows) {
			return ErrNone
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	r, err := revision.Read(raw)
	if err != nil {
		return nil, fmt.Errorf("%s from %s: %w", what, p, err)
	}
	return r, nil
}

// Serials implements Store.
func (p *Postgres) Serials(ctx context.Context) ([]uint64, error) {
	var out []uint64
	err := p.repeat(ctx, "listing revisions", func(ctx context.Context, c *pgx.Conn, there bool) error {
		if !there {
			return nil
		}
		rows, err := c.Query(ctx, p.sql("SELECT serial FROM state.revisions ORDER BY serial"))
		if err != nil {
			return err
		}
		out, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (uint64, error) {
			var n int64
			err := row.Scan(&n)
			return uint64(n), err
		})
		return err
	})
	return out, err
}
