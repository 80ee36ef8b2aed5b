package deliver

import (
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mailrelay/mailrelay/apply/relay/spool"
	"github.com/mailrelay/mailrelay/schema"
)

type mbox = schema.Mailbox

// TestDialogues shows what goes over the wire.
func TestDialogues(t *testing.T) {
	for _, tt := range []struct {
		name  string
		env   spool.Envelope
		to    []string
		steps []string
		calls []string // of the store, behind the first put
	}{
		{
			name: "pipelined, with the extensions that are offered",
			env:  spool.Envelope{EightBit: true}, to: []string{"b@example.com"},
			steps: []string{
				"-> 220 hi", "<- EHLO relay.example.org",
				"-> 250-peer", "-> 250-PIPELINING", "-> 250-SIZE 1000", "-> 250 8BITMIME",
				"<- MAIL FROM:<a@example.org> SIZE=29 BODY=8BITMIME", "<- RCPT TO:<b@example.com>", "<- DATA",
				"-> 250 ok", "-> 250 ok", "-> 354 go",
				"<- Subject: hello", "<- ", "<- ..dot", "<- end", "<- .",
				"-> 250 taken", "<- QUIT", "-> 221 bye",
			},
			calls: []string{"remove 1"},
		},
		{
			name: "a server that knows HELO alone", to: []string{"b@example.com"},
			steps: []string{
				"-> 220 hi", "<- EHLO relay.example.org", "-> 500 what", "<- HELO relay.example.org", "-> 250 hi",
				"<- MAIL FROM:<a@example.org>", "-> 250 ok", "<- RCPT TO:<b@example.com>", "-> 251 forwarded", "<- DATA", "-> 354 go",
				"<- Subject: hello", "<- ", "<- ..dot", "<- end", "<- .",
				"-> 250 taken", "<- QUIT", "-> 221 bye",
			},
			calls: []string{"remove 1"},
		},
		{
			name: "quoted local part, one of two refused", to: []string{`"b c"@example.com`, "d@example.com"},
			steps: []string{
				"-> 220 hi", "<- EHLO relay.example.org", "-> 250 peer",
				"<- MAIL FROM:<a@example.org>", "-> 250 ok", `<- RCPT TO:<"b c"@example.com>`, "-> 250 ok", "<- RCPT TO:<d@example.com>", "-> 450 4.2.0 later", "<- DATA", "-> 354 go",
				"<- Subject: hello", "<- ", "<- ..dot", "<- end", "<- .",
				"-> 250 taken", "<- QUIT", "-> 221 bye",
			},
			calls: []string{"update 1 d@example.com"},
		},
		{
			name: "DATA granted for nobody is ended by a dot", to: []string{"b@example.com"},
			steps: []string{
				"-> 220 hi", "<- EHLO relay.example.org", "-> 250-peer", "-> 250 PIPELINING",
				"<- MAIL FROM:<a@example.org>", "<- RCPT TO:<b@example.com>", "<- DATA",
				"-> 250 ok", "-> 450 later", "-> 354 go", "<- .", "-> 554 nobody", "<- QUIT", "-> 221 bye",
			},
			calls: []string{"update 1 b@example.com"},
		},
		{
			name: "larger than SIZE: not even tried", to: []string{"b@example.com"},
			steps: []string{"-> 220 hi", "<- EHLO relay.example.org", "-> 250-peer", "-> 250 SIZE 28", "<- QUIT", "-> 221 bye"},
			calls: []string{"put 2 a@example.org", "remove 1"},
		},
		{
			name: "declared as 8-bit and UTF-8 and neither, to a server that takes neither",
			env:  spool.Envelope{EightBit: true, UTF8: true}, to: []string{"b@example.com"},
			steps: []string{
				"-> 220 hi", "<- EHLO relay.example.org", "-> 250 peer",
				"<- MAIL FROM:<a@example.org>", "-> 250 ok", "<- RCPT TO:<b@example.com>", "-> 250 ok", "<- DATA", "-> 354 go",
				"<- Subject: hello", "<- ", "<- ..dot", "<- end", "<- .",
				"-> 250 taken", "<- QUIT", "-> 221 bye",
			},
			calls: []string{"remove 1"},
		},
		{
			name: "address beyond ASCII to a server that does not take it", to: []string{"bö@example.com"},
			steps: []string{"-> 220 hi", "<- EHLO relay.example.org", "-> 250 peer", "<- QUIT", "-> 221 bye"},
			calls: []string{"put 2 a@example.org", "remove 1"},
		},
		{
			name: "refused in the middle of the session: no blame on the message", to: []string{"b@example.com"},
			steps: []string{"-> 554 no mail here", "<- QUIT", "-> 221 bye"},
			calls: []string{"update 1 b@example.com"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := connector(t, "192.0.2.1")
				s.MaxMessages = 1
				w := newWorld(t, nil, Options{})
				p := through(s)
				w.net.peers["192.0.2.1:25"] = dialogue(t, tt.steps...)
				tt.env.From = box(t, "a@example.org")
				for _, to := range tt.to {
					tt.env.Rcpts = append(tt.env.Rcpts, spool.Rcpt{To: box(t, to)})
				}
				tt.env.Received = time.Now()
				env, err := w.store.Put(tt.env, []byte(testBody))
				if err != nil {
					t.Fatal(err)
				}
				// Reports go nowhere, so that the dialogue is that of the message.
				route := p.route
				p.route = func(to mbox) (*schema.SendConnector, mbox) {
					if to.Domain == "example.org" {
						return nil, to
					}
					return route(to)
				}
				w.use(p, relayBlock(t))
				w.Add(env, []byte(testBody))
				w.start()
				synctest.Wait()
				w.stop()
				report := func(call string) bool { return strings.HasPrefix(call, "update 2") }
				if diff := cmp.Diff(tt.calls, slices.DeleteFunc(w.store.done()[1:], report)); diff != "" {
					t.Errorf("%s\nlog: %s", diff, w.log)
				}
			})
		})
	}
}

