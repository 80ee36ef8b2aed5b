package main

import (
	"fmt"
	"net/smtp"
	"strings"
	"sync"
	"testing"
	"time"
)

// sigkillConfig is a relay that tries again after a second.
const sigkillConfig = `
relay "edge" {
  hostname = "relay.contoso.com"

  queue {
    retry_intervals = ["1s"]
  }
}

receive_connector "application" {
  relay             = relay.edge
  bindings          = ["$RELAY"]
  remote_ip_ranges  = ["127.0.0.1"]
  permission_groups = ["anonymous_users"]

  permission "anonymous" {
    allow = ["accept_any_recipient"]
  }
}

send_connector "out" {
  address_spaces = ["*"]
  smart_hosts    = ["$SINK"]
}
`

// TestSIGKILL sends numbered messages while the relay is killed again and again.
// Each number that was answered with 250 arrives at the sink, whole.
func TestSIGKILL(t *testing.T) {
	const messages, kills, senders = 2000, 10, 10
	sink := startSMTPSink(t)
	s := newSite(t)
	s.apply(strings.ReplaceAll(sigkillConfig, "$SINK", sink.addr))
	s.serve()

	todo := make(chan int, messages)
	for i := range messages {
		todo <- i
	}
	close(todo)
	taken := make(chan int) // numbers that were answered with 250
	var wg sync.WaitGroup
	for range senders {
		wg.Go(func() {
			sender := numbered{addr: s.addr}
			defer sender.hangUp()
			for n := range todo {
				for sender.send(n) != nil { // the relay is dead, or was killed meanwhile
					select {
					case <-t.Context().Done():
						return
					case <-time.After(10 * time.Millisecond):
					}
				}
				select {
				case <-t.Context().Done():
				case taken <- n:
				}
			}
		})
	}
	go func() {
		wg.Wait()
		close(taken)
	}()

	answered, killed, queued := map[int]bool{}, 0, 0
	for n := range taken {
		answered[n] = true
		if killed < kills && len(answered) >= messages*(killed+1)/(kills+1) {
			s.relay.Stop()
			killed++
			queued += len(answered) - len(arrived(t, sink))
			s.serve()
		}
	}
	if len(answered) != messages || killed != kills {
		t.Fatalf("%d messages were answered with 250, and the relay was killed %d times", len(answered), killed)
	}
	// Otherwise every message could have left before each kill, and nothing is shown.
	if queued <= 0 {
		t.Errorf("nothing was in the queue at any kill")
	}
	eventually(t, "all messages arrive", func() bool { return len(arrived(t, sink)) == messages })
	t.Logf("%d messages were in the queue at the %d kills together, and %d arrived twice", queued, kills, len(sink.letters(t))-messages)
}

// numbered sends messages over a connection that it makes when it has none.
type numbered struct {
	addr   string
	client *smtp.Client
}

// send sends message n. Only without an error it was answered with 250.
func (s *numbered) send(n int) (err error) {
	defer func() {
		if err != nil {
			s.hangUp()
		}
	}()
	if s.client == nil {
		if s.client, err = smtp.Dial(s.addr); err != nil {
			return err
		}
	}
	pad := strings.Repeat(strings.Repeat("x", 70)+"\r\n", 20)
	text := fmt.Sprintf("From: <printer@contoso.com>\r\nTo: <someone@fabrikam.com>\r\nSubject: %d\r\n\r\n%sEnd of message %d.\r\n", n, pad, n)
	return submit(s.client, "printer@contoso.com", "someone@fabrikam.com", text)
}

func (s *numbered) hangUp() {
	if s.client != nil {
		s.client.Close()
		s.client = nil
	}
}

// arrived are the numbers of the messages that came to their end at the sink.
func arrived(t *testing.T, sink *smtpSink) map[string]bool {
	t.Helper()
	out := map[string]bool{}
	for _, l := range sink.letters(t) {
		_, rest, _ := strings.Cut(l, "\nSubject: ")
		number, rest, _ := strings.Cut(rest, "\n")
		if strings.Contains(rest, "\nEnd of message "+number+".\n") {
			out[number] = true
		}
	}
	return out
}
