package probe

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mailrelay/mailrelay/apply/relay/journal"
	"github.com/mailrelay/mailrelay/schema"
)

// errClear is a hop in clear where require_tls is set.
var errClear = errors.New("require_tls is set")

// await looks at events until the probe has passed or failed. within ends with the
// probe's time, ctx with the patience of whoever runs it.
func (r *run) await(ctx, within context.Context, events <-chan journal.Event) error {
	tick := time.NewTicker(r.o.Every)
	defer tick.Stop()
	r.o.Progress(r.awaited())
	for {
		select {
		case e, open := <-events:
			if !open && within.Err() == nil {
				return errors.New("the relay has stopped, or no longer says what happens. " + r.left())
			}
			if !open {
				events = nil
				continue
			}
			before := r.delivered
			if err := r.see(e); err != nil {
				return err
			}
			if r.delivered && (r.answered || !r.p.ExpectReply) {
				return nil
			}
			if r.delivered != before {
				r.o.Progress(r.awaited())
			}
		case <-tick.C:
			r.o.Progress(r.awaited())
		case <-within.Done():
			if ctx.Err() != nil {
				return errors.New("interrupted. " + r.left())
			}
			if r.delivered {
				return fmt.Errorf("the next hop has taken it, and no answer to it has come within %s", schema.FormatDuration(r.p.Within))
			}
			return fmt.Errorf("the next hop has not taken it within %s. %s", schema.FormatDuration(r.p.Within), r.left())
		}
	}
}

// awaited says what is awaited, from whom, and until when.
func (r *run) awaited() string {
	what := "the next hop to take message " + r.result.ID
	if r.result.ID == "" {
		what = "the relay to queue the message"
	}
	if r.delivered {
		what = "an answer from <" + r.p.To + ">"
	}
	return fmt.Sprintf("%s: waiting for %s, until %s.", r.p.Addr(), what, r.until.UTC().Format("15:04:05 MST"))
}

// left says where the message is.
func (r *run) left() string {
	if r.result.ID == "" || r.delivered {
		return "Run the probe again to see more."
	}
	return fmt.Sprintf("It stays in the queue: mailrelay queue show %s tells why, mailrelay queue drop %[1]s deletes it.", r.result.ID)
}

// see takes note of an event. The error is why the probe has failed.
func (r *run) see(e journal.Event) error {
	if r.result.ID == "" && e.Step == journal.Received { // nobody else knows the token yet
		r.result.ID = e.ID
		r.result.Hops[0].Connector = e.Connector
	}
	switch {
	case e.ID == r.result.ID:
		return r.own(e)
	case e.Step == journal.Received && r.answer == "" && slices.ContainsFunc(e.To, r.isSender):
		if e.Report {
			return fmt.Errorf("the next hop has taken it, and a report of its failure came back from %s. mailrelay queue show %s, or the mailbox of <%s>, has it", e.Client, e.ID, r.p.From)
		}
		r.answer = e.ID
		r.hop(Hop{Step: "answered", Host: e.Helo, Address: e.Client, Connector: e.Connector, TLS: e.TLS, Cipher: e.Cipher})
		if r.p.RequireTLS && e.TLS == "" {
			return fmt.Errorf("the answer came from %s in clear, and %w", e.Client, errClear)
		}
	case e.Step == journal.Queued && e.ID == r.answer:
		r.answered = true
	}
	return nil
}

func (r *run) isSender(m schema.Mailbox) bool {
	return strings.EqualFold(m.Local, r.from.Local) && m.Domain == r.from.Domain
}

// own takes note of what became of the message itself.
func (r *run) own(e journal.Event) error {
	switch e.Step {
	case journal.Delivered:
		r.delivered = true
		r.hop(Hop{Step: "delivered", Host: e.NextHop, Address: e.Address, Connector: e.Route, TLS: e.TLS, Cipher: e.Cipher, Verified: e.Verified, Answer: e.Answer})
		if r.p.RequireTLS && e.TLS == "" {
			return fmt.Errorf("it went to %s in clear, and %w: tls { mode = \"required\" } in %s would have kept it here", e.NextHop, errClear, e.Route)
		}
	case journal.Bounced:
		return errors.New("it could not be delivered, and its sender is told: " + e.Answer)
	case journal.Dropped:
		return errors.New("it could not be delivered: " + e.Answer)
	case journal.Deferred:
		said := "the next hop has not taken it yet: " + e.Answer
		if e.Advice != "" {
			said += ". " + e.Advice
		}
		if e.Next.After(r.until) {
			return fmt.Errorf("%s. The next try is at %s, when the time of the probe is over. %s", said, e.Next.UTC().Format(time.RFC3339), r.left())
		}
		r.o.Progress(fmt.Sprintf("%s: %s. It is tried again at %s.", r.p.Addr(), said, e.Next.UTC().Format("15:04:05 MST")))
	}
	return nil
}
