package state

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/revision"
)

func open(t *testing.T) *Dir {
	t.Helper()
	return OpenDir(filepath.Join(t.TempDir(), "state"))
}

// next makes a revision that follows r.
func next(r *revision.Revision, by string) *revision.Revision {
	n := &revision.Revision{Lineage: "l", Serial: 1, By: by, Target: []revision.Object{{Addr: schema.Addr{Type: "zone", Name: by}, Value: json.RawMessage(`{"name":"contoso.com"}`)}}}
	if r != nil {
		n.Serial, n.Parent = r.Serial+1, r.Hash
	}
	n.Seal()
	return n
}

func TestPutAndRead(t *testing.T) {
	ctx, d := context.Background(), open(t)
	if r, err := d.Current(ctx); r != nil || err != nil {
		t.Fatalf("an empty store has %v, %v", r, err)
	}
	if n, err := d.Nodes(ctx); n != nil || err != nil {
		t.Fatalf("an empty store has %v, %v", n, err)
	}
	if _, err := os.Stat(d.Path()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("reading made the directory: %v", err)
	}
	one := next(nil, "a")
	two := next(one, "b")
	for _, r := range []*revision.Revision{one, two} {
		if err := d.Put(ctx, r); err != nil {
			t.Fatal(err)
		}
	}
	got, err := d.Current(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(two, got); diff != "" {
		t.Error(diff)
	}
	if got, err := d.At(ctx, 1); err != nil || got.Hash != one.Hash {
		t.Errorf("revision 1: %v, %v", got, err)
	}
	if _, err := d.At(ctx, 9); !errors.Is(err, ErrNone) {
		t.Errorf("revision 9: %v", err)
	}
	if err := d.Put(ctx, next(one, "c")); !errors.Is(err, ErrStale) {
		t.Errorf("a fork was put: %v", err)
	}
	if runtime.GOOS != "windows" {
		if fi, err := os.Stat(d.Path()); err != nil || fi.Mode().Perm() != 0o700 {
			t.Errorf("mode of the state directory: %v, %v", fi.Mode(), err)
		}
	}
	if raw, err := os.ReadFile(filepath.Join(d.Path(), ".gitignore")); string(raw) != "*\n" {
		t.Errorf(".gitignore: %q, %v", raw, err)
	}
}

func TestPutOneWins(t *testing.T) {
	ctx, d := context.Background(), open(t)
	base := next(nil, "base")
	if err := d.Put(ctx, base); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	won := make(chan string, 10)
	for _, by := range strings.Split("abcdefghij", "") {
		wg.Go(func() {
			if d.Put(ctx, next(base, by)) == nil {
				won <- by
			}
		})
	}
	wg.Wait()
	if len(won) != 1 {
		t.Fatalf("%d revisions were put on one parent", len(won))
	}
	if r, _ := d.Current(ctx); r.By != <-won {
		t.Error("the current revision is not the one that was put")
	}
}

func TestDamageIsSaid(t *testing.T) {
	ctx, d := context.Background(), open(t)
	if err := d.Put(ctx, next(nil, "a")); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(d.Path(), "current.json")
	raw, _ := os.ReadFile(file)
	os.WriteFile(file, []byte(strings.Replace(string(raw), "contoso", "fabrikam", 1)), 0o600)
	if _, err := d.Current(ctx); err == nil || !strings.Contains(err.Error(), "damaged") {
		t.Errorf("got %v", err)
	}
	os.WriteFile(file, []byte(strings.Replace(string(raw), `"format":1`, `"format":99`, 1)), 0o600)
	if _, err := d.Current(ctx); err == nil || !strings.Contains(err.Error(), "newer") {
		t.Errorf("got %v", err)
	}
}

func TestLock(t *testing.T) {
	ctx, d := context.Background(), open(t)
	who := Info{Who: "ann@build1", PID: 7, Operation: "apply", Since: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
	unlock, err := d.Lock(ctx, who, 0)
	if err != nil {
		t.Fatal(err)
	}
	var held *LockedError
	if _, err := d.Lock(ctx, Info{}, 0); !errors.As(err, &held) || held.Holder != who {
		t.Fatalf("got %v", err)
	}
	if want := "the state is locked by ann@build1 (process 7, apply, since 2026-01-02T03:04:05Z); wait for it, with -lock-timeout=5m for example"; held.Error() != want {
		t.Errorf("got %q", held)
	}
	got := make(chan error)
	go func() {
		again, err := d.Lock(ctx, who, time.Minute)
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
}

func TestWatch(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	d := open(t)
	ch, err := d.Watch(ctx)
	if err != nil {
		t.Fatal(err)
	}
	r := next(nil, "a")
	for range 3 {
		if err := d.Put(ctx, r); err != nil {
			t.Fatal(err)
		}
		if got := <-ch; got != r.Hash {
			t.Fatalf("got %s, want %s", got.Short(), r.Hash.Short())
		}
		r = next(r, "b")
	}
	cancel()
	if _, open := <-ch; open {
		t.Error("the channel is still open")
	}
}

func TestNodes(t *testing.T) {
	ctx, d := context.Background(), open(t)
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	b := Node{Name: "b/1", At: at, Queue: 3}
	a := Node{Name: "a", At: at}
	for _, n := range []Node{b, a, b} {
		if err := d.Report(ctx, n); err != nil {
			t.Fatal(err)
		}
	}
	got, err := d.Nodes(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]Node{a, b}, got); diff != "" {
		t.Error(diff)
	}
	if !a.Live(at.Add(time.Second)) || a.Live(at.Add(time.Minute)) || (Node{At: at, Stopped: true}).Live(at) {
		t.Error("Live is wrong")
	}
}
