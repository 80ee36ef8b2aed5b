package deliver

import (
	"strings"
	"testing"
	"testing/iotest"

	"github.com/mailrelay/mailrelay/schema"
)

func TestNeeds(t *testing.T) {
	long := "X: " + strings.Repeat("x", blockSize) + "\r\n"
	for _, tt := range []struct {
		name, message string
		want          needs
	}{
		{"plain", "Subject: hello\r\n\r\nbody\r\n", needs{}},
		{"nothing", "", needs{}},
		{"header alone", "Subject: h\u00e9\r\n", needs{utf8: true}},
		{"header", "Subject: h\u00e9\r\n\r\nbody\r\n", needs{utf8: true}},
		{"body", "Subject: hello\r\n\r\nb\u00f6dy\r\n", needs{eightBit: true}},
		{"both", "Subject: h\u00e9\r\n\r\nb\u00f6dy\r\n", needs{true, true}},
		{"long header", long + "Subject: h\u00e9\r\n\r\nbody\r\n", needs{utf8: true}},
		{"body behind a long header", long + "\r\nb\u00f6dy\r\n", needs{eightBit: true}},
		{"end of a long body", "\r\n\r\n" + long + "\u00f6", needs{eightBit: true}},
	} {
		var got, slow needs
		if err := got.read(strings.NewReader(tt.message)); err != nil || got != tt.want {
			t.Errorf("%s: %+v, %v, want %+v", tt.name, got, err, tt.want)
		}
		if err := slow.read(iotest.OneByteReader(strings.NewReader(tt.message))); err != nil || slow != tt.want {
			t.Errorf("%s, byte by byte: %+v, %v, want %+v", tt.name, slow, err, tt.want)
		}
	}
}

// TestImpossible holds that a message is judged by what it is, and not by what its
// client declared.
func TestImpossible(t *testing.T) {
	const plain, eight, wide = "A: b\r\n\r\nbody\r\n", "A: b\r\n\r\nb\u00f6dy\r\n", "A: \u00e9\r\n\r\nbody\r\n"
	to := []schema.Mailbox{{Local: "b", Domain: "example.com"}}
	for _, tt := range []struct {
		name   string
		t      transaction
		ext    extensions
		status string // empty: it is possible
	}{
		{"declared both, is neither", transaction{eightBit: true, utf8: true, body: []byte(plain)}, extensions{}, ""},
		{"8-bit", transaction{eightBit: true, utf8: true, body: []byte(eight)}, extensions{}, ""}, // converted
		{"8-bit, undeclared", transaction{body: []byte(eight)}, extensions{}, ""},
		{"8-bit and signed", transaction{body: []byte("Content-Type: multipart/signed; boundary=x\r\n\r\n--x\r\n\r\nb\u00f6dy\r\n--x--\r\n")}, extensions{}, "5.6.3"},
		{"too large when converted", transaction{size: 16, body: []byte(eight)}, extensions{limit: 50}, "5.3.4"},
		{"header, undeclared", transaction{body: []byte(wide)}, extensions{}, ""},
		{"8-bit, and offered", transaction{eightBit: true, utf8: true, body: []byte(eight)}, extensions{eightBit: true}, ""},
		{"header", transaction{utf8: true, body: []byte(wide)}, extensions{eightBit: true}, "5.6.7"},
		{"header, and offered", transaction{utf8: true, body: []byte(wide)}, extensions{utf8: true}, ""},
		{"sender", transaction{from: schema.Mailbox{Local: "\u00e9", Domain: "example.org"}, body: []byte(plain)}, extensions{}, "5.6.7"},
		{"too large", transaction{size: 11, body: []byte(plain)}, extensions{limit: 10}, "5.3.4"},
	} {
		c := &client{host: "mx.example.com", ext: tt.ext}
		tt.t.to, tt.t.out = to, make([]outcome, 1)
		o, no := c.impossible(&tt.t)
		if no != (tt.status != "") || o.status != tt.status {
			t.Errorf("%s: %q, %v, want %q", tt.name, o.status, no, tt.status)
		}
	}
}
