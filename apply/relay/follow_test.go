package relay

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mailrelay/mailrelay/apply/relay/journal"
)

const testToken = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

// TestSeek looks for a token in messages that come in pieces.
func TestSeek(t *testing.T) {
	far := strings.Repeat("x", sought-len("\r\n\r\n")-10)
	for _, tt := range []struct {
		name, content string
		found, report bool
	}{
		{"in the subject", "Subject: Re: mailrelay probe " + testToken + "\r\n\r\nx", true, false},
		{"in a reference", "In-Reply-To:\r\n <" + testToken + "@x>\r\n\r\nx", true, false},
		{"in what a report is about", "Content-Type: Multipart/REPORT; boundary=x\r\n\r\n--x\r\n\r\nMessage-ID: <" + testToken + "@x>\r\n", true, true},
		{"a report that is talked about", "Subject: x\r\n\r\nmultipart/report " + testToken, true, false},
		{"not there", "Subject: " + testToken[1:] + "\r\n\r\nmultipart/report", false, false},
		{"too far behind", "\r\n\r\n" + far + testToken, false, false},
		{"empty", "", false, false},
	} {
		for _, piece := range []int{1, 7, 4096, 1 << 20} {
			var f followers
			_, stop := f.follow(testToken)
			s := f.seek()
			for rest := []byte(tt.content); len(rest) > 0; {
				n := min(piece, len(rest))
				s.add(rest[:n])
				rest = rest[n:]
			}
			stop()
			want := ""
			if tt.found {
				want = testToken
			}
			if token, report := s.found(); token != want || report != tt.report {
				t.Errorf("%s, in pieces of %d: %q, %t", tt.name, piece, token, report)
			}
		}
	}
	var f followers
	if s := f.seek(); s != nil {
		t.Error("it looks for what nobody follows")
	}
}

// TestFollow: who follows a token gets the events of the messages that bear it and
// of reports about them, and no others; and holds nobody up.
func TestFollow(t *testing.T) {
	var f followers
	events, stop := f.follow(testToken)
	other, stopOther := f.follow("other")
	for _, e := range []journal.Event{
		{Step: journal.Received, ID: "1", Probe: "third"},
		{Step: journal.Received, ID: "2", Probe: testToken},
		{Step: journal.Queued, ID: "1"},
		{Step: journal.Queued, ID: "2"},
		{Step: journal.Refused},
		{Step: journal.Queued, ID: "3", About: "2"},
		{Step: journal.Bounced, ID: "2"},
		{Step: journal.Delivered, ID: "3"},
	} {
		f.Record(e)
	}
	stopOther()
	for range 2 * mostEvents {
		f.Record(journal.Event{Step: journal.Deferred, ID: "3"})
	}
	stop()
	f.Record(journal.Event{Step: journal.Delivered, ID: "2"})
	if len(other) != 0 || len(events) != mostEvents {
		t.Errorf("%d and %d events came", len(events), len(other))
	}
	var got []string
	for range 6 {
		e := <-events
		got = append(got, fmt.Sprint(e.Step, " ", e.ID))
	}
	if diff := cmp.Diff([]string{"received 2", "queued 2", "queued 3", "bounced 2", "delivered 3", "deferred 3"}, got); diff != "" {
		t.Error(diff)
	}
}
