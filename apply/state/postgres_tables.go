package state

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// steps make the tables, and change those of older versions. A step is never
// changed once it was released: the version of the tables is how many were made.
//
// A parent is unique, so that the chain of revisions cannot fork; the first has
// none. Revisions are bytes and not JSON, because their hash is that of their text.
func steps() []string {
	return []string{`
CREATE TABLE state.format (
	one     boolean PRIMARY KEY DEFAULT true CHECK (one),
	version integer NOT NULL
);
INSERT INTO state.format (version) VALUES (0);
CREATE TABLE state.revisions (
	serial  bigint PRIMARY KEY CHECK (serial > 0),
	hash    text NOT NULL UNIQUE,
	parent  text NOT NULL UNIQUE,
	lineage text NOT NULL,
	applied timestamptz NOT NULL,
	by      text NOT NULL,
	content bytea NOT NULL
);
CREATE TABLE state.holder (
	one     boolean PRIMARY KEY DEFAULT true CHECK (one),
	session integer NOT NULL,
	info    text NOT NULL
);
CREATE TABLE state.nodes (
	name   text PRIMARY KEY,
	at     timestamptz NOT NULL,
	report text NOT NULL
);
`}
}

// Codes of PostgreSQL's errors.
const (
	codeNoTable    = "42P01"
	codeNoRight    = "42501"
	codeReadOnly   = "25006"
	codeNotUnique  = "23505"
	codeNoDatabase = "3D000"
)

func code(err error) string {
	var e *pgconn.PgError
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

// version is that of the tables, 0 if there are none. Tables that this program
// does not know are an error.
func (p *Postgres) version(ctx context.Context, c *pgx.Conn) (int, error) {
	n, err := p.found(ctx, c)
	switch {
	case err != nil:
		return 0, err
	case n > len(p.format):
		return 0, fmt.Errorf("its tables have format %d, and this version of mailrelay knows up to %d: use a newer one", n, len(p.format))
	case n > 0 && n < len(p.format):
		return 0, fmt.Errorf("its tables have format %d, and this version of mailrelay needs %d: upgrade them with mailrelay state migrate, as the role that owns them, when every relay and pipeline has this version", n, len(p.format))
	}
	return n, nil
}

// found is the version that the tables have, whether it is known or not.
func (p *Postgres) found(ctx context.Context, c *pgx.Conn) (int, error) {
	if !p.made.Load() { // asking for what is not there would stand in the server's log as an error
		var there bool
		err := c.QueryRow(ctx, "SELECT to_regclass($1) IS NOT NULL", p.sql("state.format")).Scan(&there)
		if err != nil || !there {
			return 0, err
		}
		p.made.Store(true)
	}
	var n int
	err := c.QueryRow(ctx, p.sql("SELECT version FROM state.format")).Scan(&n)
	if code(err) == codeNoTable {
		p.made.Store(false)
		return 0, nil
	}
	return n, err
}

// make makes the tables, or upgrades them, all or nothing.
func (p *Postgres) make(ctx context.Context, c *pgx.Conn) error {
	return pgx.BeginTxFunc(ctx, c, pgx.TxOptions{}, func(tx pgx.Tx) error {
		// Two programs may begin at the same time.
		if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock($1)", p.address.key()+1); err != nil {
			return err
		}
		var schema, format bool
		err := tx.QueryRow(ctx, "SELECT to_regnamespace($1) IS NOT NULL, to_regclass($2) IS NOT NULL", p.address.quoted(), p.sql("state.format")).Scan(&schema, &format)
		if err != nil {
			return err
		}
		if !schema { // IF NOT EXISTS would need the right to make one, even if it is there
			if _, err := tx.Exec(ctx, "CREATE SCHEMA "+p.address.quoted()); err != nil {
				return err
			}
		}
		n := 0
		if format {
			if n, err = p.found(ctx, tx.Conn()); err != nil {
				return err
			}
		}
		if n >= len(p.format) {
			return nil // made meanwhile, or newer: the next look says so
		}
		for _, step := range p.format[n:] {
			if _, err := tx.Exec(ctx, p.sql(step), pgx.QueryExecModeSimpleProtocol); err != nil {
				return err
			}
		}
		_, err = tx.Exec(ctx, p.sql("UPDATE state.format SET version = $1"), len(p.format))
		return err
	})
}

// Format is the version of the tables that this program makes and knows.
func (p *Postgres) Format() int { return len(p.format) }

// Upgrade makes the tables as this version of the program has them. It reports
// from which version it began; 0 is none.
func (p *Postgres) Upgrade(ctx context.Context) (from int, err error) {
	const what = "upgrading the tables"
	limited, cancel := context.WithTimeout(ctx, p.patient)
	defer cancel()
	conn, err := p.pool.Acquire(limited)
	if err == nil {
		defer conn.Release()
		if from, err = p.found(limited, conn.Conn()); err == nil && from < len(p.format) {
			err = p.make(limited, conn.Conn())
		}
		if err == nil {
			_, err = p.version(limited, conn.Conn())
		}
	}
	return from, p.explain(ctx, what, err)
}

// explain says what was being done where, and what to do about it. A password
// never stands in it.
func (p *Postgres) explain(ctx context.Context, what string, err error) error {
	switch {
	case err == nil, errors.Is(err, ErrNone), errors.Is(err, ErrStale), errors.Is(err, ErrFilled), errors.Is(err, ErrNoNode):
		return err
	case ctx.Err() != nil:
		return fmt.Errorf("%s in PostgreSQL (%s): %w", what, p, ctx.Err())
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%s in PostgreSQL (%s): there was no answer within %s: %w", what, p, p.patient, err)
	}
	hint := ""
	switch code(err) {
	case codeNoRight:
		hint = fmt.Sprintf("; the README says which rights the role %s needs (State in PostgreSQL)", p.address.config.ConnConfig.User)
	case codeReadOnly:
		hint = "; this server takes no writes: name the primary server, or add target_session_attrs=read-write to an address with several hosts"
	case codeNoDatabase:
		hint = "; mailrelay makes its tables by itself, but not the database: create it"
	}
	return fmt.Errorf("%s in PostgreSQL (%s): %w%s", what, p, err, hint)
}
