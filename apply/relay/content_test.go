package relay

import (
	"bufio"
	"io"
	"net"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/decide"
)

// TestContents are dialogues about what a message may hold.
func TestContents(t *testing.T) {
	x := func(n int) string { return strings.Repeat("x", n) }
	tests := []dialogue{
		{name: "content over the limit, and the session goes on", attributes: relaying + "\n" + `max_message_size = 1000`, dialogue: message + `
			-> ` + x(1001) + `
			-> .
			<~ 552 5\.3\.4
			-> MAIL FROM:<a@contoso.com>
			<~ 250
			-> RCPT TO:<c@fabrikam.com>
			<~ 250
			-> DATA
			<~ 354
			-> A: ` + x(995) + `
			-> .
			<~ 250`, arrives: []string{"A: " + x(995) + "\r\n"}, to: []string{"c@fabrikam.com"}},
		{name: "header over the limit", attributes: relaying + "\n" + `max_header_size = 100`, dialogue: message + `
			-> A: ` + x(100) + `
			->
			-> body
			-> .
			<~ 552 5\.3\.4 The header`},
		{name: "a long body is no header", attributes: relaying + "\n" + `max_header_size = 100`, dialogue: message + `
			-> A: 1
			->
			-> B: ` + x(100) + `
			-> .
			<~ 250`, arrives: []string{"A: 1\r\n\r\nB: " + x(100) + "\r\n"}},
		{name: "as many hops as allowed", dialogue: message + strings.Repeat("\n-> Received: x", 30) + `
			-> .
			<~ 250`, arrives: []string{strings.Repeat("Received: x\r\n", 30)}},
		{name: "one hop too many", dialogue: message + strings.Repeat("\n-> received : x", 31) + `
			-> .
			<~ 554 5\.4\.6`},
		{name: "as often as mail may pass us", dialogue: message + strings.Repeat("\n-> Received: from x by relay.contoso.com with SMTP; now", 3) + `
			-> .
			<~ 250`, arrives: []string{strings.Repeat("Received: from x by relay.contoso.com with SMTP; now\r\n", 3)}},
		{name: "once too often", dialogue: message + strings.Repeat("\n-> Received: from x\n->  by RELAY.contoso.com; now", 4) + `
			-> .
			<~ 554 5\.4\.6 The message has passed relay\.contoso\.com 4 times
			-> NOOP
			<~ 250`},
		{name: "a loop is seen where trace fields are taken out", attributes: strings.TrimSuffix(relaying, "}") + "deny = [\"accept_headers_routing\"]\n}", dialogue: message + strings.Repeat("\n-> Received: from x\n->  by relay.contoso.com; now", 4) + `
			-> .
			<~ 554 5\.4\.6`},
		{name: "fields by which Exchange servers trust each other", attributes: strings.Replace(relaying, "recipient\"", "recipient\", \"accept_headers_organization\"", 1), dialogue: message + `
			-> X-MS-Exchange-Organization-AuthAs: Internal
			-> X-MS-Exchange-Forest-A: b
			-> .
			<~ 250`, arrives: []string{"X-MS-Exchange-Organization-AuthAs: Internal\r\n"}},
		{name: "trace fields of who may not set them", attributes: strings.TrimSuffix(relaying, "}") + "deny = [\"accept_headers_routing\"]\n}", dialogue: message + `
			-> Received: x
			->  folded
			-> A: 1
			-> Resent-From: x
			-> Received-SPF: pass
			->
			-> Received: of the body
			-> .
			<~ 250`, arrives: []string{"A: 1\r\nReceived-SPF: pass\r\n\r\nReceived: of the body\r\n"}},
		{name: "no header at all", dialogue: message + `
			-> hello world
			-> .
			<~ 250`, arrives: []string{"\r\nhello world\r\n"}},
		{name: "dots", dialogue: message + `
			-> A: 1
			->
			-> ..one
			-> .two
			-> ...
			-> .
			<~ 250`, arrives: []string{"A: 1\r\n\r\n.one\r\ntwo\r\n..\r\n"}},
		{name: "bare LF", dialogue: message + `
			-> A: 1\nB: 2
			-> .
			<~ 550 5\.6\.11`},
		{name: "bare CR", dialogue: message + `
			-> A: 1\rB: 2
			-> .
			<~ 550 5\.6\.11`},
		{name: "bare newlines made right", attributes: relaying + "\n" + `bare_newline = "normalize"`, dialogue: message + `
			-> A: 1\nB: 2\rC: 3\r\r\nD: 4
			-> .
			<~ 250`, arrives: []string{"A: 1\r\nB: 2\r\nC: 3\r\n\r\nD: 4\r\n"}},
		{name: "nothing is smuggled behind LF . CRLF", dialogue: message + `
			-> A: 1\n.
			-> MAIL FROM:<root@contoso.com>
			-> .
			<~ 550 5\.6\.11
			-> NOOP
			<~ 250`},
		{name: "nothing is smuggled behind CRLF . LF", attributes: relaying + "\n" + `bare_newline = "normalize"`, dialogue: message + `
			-> A: 1
			)> .\nMAIL FROM:<root@contoso.com>\r\n.\r\n
			<~ 250
			-> NOOP
			<~ 250 2\.0\.0 I have`, arrives: []string{"A: 1\r\n\r\nMAIL FROM:<root@contoso.com>\r\n"}},
		{name: "nothing is smuggled behind CRLF . CR", dialogue: message + `
			-> A: 1
			)> .\r\rMAIL FROM:<root@contoso.com>\r\n.\r\n
			<~ 550 5\.6\.11`},
		{name: "a line of a message has no limit", dialogue: message + `
			-> A: ` + x(3*inBuffer) + `
			-> .
			<~ 250`, arrives: []string{"A: " + x(3*inBuffer) + "\r\n"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, tt.run)
	}
}

// TestCuts gives messages to an intake in pieces, cut everywhere: what comes out,
// and what is wrong, must not depend on where the network cuts.
func TestCuts(t *testing.T) {
	long := strings.Repeat("y", longest+100)
	tests := []struct {
		name, in, out string
		normalize     bool
		strip         bool
		code          int
	}{
		{name: "plain", in: "A: 1\r\n b\r\n\r\nbody\r\n", out: "A: 1\r\n b\r\n\r\nbody\r\n"},
		{name: "no end of the last line", in: "A: 1\r\n\r\nbody", out: "A: 1\r\n\r\nbody\r\n"},
		{name: "header alone", in: "A: 1", out: "A: 1\r\n"},
		{name: "nothing", in: "", out: ""},
		{name: "no header", in: "hello\r\n", out: "\r\nhello\r\n"},
		{name: "stripped", in: "Received: a\r\n\tb\r\nA: 1\r\nRESENT-to: c\r\n d\r\n\r\nReceived: e\r\n", out: "A: 1\r\n\r\nReceived: e\r\n", strip: true},
		{name: "a long field", in: "A: " + long + "\r\nB: 1\r\n\r\nx\r\n", out: "A: " + long + "\r\nB: 1\r\n\r\nx\r\n"},
		{name: "a long field, stripped", in: "Received: " + long + "\r\n " + long + "\r\nB: 1\r\n", out: "B: 1\r\n", strip: true},
		{name: "bare LF", in: "A: 1\n\r\n", code: 550},
		{name: "bare CR", in: "A: 1\r\r\n\r\n", code: 550},
		{name: "bare CR at the end", in: "A: 1\r\n\r\nx\r", code: 550},
		{name: "made right", in: "A: 1\n\nx\ry\r\r\n\nz\r", out: "A: 1\r\n\r\nx\r\ny\r\n\r\n\r\nz\r\n", normalize: true},
		{name: "our own mark stays", in: "Received: from a\r\n\tby relay.contoso.com;\r\n now\r\nReceived: by elsewhere\r\nA: 1\r\n\r\n", out: "Received: from a\r\n\tby relay.contoso.com;\r\n now\r\nA: 1\r\n\r\n", strip: true},
		{name: "our own mark is all", in: "Received: from a\r\n\tBy\r\n Relay.contoso.com\r\n", out: "Received: from a\r\n\tBy\r\n Relay.contoso.com\r\n", strip: true},
		{name: "nothing of Exchange's own", in: "X-MS-Exchange-Organization-SCL: -1\r\n folded\r\nA: 1\r\nx-ms-exchange-forest-A: b\r\nX-MS-Exchange-CrossTenant-Id: c\r\n\r\n", out: "A: 1\r\nX-MS-Exchange-CrossTenant-Id: c\r\n\r\n"},
		{name: "hops", in: "Received: 1\r\nReceived: 2\r\nReceived: 3\r\n\r\n", code: 554},
		{name: "a header too large", in: strings.Repeat("A: 1\r\n", 1000) + "\r\n", code: 552},
	}
	pass := func(in string, normalize, strip bool, cuts ...int) (string, int) {
		var out strings.Builder
		x := intake{newline: newlines{normalize: normalize}, header: header{max: 5500, hops: 2, host: "relay.contoso.com", rights: decide.HeadersRouting, out: &out}}
		if strip {
			x.header.rights = 0
		}
		last := 0
		for _, c := range append(cuts, len(in)) {
			if c == last {
				continue
			}
			if err := x.add([]byte(in[last:c])); err != nil {
				t.Fatal(err)
			}
			last = c
		}
		if r := x.end(); r != nil {
			return "", r.Code
		}
		return out.String(), 0
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for i := range max(len(tt.in), 1) {
				for _, j := range []int{i, min(i+1, len(tt.in)), len(tt.in)} {
					out, code := pass(tt.in, tt.normalize, tt.strip, i, j)
					if out != tt.out || code != tt.code {
						t.Fatalf("cut at %d and %d: %d, %q", i, j, code, out)
					}
				}
			}
		})
	}
}

