package spool

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// flip changes a byte of a file.
func flip(t *testing.T, fs vfs.FS, name string, at int64) {
	t.Helper()
	f, err := fs.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	raw[at] ^= 0xff
	out, err := fs.Create(name, "test")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := out.Write(raw); err != nil {
		t.Fatal(err)
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
}

// files lists the files of the store with an ending, and their sizes.
func files(t *testing.T, fs vfs.FS, ending string) (names []string, sizes map[string]int64) {
	t.Helper()
	all, err := fs.List("spool")
	if err != nil {
		t.Fatal(err)
	}
	sizes = map[string]int64{}
	for _, n := range all {
		if strings.HasSuffix(n, ending) {
			fi, err := fs.Stat(path.Join("spool", n))
			if err != nil {
				t.Fatal(err)
			}
			names, sizes[n] = append(names, n), fi.Size()
		}
	}
	slices.Sort(names)
	return names, sizes
}

// filled is a disk on which a queue of messages was left without being closed, and
// what it holds.
func filled(t *testing.T, messages int, memTable uint64) (vfs.FS, map[string][]byte) {
	t.Helper()
	mem := vfs.NewCrashableMem()
	s := open(t, Options{FS: mem, memTable: memTable})
	told := map[string][]byte{}
	for n := range messages {
		content := bytes.Repeat([]byte(fmt.Sprintf("%07d\n", n)), 500)
		env, _, err := put(s, content)
		if err != nil {
			t.Fatal(err)
		}
		told[env.ID] = content
	}
	disk := mem.CrashClone(vfs.CrashCloneCfg{})
	closed(t, s)
	return disk, told
}

// tables is filled, where all messages are in tables, and there are no others.
func tables(t *testing.T, messages int) (vfs.FS, map[string][]byte) {
	t.Helper()
	disk, told := filled(t, messages, small)
	for range 2 { // the first moves what was in the log, the second clears up
		closed(t, open(t, Options{FS: disk, memTable: small}))
	}
	return disk, told
}

// served opens a damaged queue, and counts the messages of told that it still has,
// in the list and in full. None may come back as another than it was.
func served(t *testing.T, fs vfs.FS, told map[string][]byte) (listed, whole int, log string) {
	t.Helper()
	var b strings.Builder
	s := open(t, Options{FS: fs, Log: slog.New(slog.NewTextHandler(&b, nil))})
	for _, env := range all(t, s) {
		listed++
		got, err := read(s, env.ID)
		if err != nil {
			continue
		}
		if whole++; !bytes.Equal(got, told[env.ID]) {
			t.Errorf("%s came back with %d bytes of %d", env.ID, len(got), len(told[env.ID]))
		}
	}
	if _, _, err := put(s, []byte("x")); err != nil { // and it takes mail
		t.Error(err)
	}
	closed(t, s)
	return listed, whole, b.String()
}

// TestDamagedLog flips bytes in the log of a queue that was not closed: what is in
// other blocks is served, and it is said what is not.
func TestDamagedLog(t *testing.T) {
	const messages = 100
	for _, part := range []int64{0, 1, 2, 3} { // quarters of the log
		t.Run(fmt.Sprint(part), func(t *testing.T) {
			disk, told := filled(t, messages, memTable)
			names, sizes := files(t, disk, ".log")
			name := names[len(names)-1]
			if sizes[name] < 4*walBlock {
				t.Fatalf("the log has %d bytes", sizes[name])
			}
			flip(t, disk, "spool/"+name, sizes[name]*part/4+5000)
			listed, whole, log := served(t, disk, told)
			// A block of 32 KiB has eight messages, and one more at either end.
			if listed < messages-10 || listed >= messages || whole != listed {
				t.Errorf("%d of %d messages are listed and %d served", listed, messages, whole)
			}
			if !strings.Contains(log, "a log of the queue is damaged") || !strings.Contains(log, name+aside) {
				t.Errorf("the log says\n%s", log)
			}
			if kept, _ := files(t, disk, aside); len(kept) != 1 {
				t.Errorf("kept aside: %v", kept)
			}
		})
	}
}

// TestDamagedTable flips a byte in a file of messages, here and there: what lies in
// other blocks of it, and in other files, is served, and it is said what is not.
func TestDamagedTable(t *testing.T) {
	const messages = 400
	for part := range int64(5) {
		t.Run(fmt.Sprint(part), func(t *testing.T) {
			disk, told := tables(t, messages)
			names, sizes := files(t, disk, ".sst")
			flip(t, disk, "spool/"+names[0], sizes[names[0]]*part/5+100)
			listed, whole, log := served(t, disk, told)
			// One block has some dozen envelopes, or the content of one message or two.
			if listed < messages-40 || whole < listed-2 {
				t.Errorf("%d of %d messages are listed and %d served", listed, messages, whole)
			}
			if listed == messages && whole == messages {
				t.Error("nothing is damaged")
			}
			if listed < messages && !strings.Contains(log, "a part of the queue is damaged") {
				t.Errorf("the log says\n%s", log)
			}
		})
	}
}

// TestLostTable damages the index of a file: all that is in it is gone, and the
// rest is served.
func TestLostTable(t *testing.T) {
	disk, told := tables(t, 200)
	names, sizes := files(t, disk, ".sst")
	if len(names) != 1 {
		t.Fatalf("there are %v", names)
	}
	const later = 10
	s := open(t, Options{FS: disk})
	for range later {
		env, _, err := put(s, []byte("later"))
		if err != nil {
			t.Fatal(err)
		}
		told[env.ID] = []byte("later")
	}
	closed(t, s)
	flip(t, disk, "spool/"+names[0], sizes[names[0]]-3) // of the magic number at the end
	listed, whole, log := served(t, disk, told)
	if listed != later || whole != later || !strings.Contains(log, "a part of the queue is damaged") {
		t.Errorf("%d messages are listed and %d served, want %d; the log says\n%s", listed, whole, later, log)
	}
	if n := strings.Count(log, `"a file of the queue is damaged"`); n != 1 || !strings.Contains(log, names[0]) {
		t.Errorf("it is said %d times which file it is:\n%s", n, log)
	}
}
