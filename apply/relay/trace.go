package relay

import (
	"bytes"
)

// trace looks for our own name behind "by" in Received fields (RFC 5321, 4.4): the
// mark by which we know a message again that comes back.
type trace struct {
	own int // fields that bear it

	inside bool // a Received field is in hand
	by     bool // its last word was "by"
	ours   bool // it bears our name
	held   []byte
}

func (t *trace) begin() { t.inside, t.by, t.ours, t.held = true, false, false, t.held[:0] }

// read takes a line of the field in hand; hold keeps it for end.
func (t *trace) read(line []byte, host string, hold bool) {
	if !t.inside {
		return
	}
	if hold && len(t.held)+len(line) <= longest {
		t.held = append(t.held, line...)
	}
	for word := range bytes.FieldsSeq(line) {
		if t.by && !t.ours && bytes.EqualFold(bytes.TrimRight(word, ";"), []byte(host)) {
			t.ours = true
			t.own++
		}
		t.by = bytes.EqualFold(word, []byte("by"))
	}
}

// end gives the lines of a field of our own that read kept; nil if there is none.
func (t *trace) end() []byte {
	ours := t.inside && t.ours && len(t.held) > 0
	t.inside = false
	if !ours {
		return nil
	}
	return t.held
}
