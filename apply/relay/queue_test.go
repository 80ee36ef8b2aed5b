package relay

import (
	"errors"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/mailrelay/mailrelay/apply/relay/spool"
)

// TestReader reads headers and contents, and nothing once the queue is closed.
func TestReader(t *testing.T) {
	s, err := spool.Open("spool", spool.Options{FS: vfs.NewMem()})
	if err != nil {
		t.Fatal(err)
	}
	var r reader
	r.use(s)
	for content, header := range map[string]string{
		"A: b\r\nC: d\r\n e\r\n\r\nbody\r\n\r\nmore\r\n": "A: b\r\nC: d\r\n e\r\n",
		"A: b\r\n":       "A: b\r\n",
		"\r\nbody\r\n":   "",
		"no header\r\n.": "no header\r\n.",
		"":               "",
	} {
		d := s.New()
		if _, err := d.Write([]byte(content)); err != nil {
			t.Fatal(err)
		}
		env, _, err := d.Commit(spool.Envelope{})
		if err != nil {
			t.Fatal(err)
		}
		for only, want := range map[bool]string{true: header, false: content} {
			if got, err := r.read(env.ID, only); err != nil || string(got) != want {
				t.Errorf("%q, header alone %v: %q, %v", content, only, got, err)
			}
		}
	}
	if _, err := r.read("NONE", true); !errors.Is(err, spool.ErrGone) {
		t.Errorf("what is not there: %v", err)
	}
	r.use(nil)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := r.read("NONE", true); !errors.Is(err, spool.ErrClosed) {
		t.Errorf("after the end: %v", err)
	}
}
