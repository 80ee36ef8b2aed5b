package state

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// Report implements Store. The time of the report is the server's: the clocks of
// machines differ.
func (p *Postgres) Report(ctx context.Context, n Node) error {
	raw, err := json.Marshal(n)
	if err != nil {
		return err
	}
	return p.repeat(ctx, "reporting", func(ctx context.Context, c *pgx.Conn, there bool) error {
		if !there {
			if err := p.make(ctx, c); err != nil {
				return err
			}
		}
		_, err := c.Exec(ctx, p.sql("INSERT INTO state.nodes (name, at, report) VALUES ($1, clock_timestamp(), $2) ON CONFLICT (name) DO UPDATE SET at = excluded.at, report = excluded.report"), n.Name, string(raw))
		return err
	})
}

// Nodes implements Store. Node.At is by the clock of this machine.
func (p *Postgres) Nodes(ctx context.Context) ([]Node, error) {
	var out []Node
	err := p.repeat(ctx, "reading what relay nodes report", func(ctx context.Context, c *pgx.Conn, there bool) error {
		if !there {
			return nil
		}
		rows, err := c.Query(ctx, p.sql("SELECT name, report, extract(epoch FROM clock_timestamp() - at)::float8 FROM state.nodes ORDER BY name COLLATE \"C\""))
		if err != nil {
			return err
		}
		out, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (n Node, err error) {
			var name, report string
			var age float64 // seconds
			if err := row.Scan(&name, &report, &age); err != nil {
				return n, err
			}
			if err := json.Unmarshal([]byte(report), &n); err != nil {
				return n, fmt.Errorf("the report of %s: %w", name, err)
			}
			n.At = p.clock().Add(-time.Duration(age * float64(time.Second)))
			return n, nil
		})
		return err
	})
	return out, err
}

// Forget implements Store.
func (p *Postgres) Forget(ctx context.Context, node string) error {
	return p.use(ctx, "forgetting a node", func(ctx context.Context, c *pgx.Conn, there bool) error {
		if !there {
			return fmt.Errorf("node %s: %w", node, ErrNoNode)
		}
		done, err := c.Exec(ctx, p.sql("DELETE FROM state.nodes WHERE name = $1"), node)
		if err == nil && done.RowsAffected() == 0 {
			return fmt.Errorf("node %s: %w", node, ErrNoNode)
		}
		return err
	})
}
