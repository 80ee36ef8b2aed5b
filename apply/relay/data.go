package relay

import (
	"errors"
	"io"
	"sync"
	"time"

	"github.com/emersion/go-smtp"

	"github.com/mailrelay/mailrelay/apply/relay/spool"
	"github.com/mailrelay/mailrelay/schema/decide"
)

// beyond is how much more than the limit of a connector is read of a message that
// is refused anyway, in bytes, so that a client which does not listen before it is
// done hears why. One that goes on is cut off.
const beyond = 64 << 20

// Data implements smtp.Session: it stores the message, and answers 250 when it is
// on stable storage. The content is read from the connection, which knows its end
// better than go-smtp's reader.
func (s *session) Data(io.Reader) error {
	tx := s.tx
	if tx == nil || len(tx.to) == 0 { // what follows is not read, and the connection ends
		return reply(503, 5, 5, 1, "Give a sender and a recipient first")
	}
	in := s.intake(tx)
	defer in.draft.Abort()
	if err := s.n.buffers.read(in, &s.c.body); err != nil {
		return broken(err)
	}
	if r := in.end(); r != nil {
		return s.refuse(tx, "DATA", tx.from.String(), r)
	}
	return s.keep(tx, in)
}

// keep commits the message and hands it to delivery.
func (s *session) keep(tx *transaction, in *intake) error {
	for _, to := range tx.to {
		if r := tx.tooLarge(to.To, in.size); r != nil {
			return s.refuse(tx, "DATA", to.To.String(), r)
		}
	}
	env := spool.Envelope{
		From: tx.from, Received: in.at, Connector: tx.receive.Block.Addr(), Client: clientName(tx.client),
		Relayed: tx.receive.Rights(tx.client)&decide.AnyRecipient != 0,
		UTF8:    tx.utf8, EightBit: tx.eight, Next: in.at, Rcpts: tx.to, EnvID: tx.envID, Return: tx.ret,
	}
	arrived := s.n.o.Clock()
	s.recordReceived(tx, in, arrived)
	env, body, err := in.draft.Commit(env)
	if err != nil {
		s.n.o.Log.Error("a message could not be stored", "client", env.Client, "error", err)
		s.recordRefusal(tx, "DATA", tx.from.String(), replyTo(err))
		return replyTo(err)
	}
	s.c.messages++
	s.c.bytes += in.size
	s.recordQueued(tx, &env, arrived)
	s.c.talk.Took(env.ID)
	s.n.runner.Add(env, body)
	return &smtp.SMTPError{Code: 250, EnhancedCode: smtp.EnhancedCode{2, 0, 0}, Message: "OK: queued as " + env.ID}
}

// broken answers for a message that was not read to its end. The rest is not read
// as commands: conn knows that it is not.
func broken(err error) error {
	var answer *smtp.SMTPError
	switch {
	case errors.As(err, &answer):
		return answer
	case errors.Is(err, errReset):
		return reply(250, 2, 0, 0, "The message is forgotten")
	}
	return reply(421, 4, 4, 2, "The message was cut off, and nothing of it is kept")
}

// intake is a message on its way into a draft: it is measured, checked line by
// line, and its header is edited. After the first thing that is wrong the rest is
// only counted.
type intake struct {
	draft   *spool.Draft
	at      time.Time
	size    int64 // of what the client sent, in bytes
	limit   int64 // zero: none
	receive *decide.Receive
	seek    *seeker // of the tokens of probes; nil: none is under way
	newline newlines
	header  header
	wrong   *smtp.SMTPError
}

func (s *session) intake(tx *transaction) *intake {
	b := tx.receive.Block
	in := &intake{draft: s.n.spool.New(), at: s.n.o.Clock(), limit: tx.receive.Limit(tx.client), receive: tx.receive, seek: s.n.followers.seek()}
	in.newline = newlines{normalize: b.BareNewline == "normalize", connector: b.Addr()}
	in.header = header{
		max: b.MaxHeaderSize, hops: tx.edition.relay.Queue.MaxHopCount, out: in.draft,
		host: tx.edition.relay.Hostname, rights: tx.receive.Rights(tx.client), connector: b.Addr(),
	}
	if _, err := io.WriteString(in.draft, s.received(tx, in.draft.ID(), in.at)); err != nil {
		in.wrong = replyTo(err)
	}
	return in
}

// add takes the next bytes. The error ends the connection.
func (in *intake) add(p []byte) error {
	in.size += int64(len(p))
	in.seek.add(p)
	if in.limit > 0 && in.size > in.limit {
		in.reject(replyOf(in.receive.TooLarge(in.limit)))
	}
	if in.wrong == nil {
		in.reject(in.newline.pass(p, &in.header))
	}
	if in.wrong != nil && in.limit > 0 && in.size > in.limit+beyond {
		return in.wrong
	}
	return nil
}

func (in *intake) reject(r *smtp.SMTPError) {
	if in.wrong == nil && r != nil {
		in.wrong = r
	}
}

// end says what is wrong with the whole message; nil if nothing is.
func (in *intake) end() *smtp.SMTPError {
	if in.wrong == nil {
		in.reject(in.newline.end(&in.header))
	}
	if in.wrong == nil {
		in.reject(in.header.end())
	}
	return in.wrong
}

// buffers are what messages are read through.
type buffers struct{ pool sync.Pool }

func newBuffers() *buffers {
	return &buffers{sync.Pool{New: func() any { b := make([]byte, 16<<10); return &b }}}
}

// read passes r to in until its end.
func (b *buffers) read(in *intake, r io.Reader) error {
	buf := b.pool.Get().(*[]byte)
	defer b.pool.Put(buf)
	for {
		n, err := r.Read(*buf)
		if n > 0 {
			if err := in.add((*buf)[:n]); err != nil {
				return err
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}
