package relay

import (
	"crypto/tls"
	"fmt"
	"time"

	"github.com/emersion/go-smtp"

	"github.com/mailrelay/mailrelay/apply/relay/journal"
	"github.com/mailrelay/mailrelay/apply/relay/spool"
	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/decide"
)

// clientName is how logs and envelopes name a client.
func clientName(c decide.Client) string {
	if c.Unix != "" {
		return "unix:" + c.Unix
	}
	return c.Remote.String()
}

// turnedAway records a refusal outside of a message.
func (n *node) turnedAway(c decide.Client, connector schema.Addr, command string, r *smtp.SMTPError) {
	n.journal.Record(refusalOf(journal.Event{Connector: connector, Client: clientName(c)}, command, r))
}

func refusalOf(e journal.Event, command string, r *smtp.SMTPError) journal.Event {
	e.Step, e.Command, e.Code, e.Answer = journal.Refused, command, r.Code, r.Message
	e.Status = fmt.Sprintf("%d.%d.%d", r.EnhancedCode[0], r.EnhancedCode[1], r.EnhancedCode[2])
	e.Reason = journal.Reason(command, r.Code, e.Status)
	return e
}

// event is what is known of a message while its transaction goes on.
func (s *session) event(tx *transaction) journal.Event {
	e := journal.Event{
		Revision: string(tx.edition.revision.Hash), Serial: tx.edition.revision.Serial,
		Client: clientName(tx.client), Helo: s.smtp.Hostname(), User: tx.client.User, From: &tx.from,
	}
	if tx.receive != nil {
		e.Connector = tx.receive.Block.Addr()
	}
	if t := s.c.tls; t != nil {
		e.TLS, e.Cipher = tls.VersionName(t.Version), tls.CipherSuiteName(t.CipherSuite)
	}
	return e
}

// recordRefusal records that the answer to a command is r. address is the sender
// or the recipient it is about, as far as it is one.
func (s *session) recordRefusal(tx *transaction, command, address string, r *smtp.SMTPError) {
	e := s.event(tx)
	switch to, err := s.mailbox(address); {
	case command == "DATA":
		e.To = addresses(tx.to)
	case command == "RCPT" && err == nil:
		e.To = []schema.Mailbox{to}
	}
	s.n.journal.Record(refusalOf(e, command, r))
}

// recordReceived records a message whose content has arrived.
func (s *session) recordReceived(tx *transaction, in *intake, now time.Time) {
	e := s.event(tx)
	e.Step, e.ID, e.To, e.Size = journal.Received, in.draft.ID(), addresses(tx.to), in.size
	e.Probe, e.Report = in.seek.found()
	e.ReceiveMS = journal.MS(now.Sub(tx.began))
	s.n.journal.Record(e)
}

// recordQueued records a message that is on stable storage since now. arrived is
// when its content was there.
func (s *session) recordQueued(tx *transaction, env *spool.Envelope, arrived time.Time) {
	e := s.event(tx)
	e.Step, e.ID, e.To, e.Size, e.Next = journal.Queued, env.ID, addresses(tx.to), env.Size, env.Next
	e.SyncMS = journal.MS(s.n.o.Clock().Sub(arrived))
	s.n.journal.Record(e)
}

func addresses(rcpts []spool.Rcpt) []schema.Mailbox {
	out := make([]schema.Mailbox, len(rcpts))
	for i, r := range rcpts {
		out[i] = r.To
	}
	return out
}
