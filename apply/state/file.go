package state

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/gofrs/flock"

	"github.com/mailrelay/mailrelay/schema/revision"
)

// Dir is a Store in a directory. It holds
//
//	current.json        the newest revision
//	revisions/N.json    every revision
//	nodes/NAME.json     what each relay node said last
//	lock, lock.json     who applies
//
// Every file is written aside and renamed, so that a reader never sees half of
// one.
type Dir struct {
	path string
	poll time.Duration
}

// OpenDir gives the store in the directory at path. It is made, for its owner
// alone and unknown to Git, when something is first written to it: reading leaves
// no trace.
func OpenDir(path string) *Dir {
	return &Dir{path: path, poll: 250 * time.Millisecond}
}

// Make makes the directory if it is not there.
func (d *Dir) Make() error {
	for _, sub := range []string{"", "revisions", "nodes"} {
		if err := os.MkdirAll(filepath.Join(d.path, sub), 0o700); err != nil {
			return fmt.Errorf("making the state directory: %w", err)
		}
	}
	ignore := filepath.Join(d.path, ".gitignore")
	if _, err := os.Stat(ignore); errors.Is(err, fs.ErrNotExist) {
		return write(ignore, []byte("*\n"))
	}
	return nil
}

// Path is the directory.
func (d *Dir) Path() string { return d.path }

// Current implements Store.
func (d *Dir) Current(context.Context) (*revision.Revision, error) {
	r, err := read(filepath.Join(d.path, "current.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return r, err
}

// At implements Store.
func (d *Dir) At(_ context.Context, serial uint64) (*revision.Revision, error) {
	r, err := read(d.revisionFile(serial))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("revision %d: %w", serial, ErrNone)
	}
	return r, err
}

func (d *Dir) revisionFile(serial uint64) string {
	return filepath.Join(d.path, "revisions", fmt.Sprintf("%d.json", serial))
}

func read(path string) (*revision.Revision, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	r, err := revision.Read(raw)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	return r, nil
}

// Put implements Store. The revision is in its own file before it becomes
// current: a crash between the two leaves the old one current, and the file is
// written again.
func (d *Dir) Put(ctx context.Context, r *revision.Revision) error {
	unlock, err := d.putting(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	current := filepath.Join(d.path, "current.json")
	if cur, err := currentHash(current); err != nil {
		return err
	} else if cur != r.Parent {
		return ErrStale
	}
	raw, err := json.Marshal(r)
	if err != nil {
		return err
	}
	if err := write(d.revisionFile(r.Serial), raw); err != nil {
		return fmt.Errorf("writing revision %d: %w", r.Serial, err)
	}
	if err := write(current, raw); err != nil {
		return fmt.Errorf("writing revision %d: %w", r.Serial, err)
	}
	return nil
}

// putting makes the directory and keeps others from putting until unlock is called.
func (d *Dir) putting(ctx context.Context) (unlock func() error, err error) {
	if err := d.Make(); err != nil {
		return nil, err
	}
	mutex := flock.New(filepath.Join(d.path, "put"))
	if _, err := mutex.TryLockContext(ctx, 10*time.Millisecond); err != nil {
		return nil, fmt.Errorf("locking the state: %w", err)
	}
	return mutex.Close, nil
}

// currentHash is the hash of the revision in the file at path, empty if there is
// none.
func currentHash(path string) (revision.Hash, error) {
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	h, err := revision.HashIn(raw)
	if err != nil {
		return "", fmt.Errorf("reading %s: %w", path, err)
	}
	return h, nil
}

// Lock implements Store. The lock is the operating system's, so it ends with the
// process.
func (d *Dir) Lock(ctx context.Context, who Info, timeout time.Duration) (func() error, error) {
	if err := d.Make(); err != nil {
		return nil, err
	}
	l := flock.New(filepath.Join(d.path, "lock"))
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	got, err := l.TryLock()
	if !got && err == nil && timeout > 0 {
		got, err = l.TryLockContext(ctx, 50*time.Millisecond)
		if errors.Is(err, context.DeadlineExceeded) {
			err = nil
		}
	}
	switch {
	case err != nil:
		return nil, fmt.Errorf("locking the state: %w", err)
	case !got:
		return nil, &LockedError{d.holder()}
	}
	raw, err := json.Marshal(who)
	if err == nil {
		err = write(d.holderFile(), raw)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("locking the state: %w", err), l.Close())
	}
	return func() error {
		_ = os.Remove(d.holderFile())
		return l.Close()
	}, nil
}

func (d *Dir) holderFile() string { return filepath.Join(d.path, "lock.json") }

// holder is who wrote down last that the lock is his: a courtesy, and empty if it
// cannot be read.
func (d *Dir) holder() (who Info) {
	if raw, err := os.ReadFile(d.holderFile()); err == nil {
		_ = json.Unmarshal(raw, &who)
	}
	return who
}

// Holder implements Store.
func (d *Dir) Holder(context.Context) (*Info, error) {
	// Trying a lock that is free could be in the way of who wants it just then.
	if _, err := os.Stat(d.holderFile()); errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	l := flock.New(filepath.Join(d.path, "lock"))
	got, err := l.TryRLock()
	if err != nil {
		return nil, fmt.Errorf("asking who holds the lock: %w", err)
	}
	if got {
		return nil, l.Close()
	}
	who := d.holder()
	return &who, nil
}

// Watch implements Store. It looks four times a second.
func (d *Dir) Watch(ctx context.Context) (<-chan revision.Hash, error) {
	ch := make(chan revision.Hash, 1)
	go func() {
		defer close(ch)
		tick := time.NewTicker(d.poll)
		defer tick.Stop()
		var last revision.Hash
		var seen fs.FileInfo
		for {
			// A stat is enough until the file is another one: it is always replaced.
			if fi, err := os.Stat(filepath.Join(d.path, "current.json")); err == nil && (seen == nil || !os.SameFile(fi, seen) || fi.ModTime() != seen.ModTime()) {
				if r, err := d.Current(ctx); err == nil && r != nil {
					seen = fi
					if r.Hash != last {
						last = r.Hash
						select {
						case ch <- last:
						case <-ctx.Done():
							return
						}
					}
				}
			}
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
		}
	}()
	return ch, nil
}

// Report implements Store.
func (d *Dir) Report(_ context.Context, n Node) error {
	if err := d.Make(); err != nil {
		return err
	}
	raw, err := json.MarshalIndent(n, "", "  ")
	if err != nil {
		return err
	}
	return write(d.nodeFile(n.Name), append(raw, '\n'))
}

// Forget implements Store.
func (d *Dir) Forget(_ context.Context, node string) error {
	err := os.Remove(d.nodeFile(node))
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("node %s: %w", node, ErrNoNode)
	}
	return err
}

func (d *Dir) nodeFile(name string) string {
	return filepath.Join(d.path, "nodes", url.PathEscape(name)+".json")
}

// Nodes implements Store.
func (d *Dir) Nodes(context.Context) ([]Node, error) {
	entries, err := os.ReadDir(filepath.Join(d.path, "nodes"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var out []Node
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".json") || strings.HasPrefix(e.Name(), ".") {
			continue
		}
		raw, err := os.ReadFile(filepath.Join(d.path, "nodes", e.Name()))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		var n Node
		if err := json.Unmarshal(raw, &n); err != nil {
			return nil, fmt.Errorf("reading the report %s: %w", e.Name(), err)
		}
		out = append(out, n)
	}
	slices.SortFunc(out, func(a, b Node) int { return strings.Compare(a.Name, b.Name) })
	return out, nil
}
