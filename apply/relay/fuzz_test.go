package relay

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/netip"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/mailrelay/mailrelay/apply/relay/spool"
	"github.com/mailrelay/mailrelay/schema/decide"
)

// bench runs sessions of scripts, one at a time, in a node that delivers nothing.
type bench struct {
	t    testing.TB
	stop func()
	n    *node

	mu     sync.Mutex
	queued [][]string // the recipients of each message that was taken
}

// newBench has one connector, without the right to relay.
func newBench(t testing.TB) *bench {
	t.Helper()
	b := &bench{t: t}
	ctx, cancel := context.WithCancel(context.Background())
	o := Options{
		Dir: t.TempDir(), Events: b, Dial: nowhereToGo, Spool: spool.Options{FS: vfs.NewMem(), MinFree: -1},
		Listen: func(context.Context, string, string) (net.Listener, error) {
			return new(net.ListenConfig).Listen(ctx, "tcp4", "127.0.0.1:0")
		},
		Clock: func() time.Time { return time.Unix(1800000000, 0) },
	}
	b.n = newNode(ctx, o.withDefaults())
	r, err := revise(nil, block(connector("one", `remote_ip_ranges = ["10.0.0.0/8"]`, "max_message_size = 4000", "max_header_size = 2000", "max_recipients_per_message = 3", "max_inbound_connections_per_source = 100000", "max_inbound_connections = 100000")))
	if err != nil {
		t.Fatal(err)
	}
	if err := b.n.takeOver(r); err != nil {
		t.Fatal(err)
	}
	b.stop = func() {
		cancel()
		b.n.listeners.close()
		b.n.current.Load().retire()
		if err := b.n.closeSpool(); err != nil {
			t.Error(err)
		}
	}
	return b
}

// Write takes the events of the journal.
func (b *bench) Write(p []byte) (int, error) {
	for line := range bytes.Lines(p) {
		var e struct {
			Step string `json:"event"`
			To   []string
		}
		if err := json.Unmarshal(line, &e); err != nil {
			b.t.Errorf("an event is no JSON: %q", line)
		}
		if e.Step == "queued" {
			b.mu.Lock()
			b.queued = append(b.queued, e.To)
			b.mu.Unlock()
		}
	}
	return len(p), nil
}

// ending is a script that says when it was closed.
type ending struct {
	*script
	once sync.Once
	over chan struct{}
}

func (e *ending) Close() error {
	e.once.Do(func() { e.closed = true; close(e.over) })
	return nil
}

