package deliver

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"strings"

	"github.com/mailrelay/mailrelay/apply/relay/spool"
	"github.com/mailrelay/mailrelay/schema"
)

// giveUp tells the sender that the recipients lost will not get m. When it returns
// nil the report is on stable storage, or nobody is left to be told.
func (r *Runner) giveUp(conf *config, m *message, lost []int) error {
	to, ok := reportTo(conf, m, lost)
	if !ok {
		for _, i := range lost {
			r.trouble(slog.LevelError, "dropped", &m.env, i, &m.out[i],
				slog.String("advice", "The message could not be delivered and has no sender to return it to. Create the postmaster address of the default domain, so that such mail is seen."))
		}
		return nil
	}
	if err := r.send(conf, m, to, lost, false); err != nil {
		return err
	}
	for _, i := range lost {
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

// delayed tells the sender that the recipients keep have to wait. It is called for
// messages that have one.
func (r *Runner) delayed(conf *config, m *message, keep []int) error {
	return r.send(conf, m, m.env.From, keep, true)
}

// send stores a report about m, and queues it.
func (r *Runner) send(conf *config, m *message, to schema.Mailbox, rcpts []int, delay bool) error {
	original, whole := r.original(m)
	now := r.o.Clock()
	n := notice{
		relay: conf.relay.Hostname, domain: conf.policy.Default(), to: to, now: now,
		env: &m.env, delay: delay, until: m.env.Received.Add(conf.relay.Queue.Expiration),
		original: original, whole: whole,
	}
	if n.domain == "" {
		n.domain = n.relay
	}
	for _, i := range rcpts {
		n.rcpts = append(n.rcpts, noticed{m.env.Rcpts[i].To, &m.out[i]})
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
	r.Add(env, content)
	return nil
}

const (
	wholeMost  = 16 << 10 // a message up to this size is returned whole, in bytes
	headerMost = 64 << 10 // of a larger one, so much of the header
)

// original gives what a report shows of the message: all of it if it is small and
// plain ASCII, else its header. It is nil if the spool does not give it: the
// report goes out all the same.
func (r *Runner) original(m *message) (content []byte, whole bool) {
	content = m.body
	if content == nil {
		rc, err := r.o.Spool.Body(m.env.ID)
		if err != nil {
			return nil, false
		}
		defer rc.Close()
		if content, err = io.ReadAll(io.LimitReader(rc, headerMost)); err != nil {
			return nil, false
		}
	}
	if len(content) <= wholeMost && plainText(content) {
		return content, true
	}
	if i := bytes.Index(content, []byte("\r\n\r\n")); i >= 0 {
		content = content[:i+2]
	}
	return content[:min(len(content), headerMost)], false
}

// plainText reports whether b is 7-bit, in lines that may be sent as they are.
func plainText(b []byte) bool {
	line := 0
	for i, c := range b {
		line++
		switch {
		case c >= 128, c == 0, line > 1000:
			return false
		case c == '\r' && (i+1 == len(b) || b[i+1] != '\n'), c == '\n' && (i == 0 || b[i-1] != '\r'):
			return false
		case c == '\n':
			line = 0
		}
	}
	return true
}
