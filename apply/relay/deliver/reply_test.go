package deliver

import (
	"bufio"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestReadReply(t *testing.T) {
	for _, tt := range []struct {
		name, in string
		want     reply
		err      string
	}{
		{"one line", "250 ok\r\n", reply{code: 250, lines: []string{"ok"}}, ""},
		{"code alone", "354\r\n", reply{code: 354, lines: []string{""}}, ""},
		{"bare LF", "220 hi\n", reply{code: 220, lines: []string{"hi"}}, ""},
		{"enhanced", "550 5.1.1 gone\r\n", reply{code: 550, status: "5.1.1", lines: []string{"5.1.1 gone"}}, ""},
		{"enhanced of another class", "450 5.1.1 gone\r\n", reply{code: 450, lines: []string{"5.1.1 gone"}}, ""},
		{"not enhanced", "550 5.1.1234 gone\r\n", reply{code: 550, lines: []string{"5.1.1234 gone"}}, ""},
		{"several lines", "250-a\r\n250-b\r\n250 c\r\n", reply{code: 250, lines: []string{"a", "b", "c"}}, ""},
		{"control characters", "550 a\x00b\x1b[1m\r\n", reply{code: 550, lines: []string{"a b [1m"}}, ""},
		{"codes differ", "250-a\r\n550 b\r\n", reply{}, "begins with 250 and goes on with 550"},
		{"cut", "250-a\r\n", reply{}, "unexpected EOF"},
		{"cut in a line", "250 a", reply{}, "unexpected EOF"},
		{"nothing", "", reply{}, "EOF"},
		{"not a reply", "HTTP/1.1 400\r\n", reply{}, "not an SMTP answer"},
		{"no separator", "250ok\r\n", reply{}, "not an SMTP answer"},
		{"class 1", "100 hm\r\n", reply{}, "not an SMTP answer"},
		{"long line", "250 " + strings.Repeat("x", replyLine) + "\r\n", reply{}, "longer than"},
		{"endless", strings.Repeat("250-x\r\n", replyLines+1), reply{}, "more than"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := readReply(bufio.NewReaderSize(strings.NewReader(tt.in), replyLine))
			if (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
				t.Fatalf("error %v, want %q", err, tt.err)
			}
			if diff := cmp.Diff(tt.want, got, cmp.AllowUnexported(reply{})); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// FuzzReadReply: what is read can be written again and is read the same; no
// text holds a control character, which a log or a bounce would carry on.
func FuzzReadReply(f *testing.F) {
	for _, s := range []string{"250 ok\r\n", "250-a\r\n250 5.1.1 b\r\n", "5", "550 5.7.64 x\xff\n"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, in string) {
		got, err := readReply(bufio.NewReaderSize(strings.NewReader(in), replyLine))
		if err != nil {
			return
		}
		var b strings.Builder
		for i, line := range got.lines {
			if strings.ContainsFunc(line, func(r rune) bool { return r < ' ' || r == 127 }) {
				t.Fatalf("control character in %q", line)
			}
			sep := "-"
			if i == len(got.lines)-1 {
				sep = " "
			}
			fmt.Fprintf(&b, "%d%s%s\r\n", got.code, sep, line)
		}
		again, err := readReply(bufio.NewReaderSize(strings.NewReader(b.String()), 2*replyLine))
		if err != nil {
			t.Fatalf("reading %q again: %v", b.String(), err)
		}
		if diff := cmp.Diff(got, again, cmp.AllowUnexported(reply{})); diff != "" {
			t.Error(diff)
		}
	})
}