// session plays reads from a client, and gives all that it was answered, queue ids
// left out, and the recipients of what was taken.
func (b *bench) session(reads ...any) (answers string, taken [][]string) {
	b.t.Helper()
	e := &ending{script: &script{reads: reads}, over: make(chan struct{})}
	b.n.seat(e, decide.Client{Local: netip.MustParseAddrPort("192.0.2.1:25"), Remote: netip.MustParseAddr("10.1.2.3")})
	select {
	case <-e.over:
	case <-time.After(patience):
		b.t.Fatal("the session does not end")
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	taken, b.queued = b.queued, nil
	answers = queueID.ReplaceAllString(strings.Join(e.written, ""), "queued as ID")
	return oneOfMany.ReplaceAllString(answers, "$1"), taken
}

var (
	queueID   = regexp.MustCompile(`queued as [0-9A-Z]{11}\b`)
	oneOfMany = regexp.MustCompile(`(cannot read what follows the \w+):[^\r]*`) // of several, go-smtp tells any
)

// FuzzSession says anything to the relay, with a pause in between that lasts too
// long:
//
//   - nothing is taken for a domain that is not accepted here
//   - a message is in the queue for each 250 that says so, and no other
//   - what follows a read that failed has no influence on anything
//   - where the network cuts has none either
//   - every line of every answer is one of SMTP
func FuzzSession(f *testing.F) {
	const start = "EHLO x\r\nMAIL FROM:<a@contoso.com>\r\nRCPT TO:<b@contoso.com>\r\n"
	for _, seed := range []string{
		start + "DATA\r\nSubject: 1\r\n\r\n.\r\nQUIT\r\n",
		start + "DATA\r\nA: 1\n.\r\nMAIL FROM:<b@contoso.com>\r\n.\r\nNOOP\r\n",
		start + "BDAT 3\r\nA:\nBDAT 2 LAST\r\n\r\nRSET\r\n",
		start + "BDAT 99999 LAST\r\nhalf",
		start + "RCPT TO:<b%fabrikam.com@contoso.com>\r\nRCPT TO:<@contoso.com:x@fabrikam.com>\r\nRCPT TO:<\"x@fabrikam.com\"@contoso.com>\r\nDATA\r\n.\r\n",
		"HELO x\r\nMAIL FROM:<>\r\nRCPT TO:<postmaster> NOTIFY=NEVER ORCPT=rfc822;x\r\nDATA\r\nReceived: by relay.contoso.com\r\n\t;\r\nX-MS-Exchange-Organization-A: 1\r\n\r\n..\r\n.\r\n",
		"EHLO x\r\nAUTH PLAIN AGEAYg==\r\nSTARTTLS\r\nMAIL FROM:<ä@contoso.com> SMTPUTF8 BODY=8BITMIME SIZE=3 RET=FULL ENVID=x\r\n",
		"PROXY TCP4 1.2.3.4 1.2.3.4 1 1\r\nNOOP\r\n", "VRFY x\r\nHELP\r\nEXPN\r\nNOOP\x00\r\n\r\n\n", "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
	} {
		f.Add([]byte(seed), uint16(len(seed)/2), uint8(7))
		f.Add([]byte(seed), uint16(len(seed)), uint8(1))
	}
	b := newBench(f)
	f.Cleanup(func() { b.stop() })
	f.Fuzz(func(t *testing.T, said []byte, pause uint16, piece uint8) {
		b.t = t
		if b.n.runner.Stats().Messages > 2000 { // they stay in memory
			b.stop()
			b = newBench(t) // of f nothing may be called here
		}
		at := min(int(pause), len(said))
		before, after := string(said[:at]), string(said[at:])
		whole, taken := b.session(before, os.ErrDeadlineExceeded, after)
		for _, to := range taken {
			if slices.ContainsFunc(to, func(s string) bool {
				return !strings.HasSuffix(s, "@contoso.com") && !strings.EqualFold(s, "postmaster")
			}) {
				t.Errorf("taken for %q", to)
			}
		}
		if n := strings.Count(whole, " OK: queued as ID\r\n"); n != len(taken) {
			t.Errorf("%d messages are in the queue, and %d were answered for", len(taken), n)
		}
		for line := range strings.Lines(whole) {
			if !answerLine.MatchString(line) {
				t.Errorf("an answer is %q", line)
			}
		}
		if alone, _ := b.session(before, os.ErrDeadlineExceeded); alone != whole {
			t.Errorf("what follows a failed read is heard: %q, and without it %q", whole, alone)
		}
		if strings.Contains(strings.ToUpper(before), "STARTTLS") {
			return // whether something follows it depends on where the network cuts
		}
		var pieces []any
		for rest := before; rest != ""; {
			n := min(max(int(piece), 1), len(rest))
			pieces = append(pieces, rest[:n])
			rest = rest[n:]
		}
		if cut, _ := b.session(append(pieces, os.ErrDeadlineExceeded)...); cut != whole {
			t.Errorf("in pieces of %d the answers are %q, and else %q", piece, cut, whole)
		}
	})
}

var answerLine = regexp.MustCompile(`^[2345]\d\d[ -][^\x00-\x08\x0a-\x1f\x7f]*\r\n$|^334 [A-Za-z0-9+/=]*\r\n$`)

var _ io.Writer = (*bench)(nil)
