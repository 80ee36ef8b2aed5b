package state

import (
	"context"
	"encoding/json"
	"iter"

	"github.com/jackc/pgx/v5"

	"github.com/mailrelay/mailrelay/schema/revision"
)

// Put implements Store. The comparison and the write are one statement, and of two
// at the same time the second finds its serial taken.
func (p *Postgres) Put(ctx context.Context, r *revision.Revision) error {
	raw, err := json.Marshal(r)
	if err != nil {
		return err
	}
	const what = "recording a revision"
	err = p.use(ctx, what, func(ctx context.Context, c *pgx.Conn, there bool) error {
		if !there {
			if err := p.make(ctx, c); err != nil {
				return err
			}
		}
		return pgx.BeginTxFunc(ctx, c, pgx.TxOptions{IsoLevel: pgx.ReadCommitted}, func(tx pgx.Tx) error {
			done, err := tx.Exec(ctx, p.sql(`
INSERT INTO state.revisions (serial, hash, parent, lineage, applied, by, content)
SELECT $1, $2, $3, $4, $5, $6, $7
WHERE coalesce((SELECT hash FROM state.revisions ORDER BY serial DESC LIMIT 1), '') = $3`), row(r, raw)...)
			switch {
			case code(err) == codeNotUnique, err == nil && done.RowsAffected() == 0:
				return ErrStale
			case err != nil:
				return err
			}
			return p.announce(ctx, tx, r)
		})
	})
	if err != nil && code(err) == "" && err != ErrStale && p.has(ctx, r.Hash) {
		return nil // the connection was lost between the commit and its answer
	}
	return err
}

// has reports whether a revision is there, and false where that cannot be said.
func (p *Postgres) has(ctx context.Context, h revision.Hash) (found bool) {
	err := p.repeat(ctx, "looking for a revision", func(ctx context.Context, c *pgx.Conn, there bool) error {
		if !there {
			return ErrNone
		}
		return c.QueryRow(ctx, p.sql("SELECT EXISTS (SELECT FROM state.revisions WHERE hash = $1)"), string(h)).Scan(&found)
	})
	return err == nil && found
}

func row(r *revision.Revision, raw []byte) []any {
	return []any{int64(r.Serial), string(r.Hash), string(r.Parent), r.Lineage, r.Applied, r.By, raw}
}

func (p *Postgres) announce(ctx context.Context, tx pgx.Tx, r *revision.Revision) error {
	_, err := tx.Exec(ctx, "SELECT pg_notify($1, $2)", p.address.channel(), string(r.Hash))
	return err
}

// Fill implements Store.
func (p *Postgres) Fill(ctx context.Context, chain iter.Seq2[*revision.Revision, error]) error {
	return p.use(ctx, "copying revisions", func(ctx context.Context, c *pgx.Conn, there bool) error {
		if !there {
			if err := p.make(ctx, c); err != nil {
				return err
			}
		}
		return pgx.BeginTxFunc(ctx, c, pgx.TxOptions{}, func(tx pgx.Tx) error {
			// Nobody else may put one meanwhile.
			if _, err := tx.Exec(ctx, p.sql("LOCK TABLE state.revisions IN SHARE ROW EXCLUSIVE MODE")); err != nil {
				return err
			}
			var filled bool
			if err := tx.QueryRow(ctx, p.sql("SELECT EXISTS (SELECT FROM state.revisions)")).Scan(&filled); err != nil {
				return err
			}
			if filled {
				return ErrFilled
			}
			var last *revision.Revision
			for r, err := range chain {
				if err != nil {
					return err
				}
				raw, err := json.Marshal(r)
				if err != nil {
					return err
				}
				if _, err := tx.Exec(ctx, p.sql("INSERT INTO state.revisions (serial, hash, parent, lineage, applied, by, content) VALUES ($1, $2, $3, $4, $5, $6, $7)"), row(r, raw)...); err != nil {
					return err
				}
				last = r
			}
			if last == nil {
				return nil
			}
			return p.announce(ctx, tx, last)
		})
	})
}
