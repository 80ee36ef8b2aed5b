package journal

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mailrelay/mailrelay/schema"
)

// clock is one that a test moves.
type clock struct{ now time.Time }

func (c *clock) read() time.Time { return c.now }

func newClock() *clock { return &clock{time.Date(2026, 11, 22, 4, 5, 6, 789e6, time.UTC)} }

func settings(dir string) schema.Log {
	return schema.Log{Directory: dir, Formats: []string{"json", "ncsa"}, MaxSize: 64 << 10}
}

// open makes a Journal that writes into a directory.
func open(t *testing.T, set schema.Log, c *clock) *Journal {
	t.Helper()
	j := New(Options{Clock: c.read})
	use, err := j.Prepare(set, "abc", 7)
	if err != nil {
		t.Fatal(err)
	}
	use()
	t.Cleanup(j.Close)
	return j
}

func read(t *testing.T, dir, name string) string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

func TestEventsHaveStableNames(t *testing.T) {
	var out bytes.Buffer
	c := newClock()
	j := New(Options{Events: &out, Clock: c.read})
	from := schema.Mailbox{}
	to := schema.Mailbox{Local: "a b", Domain: "contoso.com"}
	j.Record(Event{
		Step: Delivered, ID: "1", About: "0", Revision: "r", Serial: 3, Connector: schema.Addr{Type: "receive_connector", Name: "in"},
		Route: schema.Addr{Type: "send_connector", Name: "out"}, Client: "10.0.0.1", Helo: "h", User: "u", TLS: "TLS 1.3", Cipher: "X",
		Verified: "mx", From: &from, To: []schema.Mailbox{to}, Probe: "P", Report: true, Rewritten: &to, Size: 5, NextHop: "mx", Address: "192.0.2.1:25",
		Command: "RCPT", Code: 250, Status: "2.0.0", Answer: "250 <ok>", Reason: "other", Held: true, Advice: "do", Tries: 1,
		Next: c.now, ReceiveMS: 1, SyncMS: MS(1500 * time.Microsecond), TransferMS: 3, AgeMS: 4,
	})
	want := `{"time":"2026-11-22T04:05:06.789Z","event":"delivered","id":"1","about":"0","revision":"r","serial":3,` +
		`"connector":"receive_connector.in","route":"send_connector.out","client":"10.0.0.1","helo":"h","user":"u","tls":"TLS 1.3","cipher":"X",` +
		`"verified":"mx","from":"","to":["\"a b\"@contoso.com"],"probe":"P","report":true,"rewritten":"\"a b\"@contoso.com","size":5,"next_hop":"mx","address":"192.0.2.1:25",` +
		`"command":"RCPT","code":250,"status":"2.0.0","answer":"250 <ok>","reason":"other","held":true,"advice":"do","tries":1,` +
		`"next":"2026-11-22T04:05:06.789Z","receive_ms":1,"sync_ms":1.5,"transfer_ms":3,"age_ms":4}` + "\n"
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Error(diff)
	}
	out.Reset()
	j.Record(Event{Step: Refused})
	if got := out.String(); got != `{"time":"2026-11-22T04:05:06.789Z","event":"refused"}`+"\n" {
		t.Errorf("an event of which nothing is known is %s", got)
	}
	// The package comment is the manual of these names.
	doc, err := os.ReadFile("journal.go")
	if err != nil {
		t.Fatal(err)
	}
	manual, _, _ := strings.Cut(string(doc), "\npackage journal")
	var fields map[string]any
	if err := json.Unmarshal([]byte(want), &fields); err != nil {
		t.Fatal(err)
	}
	for name := range fields {
		if !regexp.MustCompile(`\b` + name + `\b`).MatchString(manual) {
			t.Errorf("the package comment does not say what %q is", name)
		}
	}
}

func TestFilesTurn(t *testing.T) {
	tests := []struct {
		name   string
		change func(*schema.Log)
		steps  func(*clock, *Journal)
		closed int
	}{
		{"nothing", nil, func(c *clock, j *Journal) { j.Record(Event{Step: Queued}) }, 0},
		{"the next day", nil, func(c *clock, j *Journal) {
			j.Record(Event{Step: Queued})
			c.now = c.now.Add(20 * time.Hour)
			j.Record(Event{Step: Queued})
		}, 1},
		{"size", nil, func(c *clock, j *Journal) {
			for range 3 {
				j.Record(Event{Step: Queued, Answer: strings.Repeat("x", 40<<10)})
			}
		}, 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			set, c := settings(t.TempDir()), newClock()
			j := open(t, set, c)
			tt.steps(c, j)
			files, err := filepath.Glob(filepath.Join(set.Directory, "events*.json"))
			if err != nil || len(files) != tt.closed+1 {
				t.Errorf("there are %v (%v), and %d should be closed", files, err, tt.closed)
			}
			for _, f := range files {
				if fi, err := os.Stat(f); err != nil || fi.Size() > set.MaxSize || fi.Size() == 0 || fi.Mode().Perm() != 0o600 {
					t.Errorf("%s: %v, %v", f, fi, err)
				}
			}
		})
	}
}

