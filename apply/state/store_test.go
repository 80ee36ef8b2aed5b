package state

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mailrelay/mailrelay/plan/observe/dnstest/daemon"
	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/revision"
)

// next makes a revision that follows r.
func next(r *revision.Revision, by string) *revision.Revision {
	n := &revision.Revision{Lineage: "l", Serial: 1, By: by, Target: []revision.Object{{Addr: schema.Addr{Type: "zone", Name: by}, Value: json.RawMessage(`{"name":"contoso.com"}`)}}}
	if r != nil {
		n.Serial, n.Parent = r.Serial+1, r.Hash
	}
	n.Seal()
	return n
}

// chain makes n revisions.
func chain(n int) []*revision.Revision {
	var out []*revision.Revision
	var last *revision.Revision
	for i := range n {
		last = next(last, fmt.Sprintf("r%d", i))
		out = append(out, last)
	}
	return out
}

func each(rs []*revision.Revision) iter.Seq2[*revision.Revision, error] {
	return func(yield func(*revision.Revision, error) bool) {
		for _, r := range rs {
			if !yield(r, nil) {
				return
			}
		}
	}
}

// fixed is a time without parts of a second.
func fixed() time.Time { return time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC) }

// suite is what holds for every Store. again opens the same store a second time,
// as another process does.
func suite() []suiteCase {
	return []suiteCase{
		{"put and read", putAndRead}, {"one put wins", onePutWins}, {"fill", fill}, {"lock", lock},
		{"locks exclude", locksExclude}, {"watch", watch}, {"watch from the beginning", watchEmpty}, {"nodes", nodes}, {"large", large},
	}
}

type suiteCase struct {
	name string
	run  func(t *testing.T, open func() Store)
}

func TestDir(t *testing.T) {
	for _, tt := range suite() {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "state")
			tt.run(t, func() Store { return OpenDir(path) })
		})
	}
}

func TestPostgres(t *testing.T) {
	db := daemon.NewPostgres(t)
	for i, tt := range suite() {
		t.Run(tt.name, func(t *testing.T) {
			tt.run(t, func() Store { return openSchema(t, db, fmt.Sprintf("s%d", i)) })
		})
	}
	for name, run := range map[string]func(*testing.T, *daemon.Postgres){
		"roles": roles, "versions": versions, "TLS": underTLS, "polling": polling, "break": breakLock, "environment": environment,
	} {
		t.Run(name, func(t *testing.T) { run(t, db) })
	}
}

// openSchema opens the state in a schema, as the superuser.
func openSchema(t testing.TB, db *daemon.Postgres, schema string) *Postgres {
	t.Helper()
	return openAt(t, db.Super()+"&search_path="+schema)
}

