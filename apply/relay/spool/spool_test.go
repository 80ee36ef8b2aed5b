package spool

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/google/go-cmp/cmp"

	"github.com/mailrelay/mailrelay/schema"
)

func open(t *testing.T, o Options) *Spool {
	t.Helper()
	s, err := Open("spool", o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func closed(t *testing.T, s *Spool) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func put(s *Spool, content []byte) (Envelope, []byte, error) {
	d := s.New()
	if _, err := d.Write(content); err != nil {
		d.Abort()
		return Envelope{}, nil, err
	}
	return d.Commit(Envelope{
		From:  schema.Mailbox{Local: "a", Domain: "contoso.com"},
		Rcpts: []Rcpt{{To: schema.Mailbox{Local: "b c", Domain: "fabrikam.com"}}},
	})
}

func all(t *testing.T, s *Spool) (out []Envelope) {
	t.Helper()
	if err := s.Each(func(e Envelope) error { out = append(out, e); return nil }); err != nil {
		t.Fatal(err)
	}
	return out
}

func read(s *Spool, id string) ([]byte, error) {
	r, err := s.Body(id)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(r)
}

func TestRoundTrip(t *testing.T) {
	for _, size := range []int{0, 1, 4096, chunk - 1, chunk, chunk + 1, 5*chunk + 17} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			fs := vfs.NewMem()
			clock := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
			s := open(t, Options{FS: fs, Clock: func() time.Time { return clock }})
			want := make([]byte, size)
			rand.Read(want)
			env, body, err := put(s, want)
			if err != nil {
				t.Fatal(err)
			}
			if small := size <= chunk; small != (body != nil) {
				t.Errorf("body given back: %v", body != nil)
			}
			if body != nil && !bytes.Equal(body, want) {
				t.Error("the body given back differs")
			}
			if env.Size != int64(size) || !env.Received.Equal(clock) {
				t.Errorf("size %d, received %s", env.Size, env.Received)
			}
			for range 2 { // as it is, and opened again
				if diff := cmp.Diff([]Envelope{env}, all(t, s)); diff != "" {
					t.Error(diff)
				}
				got, err := read(s, env.ID)
				if err != nil || !bytes.Equal(got, want) {
					t.Errorf("read %d bytes: %v", len(got), err)
				}
				closed(t, s)
				s = open(t, Options{FS: fs})
			}
			if err := s.Remove(env.ID); err != nil {
				t.Fatal(err)
			}
			closed(t, s)
			s = open(t, Options{FS: fs})
			defer closed(t, s)
			if got := all(t, s); got != nil {
				t.Errorf("removed, and still there: %v", got)
			}
			if _, err := read(s, env.ID); !errors.Is(err, ErrGone) {
				t.Errorf("reading what was removed: %v", err)
			}
			if n := keys(t, s); n != 0 {
				t.Errorf("%d keys remain", n)
			}
		})
	}
}

func keys(t *testing.T, s *Spool) (n int) {
	t.Helper()
	it, err := s.db.NewIter(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer it.Close()
	for ok := it.First(); ok; ok = it.Next() {
		n++
	}
	return n
}

func TestUpdate(t *testing.T) {
	fs := vfs.NewMem()
	s := open(t, Options{FS: fs})
	env, _, err := put(s, []byte("x"))
	if err != nil {
		t.Fatal(err)
	}
	env.Tries, env.LastError = 3, "421 4.3.2 later"
	if err := s.Update(env); err != nil {
		t.Fatal(err)
	}
	closed(t, s)
	s = open(t, Options{FS: fs})
	defer closed(t, s)
	if diff := cmp.Diff([]Envelope{env}, all(t, s)); diff != "" {
		t.Error(diff)
	}
}

func TestAbortedDraftsLeaveNothing(t *testing.T) {
	fs := vfs.NewMem()
	s := open(t, Options{FS: fs})
	big := make([]byte, 3*chunk)
	aborted, left := s.New(), s.New()
	for _, d := range []*Draft{aborted, left} {
		if _, err := d.Write(big); err != nil {
			t.Fatal(err)
		}
	}
	kept, _, err := put(s, big)
	if err != nil {
		t.Fatal(err)
	}
	aborted.Abort()
	if _, _, err := aborted.Commit(Envelope{}); !errors.Is(err, ErrClosed) {
		t.Errorf("commit after abort: %v", err)
	}
	closed(t, s)
	s = open(t, Options{FS: fs})
	defer closed(t, s)
	if n := keys(t, s); n != 1+3 {
		t.Errorf("%d keys, want the envelope and three chunks of %s", n, kept.ID)
	}
	if id := s.New().ID(); id <= left.ID() {
		t.Errorf("id %s was given after %s", id, left.ID())
	}
}

func TestDamagedEnvelopeIsReportedAndSkipped(t *testing.T) {
	var log strings.Builder
	s := open(t, Options{FS: vfs.NewMem(), Log: slog.New(slog.NewTextHandler(&log, nil))})
	defer closed(t, s)
	first, _, _ := put(s, []byte("1"))
	second, _, _ := put(s, []byte("2"))
	third, _, _ := put(s, []byte("3"))
	if err := s.db.Set(envelopeKey(second.ID), []byte(`{"id":"`+second.ID+`","from":"no address"}`), pebble.Sync); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]Envelope{first, third}, all(t, s)); diff != "" {
		t.Error(diff)
	}
	if !strings.Contains(log.String(), second.ID) {
		t.Errorf("the log does not name %s:\n%s", second.ID, log.String())
	}
}

