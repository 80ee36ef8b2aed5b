package deliver

import (
	"io"

	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mailrelay/mailrelay/apply/relay/spool"
)

// TestChunks shows what goes over the wire to a server that offers CHUNKING.
func TestChunks(t *testing.T) {
	sign := func(*spool.Envelope, func(io.Writer) error) (string, error) { return "DKIM-Signature: x\r\n", nil }
	for _, tt := range []struct {
		name, ext, body string
		large           bool // the body is in the spool alone
		options         Options
		to              []string
		steps           []string // behind EHLO
	}{
		{
			name: "one chunk, dots and all", ext: "-> 250 PIPELINING", body: testBody, to: []string{"b@example.com"},
			steps: []string{
				"<- MAIL FROM:<a@example.org>", "<- RCPT TO:<b@example.com>", "-> 250 ok", "-> 250 ok",
				"<- BDAT 29 LAST", "<- Subject: hello", "<- ", "<- .dot", "<- end", "-> 250 taken",
			},
		},
		{
			name: "without PIPELINING", ext: "-> 250 SIZE", body: testBody, to: []string{"b@example.com"},
			steps: []string{
				"<- MAIL FROM:<a@example.org> SIZE=29", "-> 250 ok", "<- RCPT TO:<b@example.com>", "-> 250 ok",
				"<- BDAT 29 LAST", "<- Subject: hello", "<- ", "<- .dot", "<- end", "-> 250 taken",
			},
		},
		{
			name: "the signature belongs to it", ext: "-> 250 PIPELINING", body: testBody, options: Options{Sign: sign}, to: []string{"b@example.com"},
			steps: []string{
				"<- MAIL FROM:<a@example.org>", "<- RCPT TO:<b@example.com>", "-> 250 ok", "-> 250 ok",
				"<- BDAT 48 LAST", "<- DKIM-Signature: x", "<- Subject: hello", "<- ", "<- .dot", "<- end", "-> 250 taken",
			},
		},
		{
			name: "for one of two", ext: "-> 250 PIPELINING", body: testBody, to: []string{"b@example.com", "c@example.com"},
			steps: []string{
				"<- MAIL FROM:<a@example.org>", "<- RCPT TO:<b@example.com>", "<- RCPT TO:<c@example.com>", "-> 250 ok", "-> 550 5.1.1 no", "-> 250 ok",
				"<- BDAT 29 LAST", "<- Subject: hello", "<- ", "<- .dot", "<- end", "-> 250 taken",
			},
		},
		{
			name: "nobody is taken, and no chunk sent", ext: "-> 250 PIPELINING", body: testBody, to: []string{"b@example.com"},
			steps: []string{"<- MAIL FROM:<a@example.org>", "<- RCPT TO:<b@example.com>", "-> 250 ok", "-> 450 later"},
		},
		{
			name: "what is not in memory goes by DATA", ext: "-> 250 PIPELINING", body: testBody, large: true, to: []string{"b@example.com"},
			steps: []string{
				"<- MAIL FROM:<a@example.org>", "<- RCPT TO:<b@example.com>", "<- DATA", "-> 250 ok", "-> 250 ok", "-> 354 go",
				"<- Subject: hello", "<- ", "<- ..dot", "<- end", "<- .", "-> 250 taken",
			},
		},
		{
			name: "what is not in lines goes by DATA", ext: "-> 250 PIPELINING", body: "a\nb", to: []string{"b@example.com"},
			steps: []string{
				"<- MAIL FROM:<a@example.org>", "<- RCPT TO:<b@example.com>", "<- DATA", "-> 250 ok", "-> 250 ok", "-> 354 go",
				"<- a", "<- b", "<- .", "-> 250 taken",
			},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := connector(t, "192.0.2.1")
				s.MaxMessages = 1
				w := newWorld(t, through(s), tt.options)
				steps := append([]string{"-> 220 hi", "<- EHLO relay.example.org", "-> 250-peer", "-> 250-CHUNKING", tt.ext}, tt.steps...)
				w.net.peers["192.0.2.1:25"] = dialogue(t, append(steps, "<- QUIT", "-> 221 bye")...)
				w.start()
				synctest.Wait()
				env := spool.Envelope{From: box(t, "a@example.org"), Received: time.Now()}
				for _, to := range tt.to {
					env.Rcpts = append(env.Rcpts, spool.Rcpt{To: box(t, to), Notify: spool.NotifyNever})
				}
				env, err := w.store.Put(env, []byte(tt.body))
				if err != nil {
					t.Fatal(err)
				}
				if tt.ext == "-> 250 PIPELINING" {
					env.Size = 0 // no SIZE is offered anyway
				}
				body := []byte(tt.body)
				if tt.large {
					body = nil
				}
				w.Add(env, body)
				synctest.Wait()
				w.stop()
				if len(w.net.dials) != 1 {
					t.Errorf("dialled %v", w.net.dials)
				}
			})
		})
	}
}

// TestChunksNotKnown: a server that does not know what it offers loses no mail; it
// gets the message by DATA.
func TestChunksNotKnown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, through(connector(t, "192.0.2.1")), Options{})
		p := &peer{ext: []string{"CHUNKING"}, answer: func(line string) string {
			if strings.HasPrefix(line, "BDAT") {
				return "502 5.5.1 what"
			}
			return ""
		}}
		w.net.peers["192.0.2.1:25"] = p.serve
		w.start()
		defer func() { w.stop() }()
		w.mail("a@example.org", "b@example.com")
		time.Sleep(time.Hour)
		w.mail("a@example.org", "c@example.com")
		synctest.Wait()
		var to []string
		for _, m := range p.messages() {
			to = append(to, m.To...)
		}
		if diff := cmp.Diff([]string{"b@example.com", "c@example.com"}, to); diff != "" {
			t.Error(diff)
		}
		n := 0
		for _, line := range p.lines {
			if strings.HasPrefix(line, "BDAT") {
				n++
			}
		}
		if n != 1 {
			t.Errorf("BDAT was said %d times", n)
		}
	})
}
