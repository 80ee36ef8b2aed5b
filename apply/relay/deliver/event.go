package deliver

import (
	"context"
	"log/slog"
	"strconv"
	"time"

	"github.com/mailrelay/mailrelay/apply/relay/journal"
	"github.com/mailrelay/mailrelay/apply/relay/spool"
	"github.com/mailrelay/mailrelay/schema"
)

// Event is one recipient that a next hop has taken.
type Event struct {
	ID        string         // queue id
	To        schema.Mailbox // as the client gave it
	Rewritten schema.Mailbox // as the next hop got it
	Connector schema.Addr    // the send connector
	Host      string         // name of the next hop
	Address   string         // its address:port

	TLSVersion string // "TLS 1.3"; empty: in clear
	Cipher     string
	Verified   string // what its certificate was verified for; empty: not verified

	Answer string // "250 2.0.0 Ok: queued as …"
	At     time.Time
}

// report tells the log and the hook of a delivery.
func (r *Runner) report(env *spool.Envelope, t target, l *lane, c *client, o outcome) {
	ctx := context.Background()
	if r.o.Journal != nil {
		e := r.step(journal.Delivered, env, t.rcpt, &o)
		e.Verified = c.tls.name
		r.o.Journal.Record(e)
	} else if r.o.Log.Enabled(ctx, slog.LevelInfo) {
		r.o.Log.LogAttrs(ctx, slog.LevelInfo, "delivered",
			slog.String("id", env.ID), slog.Any("to", mailbox(env.Rcpts[t.rcpt].To)), slog.Any("rewritten", mailbox(t.to)),
			slog.String("connector", l.key.connector.Addr().String()), slog.String("host", o.host), slog.String("address", o.addr),
			slog.String("tls", c.tls.version), slog.String("answer", o.text))
	}
	if r.o.Delivered != nil {
		r.o.Delivered(Event{
			ID: env.ID, To: env.Rcpts[t.rcpt].To, Rewritten: t.to, Connector: l.key.connector.Addr(),
			Host: o.host, Address: o.addr, TLSVersion: c.tls.version, Cipher: c.tls.cipher, Verified: c.tls.name,
			Answer: o.text, At: r.o.Clock(),
		})
	}
}

// mailbox is an address in a log, written only if the log wants it.
type mailbox schema.Mailbox

func (m mailbox) LogValue() slog.Value { return slog.StringValue(schema.Mailbox(m).String()) }

// step is an event about one recipient.
func (r *Runner) step(s journal.Step, env *spool.Envelope, rcpt int, o *outcome) journal.Event {
	now := r.o.Clock()
	e := journal.Event{
		Time: now, Step: s, ID: env.ID, Connector: env.Connector, Route: o.via, Client: env.Client,
		From: &env.From, To: []schema.Mailbox{env.Rcpts[rcpt].To}, Size: env.Size,
		TLS: o.tls, Cipher: o.cipher, NextHop: o.host, Address: o.addr, Status: o.status, Answer: o.text,
		Tries: env.Tries + 1, TransferMS: journal.MS(o.took), AgeMS: journal.MS(now.Sub(env.Received)),
	}
	if o.final != env.Rcpts[rcpt].To && !o.final.IsNull() {
		e.Rewritten = &o.final
	}
	if o.remote {
		e.Code, _ = strconv.Atoi(o.text[:min(len(o.text), 3)])
	}
	return e
}

// missed records a recipient that was not delivered.
func (r *Runner) missed(s journal.Step, env *spool.Envelope, rcpt int, o *outcome, next time.Time) {
	if r.o.Journal == nil {
		return
	}
	e := r.step(s, env, rcpt, o)
	e.Next = next
	if e.Held = o.kind == held; e.Held {
		e.Advice = whatToDo(o)
	}
	r.o.Journal.Record(e)
}

// whatToDo is what an administrator must do about a message that is held.
func whatToDo(o *outcome) string {
	if what := advice(o.status); what != "" {
		return what
	}
	return "Correct the send connector or what it names: the next hop, or this relay, cannot use it as it is."
}

// trouble tells the log what became of a recipient that was not delivered.
func (r *Runner) trouble(level slog.Level, what string, env *spool.Envelope, rcpt int, o *outcome, more ...slog.Attr) {
	ctx := context.Background()
	if !r.o.Log.Enabled(ctx, level) {
		return
	}
	attrs := []slog.Attr{
		slog.String("id", env.ID), slog.Any("from", mailbox(env.From)), slog.Any("to", mailbox(env.Rcpts[rcpt].To)),
		slog.Any("rewritten", mailbox(o.final)), slog.String("connector", o.via.String()),
		slog.String("host", o.host), slog.String("address", o.addr),
		slog.String("tls", o.tls), slog.String("status", o.status), slog.String("answer", o.text),
	}
	r.o.Log.LogAttrs(ctx, level, what, append(attrs, more...)...)
}