// A file of yesterday is closed by the process that finds it.
func TestFileOfYesterday(t *testing.T) {
	set, c := settings(t.TempDir()), newClock()
	name := filepath.Join(set.Directory, "events.json")
	if err := os.WriteFile(name, []byte("old\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(name, c.now.Add(-24*time.Hour), c.now.Add(-24*time.Hour)); err != nil {
		t.Fatal(err)
	}
	open(t, set, c).Record(Event{Step: Queued})
	if got := read(t, set.Directory, "events.json"); strings.Contains(got, "old") {
		t.Errorf("the file of yesterday goes on: %s", got)
	}
}

func TestFilesAreGroomed(t *testing.T) {
	set, c := settings(t.TempDir()), newClock()
	set.MaxFiles, set.MaxAge = 3, 48*time.Hour
	for _, name := range []string{
		"events-2020-01-01T00-00-00.000.json", "events-2026-11-21T00-00-00.000.json", "ncsa-2020-01-01T00-00-00.000.log",
		"events-mine.json", "eventsmore-2020-01-01T00-00-00.000.json", "events-2020-01-01T00-00-00.000.json.gz",
	} {
		if err := os.WriteFile(filepath.Join(set.Directory, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	j := open(t, set, c)
	line := Event{Step: Queued, Answer: strings.Repeat("x", 40<<10)}
	list := func() (names []string) {
		files, err := filepath.Glob(filepath.Join(set.Directory, "events*"))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			names = append(names, filepath.Base(f))
		}
		return names
	}
	for range 3 {
		j.Record(line)
	}
	want := []string{ // what is not ours stays; two that are closed at one moment are two
		"events-2020-01-01T00-00-00.000.json.gz", "events-2026-11-21T00-00-00.000.json",
		"events-2026-11-22T04-05-06.789.json", "events-2026-11-22T04-05-06.790.json",
		"events-mine.json", "events.json", "eventsmore-2020-01-01T00-00-00.000.json",
	}
	if diff := cmp.Diff(want, list()); diff != "" {
		t.Error(diff)
	}
	c.now = c.now.Add(36 * time.Hour) // one is too old, and there would be one too many
	j.Record(line)
	j.Record(line)
	want = append(want[:1:1], "events-2026-11-22T04-05-06.790.json", "events-2026-11-23T16-05-06.789.json", "events-2026-11-23T16-05-06.790.json", "events-mine.json", "events.json", want[6])
	if diff := cmp.Diff(want, list()); diff != "" {
		t.Error(diff)
	}
}

// TestSettingsLeaveNothingBehind changes the settings often: what wrote by the old
// ones must go.
func TestSettingsLeaveNothingBehind(t *testing.T) {
	set, c := settings(t.TempDir()), newClock()
	j := open(t, set, c)
	before := runtime.NumGoroutine()
	for i := range 50 {
		set.MaxFiles = i + 1
		use, err := j.Prepare(set, "abc", 7)
		if err != nil {
			t.Fatal(err)
		}
		use()
		j.Record(Event{Step: Queued})
	}
	if after := runtime.NumGoroutine(); after > before {
		t.Errorf("there were %d goroutines, and are %d", before, after)
	}
	if lines := strings.Count(read(t, set.Directory, "events.json"), "\n"); lines != 50 {
		t.Errorf("there are %d lines", lines)
	}
}

func TestPrepare(t *testing.T) {
	dir, c := t.TempDir(), newClock()
	j := open(t, settings(dir), c)
	blocked := filepath.Join(dir, "file")
	if err := os.WriteFile(blocked, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := j.Prepare(settings(blocked), "def", 8); err == nil {
		t.Error("a directory that is a file is none to write in")
	}
	j.Record(Event{Step: Queued})
	if got := read(t, dir, "events.json"); !strings.Contains(got, `"revision":"abc","serial":7`) {
		t.Errorf("what was refused changed something: %s", got)
	}
	next := t.TempDir()
	use, err := j.Prepare(settings(next), "def", 8)
	if err != nil {
		t.Fatal(err)
	}
	use()
	j.Record(Event{Step: Queued})
	if got := read(t, next, "events.json"); !strings.Contains(got, `"revision":"def","serial":8`) {
		t.Errorf("the new directory has %s", got)
	}
}

func TestReasonsAreAll(t *testing.T) {
	seen := map[string]bool{}
	for _, command := range []string{"CONNECT", "AUTH", "MAIL", "RCPT", "DATA"} {
		for _, code := range []int{421, 451, 452, 530, 550, 552, 554} {
			for _, status := range []string{"", "4.5.3", "4.7.0", "5.7.0", "5.7.54", "5.7.1", "5.7.57", "5.7.60", "5.1.1", "5.1.3", "4.7.1", "5.3.4", "5.4.6", "4.3.1", "5.6.11"} {
				seen[Reason(command, code, status)] = true
			}
		}
	}
	for _, r := range Reasons() {
		if !seen[r] {
			t.Errorf("nothing gives %q", r)
		}
		delete(seen, r)
	}
	if len(seen) > 0 {
		t.Errorf("%v are not among Reasons", seen)
	}
}
