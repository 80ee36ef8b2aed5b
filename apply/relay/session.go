package relay

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/emersion/go-smtp"

	"github.com/mailrelay/mailrelay/apply/relay/spool"
	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/decide"
)

// The lengths of what RFC 3461, 4.2 and 4.4 let a client say, in bytes.
const (
	maxEnvID = 100
	maxORcpt = 500
)

// errTwoDomains is a@b@c, of which nobody knows which domain is meant.
var errTwoDomains = errors.New("an @ in the part before the domain needs quotes")

// session is what go-smtp asks about a client that has said EHLO. Rights and
// routes are decide's; limits are here.
type session struct {
	n    *node
	c    *conn
	smtp *smtp.Conn
	user string       // logged on
	file string       // the users of which user is one
	tx   *transaction // nil outside of one
}

// transaction is one message from MAIL to the final answer, under one policy.
type transaction struct {
	edition  *edition
	receive  *decide.Receive
	client   decide.Client
	from     schema.Mailbox
	to       []spool.Rcpt
	began    time.Time
	envID    string // ENVID
	ret      string // RET
	declared int64  // SIZE of MAIL; zero: not said
	utf8     bool
	eight    bool
}

// Reset implements smtp.Session.
func (s *session) Reset() { s.begin(nil) }

// Logout implements smtp.Session.
func (s *session) Logout() error {
	s.begin(nil)
	return nil
}

func (s *session) begin(tx *transaction) {
	if (s.tx != nil) != (tx != nil) {
		s.c.setBusy(tx != nil)
	}
	s.tx = tx
}

// client is who speaks, now.
func (s *session) client(e *edition) decide.Client {
	c := s.c.client
	c.Relay, c.At = e.relay.Addr(), s.n.o.Clock()
	if s.c.tls != nil {
		c.Names, c.Partner = partner(*s.c.tls, e.clients(), c.At)
	}
	if s.user == "" {
		return c
	}
	// A connector with other users does not know this one, whatever the name.
	if r := e.policy.Receive(c); r != nil && r.Block.UsersFile == s.file {
		c.User = s.user
	}
	return c
}

// Mail implements smtp.Session. From here to the end of the message the newest
// policy counts, whichever was in force when the client connected.
func (s *session) Mail(from string, opts *smtp.MailOptions) error {
	s.c.asked = true
	if s.tx != nil { // go-smtp would keep the recipients of the first
		return reply(503, 5, 5, 1, "A sender is already given; finish that message, or say RSET")
	}
	mailbox, err := s.mailbox(from)
	if err != nil {
		return s.turnAway("MAIL", reply(553, 5, 1, 7, "The sender is not a mail address, so %s cannot take it: %v", s.c.connector, err))
	}
	if r := s.unsaid("sender", mailbox, opts.UTF8); r != nil {
		return s.turnAway("MAIL", r)
	}
	if len(opts.EnvelopeID) > maxEnvID {
		return s.turnAway("MAIL", reply(501, 5, 5, 4, "ENVID may have %d characters", maxEnvID))
	}
	e := s.n.current.Load()
	tx := &transaction{
		edition: e, client: s.client(e), from: mailbox, began: s.n.o.Clock(),
		declared: opts.Size, utf8: opts.UTF8, eight: opts.Body == smtp.Body8BitMIME,
		envID: opts.EnvelopeID, ret: string(opts.Return),
	}
	v := e.policy.Sender(tx.client, mailbox)
	if v.Connector == nil {
		s.c.end()
		s.n.turnedAway(tx.client, schema.Addr{}, "MAIL", replyOf(v.Reply))
		return replyOf(v.Reply)
	}
	tx.receive = v.Connector
	if !v.OK() {
		return s.refuse(tx, "MAIL", from, replyOf(v.Reply))
	}
	if r := s.room(tx); r != nil {
		return s.refuse(tx, "MAIL", from, r)
	}
	s.begin(tx)
	return nil
}

// room finds out whether there is room for a message: in the limits of the
// connection, and on the disk.
func (s *session) room(tx *transaction) *smtp.SMTPError {
	b, name := tx.receive.Block, tx.receive.Block.Addr()
	l := s.c.link
	switch limit := tx.receive.Limit(tx.client); {
	case limit > 0 && tx.declared > limit:
		return replyOf(tx.receive.TooLarge(limit))
	case b.MaxMessages > 0 && l.messages >= b.MaxMessages:
		s.c.end()
		return reply(421, 4, 7, 0, "%s takes %d messages in a connection; open another", name, b.MaxMessages)
	case b.MaxSessionSize > 0 && l.bytes > 0 && l.bytes+tx.declared >= b.MaxSessionSize:
		s.c.end()
		return reply(421, 4, 7, 0, "%s takes %d bytes in a connection; open another", name, b.MaxSessionSize)
	case !s.n.limits.message(b, tx.client.Remote, tx.client.At):
		return reply(451, 4, 7, 0, "%s takes %d messages a minute from one address; try again later", name, b.MessageRateLimit)
	}
	if err := s.n.spool.Failed(); err != nil {
		return replyTo(err)
	}
	if err := s.n.spool.Free(); err != nil {
		return replyTo(err)
	}
	return nil
}