func TestMissingChunkIsAnError(t *testing.T) {
	s := open(t, Options{FS: vfs.NewMem()})
	defer closed(t, s)
	env, _, err := put(s, make([]byte, 4*chunk))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.db.Delete(chunkKey(env.ID, 2), pebble.Sync); err != nil {
		t.Fatal(err)
	}
	if got, err := read(s, env.ID); !errors.Is(err, ErrGone) {
		t.Errorf("read %d bytes: %v", len(got), err)
	}
}

func TestIDs(t *testing.T) {
	at := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	g := ids{clock: func() time.Time { return at }}
	var got []string
	for i := range 40 {
		switch i {
		case 10:
			at = at.Add(-time.Hour) // the clock goes back
		case 20:
			at = at.Add(48 * time.Hour)
		}
		got = append(got, g.next())
	}
	if !slices.IsSorted(got) || len(slices.Compact(slices.Clone(got))) != len(got) {
		t.Errorf("not sorted, or not unique: %v", got)
	}
	for _, id := range got {
		if back := formatID(parseID(id)); back != id {
			t.Errorf("%s reads back as %s", id, back)
		}
	}
	for _, bad := range []string{"", "0", "zzzzzzzzzzz", "0123456789U"} {
		if n := parseID(bad); n != 0 {
			t.Errorf("%q reads as %d", bad, n)
		}
	}
}

func TestFree(t *testing.T) {
	fs := vfs.NewMem()
	at := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	s := open(t, Options{FS: fs, Clock: func() time.Time { return at }, MinFree: 1 << 20})
	defer closed(t, s)
	if err := s.Free(); err != nil {
		t.Errorf("a system that does not tell: %v", err)
	}
	fs.TestingSetDiskUsage(vfs.DiskUsage{AvailBytes: 1<<20 - 1})
	if err := s.Free(); err != nil {
		t.Errorf("asked again within a second: %v", err)
	}
	at = at.Add(freeEvery)
	if err := s.Free(); !errors.Is(err, ErrFull) {
		t.Errorf("too little space: %v", err)
	}
	d := s.New()
	if _, err := d.Write(make([]byte, chunk)); err != nil {
		t.Errorf("what fits into memory: %v", err)
	}
	if _, err := d.Write(make([]byte, 1)); !errors.Is(err, ErrFull) {
		t.Errorf("a message that outgrows memory on a full disk: %v", err)
	}
	if _, _, err := d.Commit(Envelope{}); !errors.Is(err, ErrFull) {
		t.Errorf("and its commit: %v", err)
	}
	for _, step := range []struct {
		free uint64
		full bool
	}{
		{1 << 20, true}, // enough, but not to begin again
		{1<<20 + 1<<17 - 1, true},
		{1<<20 + 1<<17, false},
		{1 << 20, false}, // and not so little that it ends again
		{1<<20 - 1, true},
		{1<<20 + 1<<17, false},
	} {
		fs.TestingSetDiskUsage(vfs.DiskUsage{AvailBytes: step.free})
		at = at.Add(freeEvery)
		if err := s.Free(); errors.Is(err, ErrFull) != step.full {
			t.Errorf("%d bytes are free: %v", step.free, err)
		}
	}
}
