package deliver

import (
	"bufio"
	"bytes"
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// dotted writes in, cut into pieces of the given length, as a body.
func dotted(t interface{ Fatal(...any) }, in string, piece int) string {
	var b bytes.Buffer
	w := bufio.NewWriterSize(&b, 16)
	d := &dots{w: w}
	for rest := in; rest != ""; {
		n := min(piece, len(rest))
		if _, err := d.Write([]byte(rest[:n])); err != nil {
			t.Fatal(err)
		}
		rest = rest[n:]
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	w.Flush()
	return b.String()
}

func TestDots(t *testing.T) {
	for _, tt := range []struct{ name, in, want string }{
		{"empty", "", ".\r\n"},
		{"plain", "a\r\nb\r\n", "a\r\nb\r\n.\r\n"},
		{"no end of line", "a", "a\r\n.\r\n"},
		{"dots", ".\r\n..\r\n.a\r\nb.\r\n", "..\r\n...\r\n..a\r\nb.\r\n.\r\n"},
		{"bare LF", "a\n.b\n", "a\r\n..b\r\n.\r\n"},
		{"bare CR", "a\r.b\r", "a\r\n..b\r\n.\r\n"},
		{"CR CR LF", "a\r\r\nb", "a\r\n\r\nb\r\n.\r\n"},
		{"smuggled end", "a\n.\r\nMAIL FROM:<x>\r\n", "a\r\n..\r\nMAIL FROM:<x>\r\n.\r\n"},
		{"smuggled end, CR", "a\r.\r\nb\r\n", "a\r\n..\r\nb\r\n.\r\n"},
	} {
		for piece := 1; piece < 9; piece++ {
			if got := dotted(t, tt.in, piece); got != tt.want {
				t.Errorf("%s in pieces of %d: %q, want %q", tt.name, piece, got, tt.want)
			}
		}
	}
}

// checkDots holds for any body: no bare CR or LF and no early end goes out, and
// the receiver reads the lines that were there.
func checkDots(t interface {
	Fatal(...any)
	Fatalf(string, ...any)
}, in string, piece int) {
	out := dotted(t, in, piece)
	if bare := regexp.MustCompile(`\r[^\n]|[^\r]\n|^\n|\r$`).FindString(out); bare != "" {
		t.Fatalf("%q has a bare CR or LF", out)
	}
	r := bufio.NewReader(strings.NewReader(out))
	got, err := undot(r)
	if err != nil {
		t.Fatalf("%q: %v", out, err)
	}
	if rest, _ := r.Peek(1); len(rest) > 0 {
		t.Fatalf("%q goes on behind its end", out)
	}
	want := regexp.MustCompile(`\r\n|\r|\n`).ReplaceAllString(in, "\r\n")
	if want != "" && !strings.HasSuffix(want, "\r\n") {
		want += "\r\n"
	}
	if got != want {
		t.Fatalf("the receiver reads %q of %q, want %q", got, in, want)
	}
}

func TestDotsRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := rapid.StringOf(rapid.SampledFrom([]rune("\r\n.ab"))).Draw(t, "in")
		checkDots(t, in, rapid.IntRange(1, 20).Draw(t, "piece"))
	})
}

func FuzzDots(f *testing.F) {
	f.Add("a\r\n.\r\n", 3)
	f.Add("\r\r\n.", 1)
	f.Fuzz(func(t *testing.T, in string, piece int) { checkDots(t, in, max(1, piece)) })
}