func openAt(t testing.TB, address string) *Postgres {
	t.Helper()
	p, err := OpenPostgres(address, fixed)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

func putAndRead(t *testing.T, open func() Store) {
	ctx, s := t.Context(), open()
	if r, err := s.Current(ctx); r != nil || err != nil {
		t.Fatalf("an empty store has %v, %v", r, err)
	}
	if n, err := s.Nodes(ctx); n != nil || err != nil {
		t.Fatalf("an empty store has %v, %v", n, err)
	}
	if n, err := s.Serials(ctx); n != nil || err != nil {
		t.Fatalf("an empty store has %v, %v", n, err)
	}
	if h, err := s.Holder(ctx); h != nil || err != nil {
		t.Fatalf("an empty store is locked by %v, %v", h, err)
	}
	if _, err := s.At(ctx, 1); !errors.Is(err, ErrNone) {
		t.Fatalf("an empty store has revision 1: %v", err)
	}
	one := next(nil, "a")
	two := next(one, "b")
	for _, r := range []*revision.Revision{one, two} {
		if err := s.Put(ctx, r); err != nil {
			t.Fatal(err)
		}
	}
	for _, s := range []Store{s, open()} {
		got, err := s.Current(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(two, got); diff != "" {
			t.Error(diff)
		}
		if got, err := s.At(ctx, 1); err != nil || got.Hash != one.Hash {
			t.Errorf("revision 1: %v, %v", got, err)
		}
		if _, err := s.At(ctx, 9); !errors.Is(err, ErrNone) || !strings.Contains(err.Error(), "revision 9") {
			t.Errorf("revision 9: %v", err)
		}
		if n, err := s.Serials(ctx); !slices.Equal(n, []uint64{1, 2}) || err != nil {
			t.Errorf("the store has %v, %v", n, err)
		}
		for what, r := range map[string]*revision.Revision{"a fork": next(one, "c"), "a second beginning": next(nil, "d"), "one again": two, "what follows nothing": next(next(two, "e"), "f")} {
			if err := s.Put(ctx, r); !errors.Is(err, ErrStale) {
				t.Errorf("%s was put: %v", what, err)
			}
		}
	}
}

func onePutWins(t *testing.T, open func() Store) {
	ctx := t.Context()
	var base *revision.Revision
	stores := map[string]Store{}
	for _, by := range strings.Split("abcdefghij", "") {
		stores[by] = open()
	}
	for range 10 { // the first round makes the store, too
		var wg sync.WaitGroup
		won := make(chan string, len(stores))
		for by, s := range stores {
			wg.Go(func() {
				switch err := s.Put(ctx, next(base, by)); {
				case err == nil:
					won <- by
				case !errors.Is(err, ErrStale):
					t.Errorf("%s: %v", by, err)
				}
			})
		}
		wg.Wait()
		if len(won) != 1 {
			t.Fatalf("%d revisions were put on one parent", len(won))
		}
		var err error
		if base, err = open().Current(ctx); err != nil || base.By != <-won {
			t.Fatalf("the current revision is not the one that was put: %v, %v", base, err)
		}
	}
}

func fill(t *testing.T, open func() Store) {
	ctx, rs := t.Context(), chain(4)
	s := open()
	bad := errors.New("it cannot be read")
	err := s.Fill(ctx, func(yield func(*revision.Revision, error) bool) {
		_ = yield(rs[1], nil) && yield(nil, bad)
	})
	if !errors.Is(err, bad) {
		t.Fatalf("got %v", err)
	}
	if r, err := s.Current(ctx); r != nil || err != nil {
		t.Fatalf("half of a chain was filled in: %v, %v", r, err)
	}
	if err := s.Fill(ctx, each(nil)); err != nil {
		t.Fatal(err)
	}
	if err := s.Fill(ctx, each(rs[1:3])); err != nil { // the first was deleted
		t.Fatal(err)
	}
	if err := s.Fill(ctx, each(rs)); !errors.Is(err, ErrFilled) {
		t.Errorf("got %v", err)
	}
	if r, err := s.Current(ctx); err != nil || r.Hash != rs[2].Hash {
		t.Fatalf("got %v, %v", r, err)
	}
	if n, err := s.Serials(ctx); !slices.Equal(n, []uint64{2, 3}) || err != nil {
		t.Errorf("the store has %v, %v", n, err)
	}
	if err := s.Put(ctx, rs[3]); err != nil {
		t.Errorf("the chain does not go on: %v", err)
	}
}

func lock(t *testing.T, open func() Store) {
	ctx, s, other := t.Context(), open(), open()
	who := Info{Who: "ann@build1", PID: 7, Operation: "apply", Since: fixed()}
	unlock, err := s.Lock(ctx, who, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []Store{s, other} {
		if h, err := s.Holder(ctx); err != nil || h == nil || *h != who {
			t.Errorf("the holder is %v, %v", h, err)
		}
		var held *LockedError
		if _, err := s.Lock(ctx, Info{}, 0); !errors.As(err, &held) || held.Holder != who {
			t.Fatalf("got %v", err)
		}
		if want := "the state is locked by ann@build1 (process 7, apply, since 2026-01-02T03:04:05Z); wait for it, with -lock-timeout=5m for example"; held.Error() != want {
			t.Errorf("got %q", held)
		}
	}
	got := make(chan error)
	go func() {
		again, err := other.Lock(ctx, who, time.Minute)
		if err == nil {
			err = again()
		}
		got <- err
	}()
	if err := unlock(); err != nil {
		t.Fatal(err)
	}
	if err := <-got; err != nil {
		t.Errorf("waiting for the lock: %v", err)
	}
	if h, err := other.Holder(ctx); h != nil || err != nil {
		t.Errorf("a free lock is held by %v, %v", h, err)
	}
	unlock, err = s.Lock(ctx, who, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	stopped, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := other.Lock(stopped, who, time.Minute); !errors.Is(err, context.Canceled) {
		t.Errorf("whoever waits and is stopped gets %v", err)
	}
}

// locksExclude has ten contend for the lock.
func locksExclude(t *testing.T, open func() Store) {
	const each = 5
	var wg sync.WaitGroup
	var inside, n atomic.Int64
	for i := range 10 {
		s := open()
		wg.Go(func() {
			for range each {
				unlock, err := s.Lock(t.Context(), Info{Who: fmt.Sprint(i)}, time.Minute)
				if err != nil {
					t.Error(err)
					return
				}
				if at := inside.Add(1); at != 1 {
					t.Errorf("%d have the lock", at)
				}
				runtime.Gosched()
				inside.Add(-1)
				n.Add(1)
				if err := unlock(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if n.Load() != 10*each {
		t.Errorf("%d in all", n.Load())
	}
}

func watch(t *testing.T, open func() Store) {
	ctx, cancel := context.WithCancel(t.Context())
	s := open()
	r := next(nil, "a")
	if err := s.Put(ctx, r); err != nil {
		t.Fatal(err)
	}
	ch, err := open().Watch(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for range 4 {
		if got := <-ch; got != r.Hash {
			t.Fatalf("got %s, want %s", got.Short(), r.Hash.Short())
		}
		r = next(r, "b")
		if err := s.Put(ctx, r); err != nil {
			t.Fatal(err)
		}
	}
	cancel()
	for range ch { // the last one may still come
	}
}

func watchEmpty(t *testing.T, open func() Store) {
	s := open()
	ch, err := s.Watch(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	r := next(nil, "a")
	if err := open().Put(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	if got := <-ch; got != r.Hash {
		t.Errorf("got %s", got.Short())
	}
}

func nodes(t *testing.T, open func() Store) {
	ctx, s := t.Context(), open()
	b := Node{Name: "b/1", At: fixed(), Queue: 3, Listeners: []string{"127.0.0.1:25"}, Refused: "x", LastError: "the port is taken"}
	a := Node{Name: "a", At: fixed()}
	for _, n := range []Node{b, {Name: "b/1", At: fixed(), Queue: 7}, a, b} {
		if err := s.Report(ctx, n); err != nil {
			t.Fatal(err)
		}
	}
	got, err := open().Nodes(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for i := range got { // a database says how old a report is, by its own clock
		if late := fixed().Sub(got[i].At); late < 0 || late > Stale {
			t.Errorf("%s reported %s ago", got[i].Name, late)
		}
		got[i].At = fixed()
	}
	if diff := cmp.Diff([]Node{a, b}, got); diff != "" {
		t.Error(diff)
	}
	if err := s.Forget(ctx, "b/1"); err != nil {
		t.Error(err)
	}
	if err := s.Forget(ctx, "b/1"); !errors.Is(err, ErrNoNode) {
		t.Errorf("got %v", err)
	}
	if got, err := s.Nodes(ctx); err != nil || len(got) != 1 || got[0].Name != "a" {
		t.Errorf("got %v, %v", got, err)
	}
}

// large puts a revision of 2 MiB.
func large(t *testing.T, open func() Store) {
	ctx, s := t.Context(), open()
	r := next(nil, "a")
	r.Target[0].Value = json.RawMessage(`{"name":"` + strings.Repeat("é", 1<<20) + `"}`)
	r.Seal()
	if err := s.Put(ctx, r); err != nil {
		t.Fatal(err)
	}
	got, err := s.Current(ctx)
	if err != nil || got.Hash != r.Hash || string(got.Target[0].Value) != string(r.Target[0].Value) {
		t.Errorf("what comes back is another one: %v", err)
	}
}

func TestLive(t *testing.T) {
	n := Node{At: fixed()}
	if !n.Live(fixed().Add(time.Second)) || n.Live(fixed().Add(time.Minute)) || (Node{At: fixed(), Stopped: true}).Live(fixed()) {
		t.Error("Live is wrong")
	}
}