// TestSplit: a server that takes three recipients a transaction gets the rest in
// further ones, without a wait; so does any server more than a hundred.
func TestSplit(t *testing.T) {
	for _, full := range []string{"452 4.5.3 too many", "552 too many"} {
		for _, ext := range [][]string{nil, {"PIPELINING"}} {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, through(connector(t, "192.0.2.1")), Options{})
				n := 0
				p := &peer{ext: ext}
				p.answer = func(line string) string {
					switch {
					case strings.HasPrefix(line, "MAIL"):
						n = 0
					case strings.HasPrefix(line, "RCPT"):
						if n++; n > 3 {
							return full
						}
					}
					return ""
				}
				w.net.peers["192.0.2.1:25"] = p.serve
				w.start()
				defer func() { w.stop() }()
				w.mail("a@example.org", "1@a.test", "2@a.test", "3@a.test", "4@a.test", "5@a.test", "6@a.test", "7@a.test")
				synctest.Wait()
				var got []int
				for _, m := range p.messages() {
					got = append(got, len(m.To))
				}
				if diff := cmp.Diff([]int{3, 3, 1}, got); diff != "" {
					t.Error(diff)
				}
				if n := w.Stats().Messages; n != 0 {
					t.Errorf("%d messages are left", n)
				}
			})
		}
	}
}

// TestReset: what is left of a transaction that failed does not spoil the next.
func TestReset(t *testing.T) {
	for _, ext := range [][]string{nil, {"PIPELINING"}} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, through(connector(t, "192.0.2.1")), Options{})
			p := &peer{ext: ext}
			begun := false
			p.answer = func(line string) string {
				switch {
				case strings.HasPrefix(line, "MAIL") && begun:
					return "503 5.5.1 nested MAIL"
				case strings.HasPrefix(line, "MAIL"):
					begun = true
				case line == "RSET", line == ".":
					begun = false
				case line == "RCPT TO:<bad@a.test>":
					return "450 4.2.0 not now"
				}
				return ""
			}
			w.net.peers["192.0.2.1:25"] = p.serve
			w.start()
			defer func() { w.stop() }()
			w.mail("a@example.org", "bad@a.test")
			synctest.Wait()
			w.mail("a@example.org", "good@a.test")
			synctest.Wait()
			if n, c := len(p.messages()), p.connections(); n != 1 || c != 1 {
				t.Errorf("%d messages over %d connections, want 1 over 1; log: %s", n, c, w.log)
			}
		})
	}
}

// TestSilence: a next hop that says nothing more is left when the time of RFC 5321
// for that step is over, and the message is tried again.
func TestSilence(t *testing.T) {
	for _, tt := range []struct {
		at    string // the command without an answer
		limit time.Duration
	}{
		{"", greetingLimit}, {"EHLO relay.example.org", commandLimit}, {"MAIL FROM:<a@example.org>", commandLimit},
		{"RCPT TO:<b@example.com>", commandLimit}, {"DATA", dataLimit}, {".", finalLimit},
	} {
		t.Run(tt.at, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, through(connector(t, "192.0.2.1")), Options{})
				silent := make(chan bool)
				p := &peer{answer: func(line string) string {
					if line == tt.at {
						<-silent
						return "close"
					}
					return ""
				}}
				w.net.peers["192.0.2.1:25"] = p.serve
				w.start()
				w.mail("a@example.org", "b@example.com")
				time.Sleep(tt.limit - time.Second)
				synctest.Wait()
				if n := w.Stats().Waiting; n != 0 {
					t.Error("given up too early")
				}
				time.Sleep(2 * time.Second)
				synctest.Wait()
				if got := w.Stats(); got.Waiting != 1 || !strings.Contains(got.LastError, "did not answer in time") {
					t.Errorf("after %s: %+v", tt.limit, got)
				}
				close(silent)
				w.stop()
			})
		})
	}
}

// TestTrickle: a next hop that reads a little now and then keeps the connection
// for as long as the size of the message allows, and no longer.
func TestTrickle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		go func() {
			some := make([]byte, 32<<10)
			for {
				time.Sleep(2 * time.Minute)
				if _, err := theirs.Read(some); err != nil {
					return
				}
			}
		}()
		c := newClient(ours, "host", "192.0.2.1:25")
		tr := &transaction{body: make([]byte, 1<<20), size: 60 * bodyPace, to: make([]mbox, 1), out: make([]outcome, 1)}
		start := time.Now()
		if err := c.content(tr); err == nil || !c.last {
			t.Errorf("no error (%v), or the connection is still in use", err)
		}
		// The time to look for a last word of the next hop comes on top.
		want := bodyLimit + time.Minute
		if d := time.Since(start); d < want || d > want+quitLimit {
			t.Errorf("the body took %s, want %s", d, want)
		}
		c.close()
		time.Sleep(3 * time.Minute) // for the reader to see it
	})
}

// TestSourceAddress: the connector's address reaches the dialer.
func TestSourceAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := connector(t, "192.0.2.1")
		s.SourceAddress = netip.MustParseAddr("198.51.100.7")
		w := newWorld(t, through(s), Options{})
		w.start()
		defer func() { w.stop() }()
		w.mail("a@example.org", "b@example.com")
		synctest.Wait()
		if diff := cmp.Diff([]string{"198.51.100.7"}, w.net.from); diff != "" {
			t.Error(diff)
		}
	})
}
