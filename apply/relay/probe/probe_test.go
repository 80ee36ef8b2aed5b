package probe

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mailrelay/mailrelay/apply/relay/journal"
	"github.com/mailrelay/mailrelay/schema"
)

// relay is one that answers by a script: what it says to RCPT and to the content,
// and what it tells those who follow then.
type relay struct {
	t    *testing.T
	rcpt string // instead of 250
	then func(token string, tell func(journal.Event))

	mu     sync.Mutex
	token  string
	said   []string // progress
	got    string   // content
	events chan journal.Event
	dials  []string
	down   map[string]bool // listeners that refuse
}

func (r *relay) follow(ctx context.Context, token string) (<-chan journal.Event, error) {
	r.token, r.events = token, make(chan journal.Event)
	return r.events, nil
}

func (r *relay) dial(_ context.Context, _, address string) (net.Conn, error) {
	r.dials = append(r.dials, address)
	if r.down[address] {
		return nil, errors.New("connection refused")
	}
	ours, theirs := net.Pipe()
	go r.serve(theirs)
	return ours, nil
}

func (r *relay) serve(nc net.Conn) {
	defer nc.Close()
	in := bufio.NewReader(nc)
	io.WriteString(nc, "220 hi\r\n")
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		answer := "250 ok"
		switch verb := strings.ToUpper(line[:4]); {
		case verb == "QUIT":
			io.WriteString(nc, "221 bye\r\n")
			return
		case verb == "RCPT" && r.rcpt != "":
			answer = r.rcpt
		case verb == "DATA":
			io.WriteString(nc, "354 go\r\n")
			var b strings.Builder
			for {
				line, err := in.ReadString('\n')
				if err != nil {
					return
				}
				if line == ".\r\n" {
					break
				}
				b.WriteString(line)
			}
			r.got, answer = b.String(), "250 2.0.0 OK: queued as ONE"
			if r.then != nil {
				go r.then(r.token, func(e journal.Event) { r.events <- e })
			}
		}
		io.WriteString(nc, answer+"\r\n")
	}
}

func (r *relay) progress(s string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.said = append(r.said, s)
}

func box(s string) schema.Mailbox {
	m, err := schema.ParseMailbox(s)
	if err != nil {
		panic(err)
	}
	return m
}