// Rcpt implements smtp.Session.
func (s *session) Rcpt(to string, opts *smtp.RcptOptions) error {
	s.c.asked = true
	tx := s.tx
	if tx == nil {
		return reply(503, 5, 5, 1, "Give the sender first")
	}
	b := tx.receive.Block
	if len(tx.to) >= b.MaxRecipients {
		r := reply(452, 4, 5, 3, "%s takes %d recipients a message; send the others another one", b.Addr(), b.MaxRecipients)
		s.recordRefusal(tx, "RCPT", to, r)
		return r
	}
	mailbox, err := s.mailbox(to)
	if err != nil {
		r := reply(501, 5, 1, 3, "The recipient is not a mail address, so %s cannot take it: %v", b.Addr(), err)
		s.recordRefusal(tx, "RCPT", to, r)
		return r
	}
	if r := s.unsaid("recipient", mailbox, tx.utf8); r != nil {
		s.recordRefusal(tx, "RCPT", to, r)
		return r
	}
	if len(opts.OriginalRecipient) > maxORcpt || strings.ContainsFunc(opts.OriginalRecipient, unicode.IsControl) {
		return reply(501, 5, 5, 4, "ORCPT may have %d characters, and no control characters", maxORcpt)
	}
	v := tx.edition.policy.Recipient(tx.client, tx.from, mailbox)
	if !v.OK() {
		return s.refuse(tx, "RCPT", to, replyOf(v.Reply))
	}
	if tx.declared > 0 {
		if r := tx.tooLarge(mailbox, tx.declared); r != nil {
			s.recordRefusal(tx, "RCPT", to, r)
			return r
		}
	}
	if !slices.ContainsFunc(tx.to, func(r spool.Rcpt) bool { return r.To == mailbox }) {
		tx.to = append(tx.to, spool.Rcpt{To: mailbox, Notify: notify(opts), Original: original(opts)})
	}
	return nil
}

// tooLarge refuses what no way out takes.
func (tx *transaction) tooLarge(to schema.Mailbox, size int64) *smtp.SMTPError {
	if r, ok := tx.edition.policy.Fits(tx.client.Relay, to, size); !ok {
		return replyOf(r)
	}
	return nil
}

// mailbox reads an address as go-smtp gives it: the local part without quotes.
func (s *session) mailbox(text string) (schema.Mailbox, error) {
	if text == "" {
		return schema.Mailbox{}, nil
	}
	i := strings.LastIndexByte(text, '@')
	local, domain := text[:max(i, 0)], text[i+1:]
	if domain == nowhere && strings.EqualFold(local, "postmaster") {
		return schema.Mailbox{Local: local}, nil
	}
	if strings.Contains(local, "@") && !bytes.ContainsAny(s.c.line, `"\`) {
		return schema.Mailbox{}, errTwoDomains
	}
	return schema.NewMailbox(local, domain)
}

// unsaid refuses an address with letters beyond ASCII where the client did not say
// that it sends such (RFC 6531, 3.4). A domain is in its ASCII form by now.
func (s *session) unsaid(what string, m schema.Mailbox, said bool) *smtp.SMTPError {
	if said || strings.IndexFunc(m.Local, func(r rune) bool { return r > unicode.MaxASCII }) < 0 {
		return nil
	}
	return reply(553, 5, 6, 7, "The %s has letters beyond ASCII before the @, so MAIL to %s needs SMTPUTF8", what, s.c.connector)
}

// turnAway records a refusal outside of a message.
func (s *session) turnAway(command string, r *smtp.SMTPError) error {
	s.c.refused(command, r)
	return r
}

// refuse holds a refusal back for the tarpit interval, so that guessing is slow.
func (s *session) refuse(tx *transaction, verb, address string, r *smtp.SMTPError) error {
	s.recordRefusal(tx, verb, address, r)
	if r.Code >= 500 {
		s.tarpit(tx.receive.Block)
	}
	return r
}

func (s *session) tarpit(b *schema.ReceiveConnector) {
	if b.TarpitInterval == 0 || s.c.flush() != nil {
		return
	}
	t := time.NewTimer(b.TarpitInterval)
	defer t.Stop()
	select {
	case <-t.C:
	case <-s.c.done.Done():
	case <-s.n.ctx.Done():
	}
}
