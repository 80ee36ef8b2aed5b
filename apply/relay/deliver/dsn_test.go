package deliver

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mailrelay/mailrelay/apply/relay/journal"
	"github.com/mailrelay/mailrelay/apply/relay/spool"
	"github.com/mailrelay/mailrelay/schema"
)

func TestParameters(t *testing.T) {
	for _, tt := range []struct {
		w          wanted
		mail, rcpt string
	}{
		{wanted{}, "", ""},
		{wanted{envID: "a=b c+", ret: "HDRS"}, " RET=HDRS ENVID=a+3Db+20c+2B", ""},
		{wanted{rcpts: []wantedRcpt{{spool.NotifyNever, ""}}}, "", " NOTIFY=NEVER"},
		{wanted{rcpts: []wantedRcpt{{spool.NotifyDelay | spool.NotifySuccess | spool.NotifyFailure, "rfc822;a+b@example.org"}}}, "", " NOTIFY=SUCCESS,FAILURE,DELAY ORCPT=rfc822;a+2Bb@example.org"},
		{wanted{rcpts: []wantedRcpt{{0, `utf-8;ü=\\@example.org`}}}, "", ` ORCPT=utf-8;\x{FC}\x{3D}\x{5C}\x{5C}@example.org`},
	} {
		if diff := cmp.Diff([]string{tt.mail, tt.rcpt}, []string{tt.w.ofMail(), tt.w.ofRcpt(0)}); diff != "" {
			t.Error(diff)
		}
	}
}

// TestAsked: what is asked goes to a next hop that offers it, together with the
// address before it was rewritten, and then no report is ours to give.
func TestAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := connector(t, "192.0.2.1")
		pol := policy{func(to schema.Mailbox) (*schema.SendConnector, schema.Mailbox) {
			to.Domain = "new.test"
			return s, to
		}, "example.org"}
		w := newWorld(t, pol, Options{})
		p := &peer{ext: []string{"DSN"}}
		w.net.peers["192.0.2.1:25"] = p.serve
		w.start()
		defer func() { w.stop() }()
		w.asks(spool.Envelope{EnvID: "x y", Return: "FULL"}, spool.Rcpt{To: box(t, "b@example.com"), Notify: spool.NotifySuccess}, spool.Rcpt{To: box(t, "c@example.com"), Original: "rfc822;d@example.net"})
		synctest.Wait()
		want := []string{
			"EHLO relay.example.org",
			"MAIL FROM:<a@example.org> RET=FULL ENVID=x+20y",
			"RCPT TO:<b@new.test> NOTIFY=SUCCESS ORCPT=rfc822;b@example.com",
			"RCPT TO:<c@new.test> ORCPT=rfc822;d@example.net",
			"DATA",
		}
		if diff := cmp.Diff(want, p.lines); diff != "" {
			t.Error(diff)
		}
	})
}

// asks stores and adds a message from a@example.org.
func (w *world) asks(env spool.Envelope, rcpts ...spool.Rcpt) {
	w.t.Helper()
	env.From, env.Received, env.Rcpts = box(w.t, "a@example.org"), w.o.Clock(), rcpts
	env, err := w.store.Put(env, []byte(testBody))
	if err != nil {
		w.t.Fatal(err)
	}
	w.Add(env, []byte(testBody))
}

