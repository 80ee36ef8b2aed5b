package state

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/mailrelay/mailrelay/schema/revision"
)

// Serials implements Store. A file beyond the current revision was being put when
// a process ended, and is none.
func (d *Dir) Serials(ctx context.Context) ([]uint64, error) {
	cur, err := d.Current(ctx)
	if err != nil || cur == nil {
		return nil, err
	}
	entries, err := os.ReadDir(filepath.Join(d.path, "revisions"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var out []uint64
	for _, e := range entries {
		name, ok := strings.CutSuffix(e.Name(), ".json")
		if n, err := strconv.ParseUint(name, 10, 64); ok && err == nil && n <= cur.Serial {
			out = append(out, n)
		}
	}
	slices.Sort(out)
	return out, nil
}

// Fill implements Store. The last revision becomes current when all are written: a
// crash before leaves a store that has none.
func (d *Dir) Fill(ctx context.Context, chain iter.Seq2[*revision.Revision, error]) error {
	unlock, err := d.putting(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	current := filepath.Join(d.path, "current.json")
	if _, err := os.Stat(current); !errors.Is(err, fs.ErrNotExist) {
		return errors.Join(ErrFilled, err)
	}
	var last []byte
	for r, err := range chain {
		if err != nil {
			return err
		}
		if last, err = json.Marshal(r); err != nil {
			return err
		}
		if err := write(d.revisionFile(r.Serial), last); err != nil {
			return fmt.Errorf("writing revision %d: %w", r.Serial, err)
		}
	}
	if last == nil {
		return nil
	}
	return write(current, last)
}