// TestFarTooLarge reads on for a while, so that the client hears why, and then no
// more.
func TestFarTooLarge(t *testing.T) {
	x := intake{limit: 1000, receive: &decide.Receive{Block: &schema.ReceiveConnector{}}, header: header{max: 1 << 30, out: io.Discard}}
	piece := []byte(strings.Repeat("A: 1\r\n", 10000))
	var sent int64
	for x.add(piece) == nil {
		if sent += int64(len(piece)); sent > x.limit+2*beyond {
			t.Fatal("a message is read without end")
		}
	}
	if sent+int64(len(piece)) < beyond {
		t.Errorf("the client is cut off after %d bytes", sent)
	}
	if r := x.end(); r == nil || r.Code != 552 {
		t.Errorf("got %v", r)
	}
}

func TestUnixSocket(t *testing.T) {
	w := newWorld(t, nil)
	path := filepath.Join(short(t, t.TempDir()), "in.sock")
	r := w.config(block(connector("one", `remote_ip_ranges = ["127.0.0.0/8"]`, `bindings = ["unix:`+path+`"]`)))
	w.run()
	w.runs(r)
	conn, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	c := &client{t: t, conn: conn, in: bufio.NewReader(conn)}
	c.play(`
		<~ 220
		-> HELO me<x>
		<~ 250
		-> MAIL FROM:<a@contoso.com>
		<~ 250
		-> RCPT TO:<b@contoso.com>
		<~ 250
		-> DATA
		<~ 354
		-> A: 1
		-> .
		<~ 250`)
	if got := w.sink.next(t).Content; !strings.HasPrefix(got, "Received: from me?x? (local)\r\n\tby relay.contoso.com with SMTP id ") {
		t.Errorf("arrived: %q", got)
	}
}