// TestReportsWanted: which reports the sender gets of recipients that are taken,
// refused, and refused after a delay, by a next hop that gives none.
func TestReportsWanted(t *testing.T) {
	for _, tt := range []struct {
		name   string
		notify spool.Notify
		want   []string // recipient and Action
	}{
		{"says nothing", 0, []string{"bad failed", "busy delayed", "busy failed"}},
		{"never", spool.NotifyNever, nil},
		{"success", spool.NotifySuccess, []string{"good relayed"}},
		{"failure", spool.NotifyFailure, []string{"bad failed", "busy failed"}},
		{"delay", spool.NotifyDelay, []string{"busy delayed"}},
		{"all", spool.NotifySuccess | spool.NotifyFailure | spool.NotifyDelay, []string{"bad failed", "busy delayed", "busy failed", "good relayed"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, through(connector(t, "192.0.2.1")), Options{})
				p := refuser(map[string]string{"bad@example.com": "550 5.1.1 no", "busy@example.com": "450 4.2.1 busy"})
				w.net.peers["192.0.2.1:25"] = p.serve
				w.start()
				defer func() { w.stop() }()
				env := spool.Envelope{EnvID: "QQ314159", Return: "HDRS"}
				var to []spool.Rcpt
				for _, name := range []string{"good", "bad", "busy"} {
					to = append(to, spool.Rcpt{To: box(t, name+"@example.com"), Notify: tt.notify, Original: "rfc822;" + name + "@list.test"})
				}
				w.asks(env, to...)
				time.Sleep(72 * time.Hour)
				synctest.Wait()
				var got []string
				for _, m := range p.messages() {
					if m.From != "" {
						continue
					}
					_, content := parts(t, []byte(m.Body))
					fields := content[1].Text
					if !strings.Contains(fields, "Original-Envelope-Id: QQ314159\n") || content[2].Type != "text/rfc822-headers" {
						t.Errorf("%+v", content)
					}
					for _, who := range []string{"good", "bad", "busy"} {
						if strings.Contains(fields, "Original-Recipient: rfc822; "+who+"@list.test\nFinal-Recipient: rfc822; "+who+"@example.com\n") {
							_, rest, _ := strings.Cut(fields, "\nAction: ")
							action, _, _ := strings.Cut(rest, "\n")
							got = append(got, who+" "+action)
						}
					}
				}
				slices.Sort(got)
				if diff := cmp.Diff(tt.want, got); diff != "" {
					t.Error(diff)
				}
				if s := w.Stats(); s.Messages != 0 {
					t.Errorf("%+v", s)
				}
			})
		})
	}
}

// TestReturn: what of the message a report of failure bears.
func TestReturn(t *testing.T) {
	eight := "Subject: a\r\n\r\nf\u00fcnf\r\n"
	large := "Subject: a\r\n\r\n" + strings.Repeat("text\r\n", 10000)
	for _, tt := range []struct{ name, ret, body, third string }{
		{"small", "", testBody, "message/rfc822"},
		{"small, FULL", "FULL", testBody, "message/rfc822"},
		{"small, HDRS", "HDRS", testBody, "text/rfc822-headers"},
		{"large", "", large, "text/rfc822-headers"},
		{"large, FULL", "FULL", large, "message/rfc822"},
		{"too large, FULL", "FULL", strings.Repeat(large, 20), "text/rfc822-headers"},
		{"8-bit", "", eight, "text/rfc822-headers"},
		{"8-bit, FULL", "FULL", eight, "message/rfc822"},
		{"8-bit header, FULL", "FULL", "Subject: \u00fc\r\n\r\nx\r\n", "text/rfc822-headers"},
	} {
		w := newWorld(t, through(connector(t, "192.0.2.1")), Options{})
		env, _ := w.store.force(t, "a@example.org", "b@example.com")
		env.Return = tt.ret
		w.store.bodies["1"] = []byte(tt.body)
		m := &message{env: env, out: []outcome{{kind: refused, status: "5.1.1", text: "no"}}}
		if err := w.giveUp(w.conf, m, []int{0}); err != nil {
			t.Fatal(err)
		}
		_, got := parts(t, w.store.bodies["2"])
		if got[2].Type != tt.third || tt.third == "message/rfc822" && got[2].Text != strings.ReplaceAll(tt.body, "\r\n", "\n") {
			t.Errorf("%s: %s, %.100q", tt.name, got[2].Type, got[2].Text)
		}
		if w.store.envs["2"].EightBit != (tt.body == eight && tt.ret == "FULL") {
			t.Errorf("%s: 8-bit is %t", tt.name, w.store.envs["2"].EightBit)
		}
	}
}

// steps keeps the events of a journal.
type steps struct {
	mu  sync.Mutex
	all []string
}

func (s *steps) Record(e journal.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = append(s.all, fmt.Sprint(e.Step, " ", e.To, " ", e.Code))
}

// TestUnreportedIsRecorded: who asks for no report gets none, but the journal
// knows the end of every recipient.
func TestUnreportedIsRecorded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got steps
		w := newWorld(t, through(connector(t, "192.0.2.1")), Options{Journal: journal.New(journal.Options{Sinks: []journal.Sink{&got}})})
		p := refuser(map[string]string{"bad@example.com": "550 5.1.1 no"})
		w.net.peers["192.0.2.1:25"] = p.serve
		w.start()
		defer func() { w.stop() }()
		w.asks(spool.Envelope{}, spool.Rcpt{To: box(t, "bad@example.com"), Notify: spool.NotifyNever})
		synctest.Wait()
		if diff := cmp.Diff([]string{"dropped [bad@example.com] 550"}, got.all); diff != "" {
			t.Error(diff)
		}
	})
}