// TestRun plays what can happen to a probe, and to an answer.
func TestRun(t *testing.T) {
	sender, echo := box("probe@contoso.com"), box("echo@fabrikam.com")
	in, out := schema.Addr{Type: "receive_connector", Name: "in"}, schema.Addr{Type: "send_connector", Name: "out"}
	own := func(token string) journal.Event {
		return journal.Event{Step: journal.Received, ID: "ONE", Probe: token, Connector: in, From: &sender, To: []schema.Mailbox{echo}, Client: "127.0.0.1"}
	}
	taken := journal.Event{Step: journal.Delivered, ID: "ONE", Route: out, NextHop: "mx.test", Address: "192.0.2.1:25", TLS: "TLS 1.3", Cipher: "X", Verified: "mx.test", Answer: "250 ok"}
	clear := taken
	clear.TLS, clear.Cipher, clear.Verified = "", "", ""
	answer := func(token string) journal.Event {
		return journal.Event{Step: journal.Received, ID: "TWO", Probe: token, Connector: in, From: &echo, To: []schema.Mailbox{sender}, Client: "192.0.2.7", Helo: "mx.test", TLS: "TLS 1.2"}
	}
	queued := journal.Event{Step: journal.Queued, ID: "TWO"}
	const submitted, delivered, answered = "submitted relay.edge 127.0.0.1:25 receive_connector.in 250 2.0.0 OK: queued as ONE", "delivered mx.test 192.0.2.1:25 send_connector.out TLS 1.3 250 ok", "answered mx.test 192.0.2.7 receive_connector.in TLS 1.2"
	tell := func(events ...any) func(string, func(journal.Event)) {
		return func(token string, tell func(journal.Event)) {
			for _, e := range events {
				switch e := e.(type) {
				case journal.Event:
					tell(e)
				case func(string) journal.Event:
					tell(e(token))
				}
			}
		}
	}
	for _, tt := range []struct {
		name       string
		tls, reply bool
		rcpt       string
		then       func(token string, tell func(journal.Event))
		hops       []string
		reason     string // part of it; empty: it passes
		after      time.Duration
		said       string // part of the progress
	}{
		{name: "delivered", then: tell(own, taken), hops: []string{submitted, delivered}, said: "waiting for the relay to queue the message, until 12:02:00 UTC."},
		{name: "not allowed", rcpt: "550 5.7.54 Unable to relay", reason: "the relay did not take it at 127.0.0.1:25: 550 5.7.54 Unable to relay"},
		{name: "bounced", then: tell(own, journal.Event{Step: journal.Bounced, ID: "ONE", Answer: "550 5.1.1 no"}), hops: []string{submitted}, reason: "its sender is told: 550 5.1.1 no"},
		{name: "dropped", then: tell(own, journal.Event{Step: journal.Dropped, ID: "ONE", Answer: "550 5.1.1 no"}), hops: []string{submitted}, reason: "could not be delivered: 550 5.1.1 no"},
		{name: "deferred, then delivered", then: tell(own, journal.Event{Step: journal.Deferred, ID: "ONE", Answer: "451 later", Advice: "Do this.", Next: time.Date(2000, 1, 1, 12, 1, 0, 0, time.UTC)}, taken), hops: []string{submitted, delivered}, said: "451 later. Do this.. It is tried again at 12:01:00 UTC."},
		{name: "deferred for too long", then: tell(own, journal.Event{Step: journal.Deferred, ID: "ONE", Answer: "451 later", Next: time.Date(2000, 1, 1, 13, 0, 0, 0, time.UTC)}), hops: []string{submitted}, reason: "The next try is at 2000-01-01T13:00:00Z, when the time of the probe is over"},
		{name: "nothing happens", then: tell(own), hops: []string{submitted}, reason: "the next hop has not taken it within 2m. It stays in the queue: mailrelay queue show ONE", after: 2 * time.Minute, said: "waiting for the next hop to take message ONE"},
		{name: "in clear, where TLS is required", tls: true, reason: "127.0.0.1 does not offer STARTTLS"},
		{name: "an answer", reply: true, then: tell(own, taken, answer, queued), hops: []string{submitted, delivered, answered}, said: "waiting for an answer from <echo@fabrikam.com>"},
		{name: "an answer that is quicker than the journal", reply: true, then: tell(own, answer, queued, taken), hops: []string{submitted, answered, delivered}},
		{name: "an answer that was not kept", reply: true, then: tell(own, taken, answer), hops: []string{submitted, delivered, answered}, reason: "no answer to it has come within 2m", after: 2 * time.Minute},
		{name: "the probe itself comes back", reply: true, then: tell(own, taken, func(token string) journal.Event {
			e := own(token)
			e.ID = "TWO"
			return e
		}, queued), hops: []string{submitted, delivered}, reason: "no answer to it has come", after: 2 * time.Minute},
		{name: "a report comes back", reply: true, then: tell(own, taken, func(token string) journal.Event {
			e := answer(token)
			e.Report = true
			return e
		}), hops: []string{submitted, delivered}, reason: "a report of its failure came back from 192.0.2.7"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				time.Sleep(12 * time.Hour) // it begins at midnight
				r := &relay{t: t, rcpt: tt.rcpt, then: tt.then}
				p := testProbe(tt.tls, tt.reply)
				began := time.Now()
				got := Run(t.Context(), Options{Follow: r.follow, Listeners: []string{"unix:/x", "0.0.0.0:25"}, Dial: r.dial, Progress: r.progress}, p)
				synctest.Wait()
				if took := time.Since(began); took != tt.after {
					t.Errorf("it took %s, want %s", took, tt.after)
				}
				if got.Passed != (tt.reason == "") || !strings.Contains(got.Reason, tt.reason) {
					t.Errorf("passed: %t, %s", got.Passed, got.Reason)
				}
				var hops []string
				for _, h := range got.Hops {
					hops = append(hops, strings.Join(strings.Fields(strings.Join([]string{h.Step, h.Host, h.Address, h.Connector.String(), h.TLS, h.Answer}, " ")), " "))
				}
				if diff := cmp.Diff(tt.hops, hops); diff != "" {
					t.Error(diff)
				}
				if all := strings.Join(r.said, "\n"); !strings.Contains(all, tt.said) {
					t.Errorf("it said\n%s", all)
				}
			})
		})
	}
}

func testProbe(tls, reply bool) *schema.Probe {
	return &schema.Probe{Relay: schema.Addr{Type: "relay", Name: "edge"}, From: "probe@contoso.com", To: "echo@fabrikam.com", RequireTLS: tls, Within: 2 * time.Minute, ExpectReply: reply}
}

// TestMessage: what waits for an answer does not tell others not to answer.
func TestMessage(t *testing.T) {
	for _, reply := range []bool{false, true} {
		r := &run{p: testProbe(false, reply), token: "TOKEN"}
		text := string(r.message("host.test"))
		if strings.Contains(text, "Auto-Submitted: ") == reply || !strings.Contains(text, "\r\nSubject: mailrelay probe TOKEN\r\n") || !strings.Contains(text, "\r\nMessage-ID: <TOKEN@host.test>\r\n") {
			t.Error(text)
		}
	}
}

// TestDoors: loopback comes first, and a listener at all addresses is reached there.
func TestDoors(t *testing.T) {
	got := doors([]string{"192.0.2.1:25", "[::]:25", "0.0.0.0:587", "unix:/run/x", "127.0.0.1:587"})
	var want []netip.AddrPort
	for _, s := range []string{"127.0.0.1:587", "[::1]:25", "192.0.2.1:25"} {
		want = append(want, netip.MustParseAddrPort(s))
	}
	if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b })); diff != "" {
		t.Error(diff)
	}
}

// TestOtherDoor: a listener that cannot be reached leaves the others.
func TestOtherDoor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &relay{t: t, down: map[string]bool{"127.0.0.1:25": true}, then: func(token string, tell func(journal.Event)) {
			tell(journal.Event{Step: journal.Received, ID: "ONE", Probe: token})
			tell(journal.Event{Step: journal.Delivered, ID: "ONE"})
		}}
		got := Run(t.Context(), Options{Follow: r.follow, Listeners: []string{"127.0.0.1:25", "192.0.2.1:25"}, Dial: r.dial}, testProbe(false, false))
		if !got.Passed || got.Hops[0].Address != "192.0.2.1:25" {
			t.Errorf("%+v", got)
		}
		synctest.Wait()
	})
}
