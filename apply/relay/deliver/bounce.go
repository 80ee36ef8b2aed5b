package deliver

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/mailrelay/mailrelay/apply/relay/journal"
	"github.com/mailrelay/mailrelay/apply/relay/spool"
	"github.com/mailrelay/mailrelay/schema"
)

// giveUp tells the sender that the recipients lost will not get m. When it returns
// nil the report is on stable storage, or nobody is left to be told.
func (r *Runner) giveUp(conf *config, m *message, lost []int) error {
	lost = slices.DeleteFunc(slices.Clone(lost), func(i int) bool {
		if hears(m.env.Rcpts[i].Notify, spool.NotifyFailure) {
			return false
		}
		r.missed(journal.Dropped, &m.env, i, &m.out[i], time.Time{})
		r.trouble(slog.LevelWarn, "bounced", &m.env, i, &m.out[i], slog.String("returned_to", "nobody: the sender wants no report (NOTIFY)"))
		return true
	})
	if len(lost) == 0 {
		return nil
	}
	to, ok := reportTo(conf, m, lost)
	if !ok {
		for _, i := range lost {
			r.missed(journal.Dropped, &m.env, i, &m.out[i], time.Time{})
			r.trouble(slog.LevelError, "dropped", &m.env, i, &m.out[i],
				slog.String("advice", "The message could not be delivered and has no sender to return it to. Create the postmaster address of the default domain, so that such mail is seen."))
		}
		return nil
	}
	if err := r.send(conf, m, to, lost, failureReport); err != nil {
		return err
	}
	for _, i := range lost {
		r.missed(journal.Bounced, &m.env, i, &m.out[i], time.Time{})
		r.trouble(slog.LevelWarn, "bounced", &m.env, i, &m.out[i], slog.Any("returned_to", mailbox(to)))
	}
	r.mu.Lock()
	r.lastErr, r.lastAt = m.out[lost[0]].text, r.o.Clock()
	r.mu.Unlock()
	return nil
}

// reportTo gives the address that is told: the sender, or the postmaster of the
// default domain for a message from <>. It gives none where that postmaster is
// the one who could not be reached, or where there is no default domain.
func reportTo(conf *config, m *message, lost []int) (schema.Mailbox, bool) {
	if !m.env.From.IsNull() {
		return m.env.From, true
	}
	domain := conf.policy.Default()
	if domain == "" {
		return schema.Mailbox{}, false
	}
	for _, i := range lost {
		to := m.env.Rcpts[i].To
		if strings.EqualFold(to.Local, "postmaster") && (to.Domain == domain || to.Domain == "") {
			return schema.Mailbox{}, false
		}
	}
	return schema.Mailbox{Local: "postmaster", Domain: domain}, true
}

// delayed tells the sender that the recipients keep have to wait, as far as it
// wants to hear that. It is called for messages that have a sender.
func (r *Runner) delayed(conf *config, m *message, keep []int) error {
	keep = slices.DeleteFunc(slices.Clone(keep), func(i int) bool { return !hears(m.env.Rcpts[i].Notify, spool.NotifyDelay) })
	if len(keep) == 0 {
		return nil
	}
	return r.send(conf, m, m.env.From, keep, delayReport)
}

// handedOn tells the sender of recipients that were taken by a next hop which was
// not told to report that (RFC 3461, 5.2.2), if it wants to hear of success.
func (r *Runner) handedOn(conf *config, m *message) {
	if m.env.From.IsNull() {
		return
	}
	var taken []int
	for i := range m.out {
		if o := &m.out[i]; o.kind == delivered && !o.dsn && hears(m.env.Rcpts[i].Notify, spool.NotifySuccess) {
			taken = append(taken, i)
		}
	}
	if len(taken) == 0 {
		return
	}
	if err := r.send(conf, m, m.env.From, taken, relayedReport); err != nil {
		r.o.Log.Error("the sender of a message that was delivered could not be told so, as it had wished", "id", m.env.ID, "error", err)
	}
}

// send stores a report about m, and queues it.
func (r *Runner) send(conf *config, m *message, to schema.Mailbox, rcpts []int, what about) error {
	original, whole := r.original(m, what)
	now := r.o.Clock()
	n := notice{
		relay: conf.relay.Hostname, domain: conf.policy.Default(), to: to, now: now,
		env: &m.env, about: what, until: m.env.Received.Add(conf.relay.Queue.Expiration),
		original: original, whole: whole, eight: whole && !plain(original),
	}
	if n.domain == "" {
		n.domain = n.relay
	}
	for _, i := range rcpts {
		n.rcpts = append(n.rcpts, noticed{m.env.Rcpts[i].To, m.env.Rcpts[i].Original, &m.out[i]})
	}
	content, err := n.build()
	if err != nil {
		return fmt.Errorf("writing a report: %w", err)
	}
	env := spool.Envelope{Rcpts: []spool.Rcpt{{To: to}}, Received: now, Next: now}
	env.UTF8 = !ascii(to.Local)
	env.EightBit = !plainText(content)
	env, err = r.o.Spool.Put(env, content)
	if err != nil {
		return fmt.Errorf("storing a report: %w", err)
	}
	if r.o.Journal != nil {
		r.o.Journal.Record(journal.Event{
			Step: journal.Queued, ID: env.ID, About: m.env.ID, From: &env.From, To: []schema.Mailbox{to}, Size: env.Size, Next: env.Next,
		})
	}
	r.Add(env, content)
	return nil
}

const (
	wholeMost  = 16 << 10 // a message up to this size is returned whole, in bytes
	fullMost   = 1 << 20  // with RET=FULL
	headerMost = 64 << 10 // of a larger one, so much of the header
)

// original gives what a report shows of the message. In one of failure that is all
// of it if it is small and plain ASCII, and with RET=FULL (RFC 3461, 4.3) even if
// it is not so small, or 8-bit. Else it is its header. It is nil if the spool does
// not give it: the report goes out all the same.
func (r *Runner) original(m *message, what about) (content []byte, whole bool) {
	full := m.env.Return == "FULL"
	most := wholeMost
	if full {
		most = fullMost
	}
	content = m.body
	if content == nil {
		rc, err := r.o.Spool.Body(m.env.ID)
		if err != nil {
			return nil, false
		}
		defer rc.Close()
		if content, err = io.ReadAll(io.LimitReader(rc, max(int64(most)+1, headerMost))); err != nil {
			return nil, false
		}
	}
	if what == failureReport && m.env.Return != "HDRS" && len(content) <= most && lines(content) && (plain(content) || full && plain(headerOf(content))) {
		return content, true
	}
	content = headerOf(content)
	return content[:min(len(content), headerMost)], false
}

// headerOf is the header of a message with its last line end, without the empty
// line.
func headerOf(content []byte) []byte {
	if i := bytes.Index(content, []byte("\r\n\r\n")); i >= 0 {
		return content[:i+2]
	}
	return content
}

// plainText reports whether b is 7-bit, in lines that may be sent as they are.
func plainText(b []byte) bool { return plain(b) && lines(b) }

// lines reports whether b is in lines that may be sent as they are.
func lines(b []byte) bool {
	line := 0
	for i, c := range b {
		line++
		switch {
		case c == 0, line > 1000:
			return false
		case c == '\r' && (i+1 == len(b) || b[i+1] != '\n'), c == '\n' && (i == 0 || b[i-1] != '\r'):
			return false
		case c == '\n':
			line = 0
		}
	}
	return true
}
