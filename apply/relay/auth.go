package relay

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
	"golang.org/x/crypto/bcrypt"

	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/decide"
)

// dummy is the hash of nobody's password: comparing with it takes as long for a
// name that is not known as for one that is.
const dummy = "$2a$10$7EqJtq98hPqEX7fNZaFWoOhi5BWX4Z1Z3xjuKJ1pHfDlxlD3Yf1mS"

// AuthMechanisms implements smtp.AuthSession: what EHLO offers, now.
func (s *session) AuthMechanisms() []string {
	if r := s.n.current.Load().policy.Receive(s.client(s.n.current.Load())); r != nil && s.mayLogOn(r.Block) == nil {
		return []string{sasl.Plain, sasl.Login}
	}
	return nil
}

// mayLogOn says why a client cannot log on here; nil if it can.
func (s *session) mayLogOn(b *schema.ReceiveConnector) *smtp.SMTPError {
	switch {
	case !offers(b, "basic_auth") && !offers(b, "basic_auth_require_tls"):
		return reply(503, 5, 5, 1, "%s takes no passwords", b.Addr())
	case offers(b, "basic_auth_require_tls") && s.c.tls == nil:
		return reply(538, 5, 7, 11, "%s takes passwords under TLS alone: issue STARTTLS first", b.Addr())
	}
	return nil
}

// Auth implements smtp.AuthSession.
func (s *session) Auth(mechanism string) (sasl.Server, error) {
	e := s.n.current.Load()
	r := e.policy.Receive(s.client(e))
	if r == nil {
		s.c.end()
		return nil, reply(554, 5, 7, 1, "No receive connector is meant for your address any more")
	}
	if no := s.mayLogOn(r.Block); no != nil {
		return nil, no
	}
	if s.tx != nil {
		return nil, reply(503, 5, 5, 1, "Log on before you give a sender")
	}
	check := func(name, password string) error { return s.logOn(e, r, name, password) }
	switch mechanism {
	case sasl.Plain:
		return sasl.NewPlainServer(func(identity, name, password string) error {
			if identity != "" && identity != name {
				return reply(535, 5, 7, 8, "Nobody may log on here in the name of another")
			}
			return check(name, password)
		}), nil
	case sasl.Login:
		return &login{check: check}, nil
	}
	return nil, reply(504, 5, 5, 4, "Log on by PLAIN or LOGIN")
}

// logOn checks a password, and that the user may submit here.
func (s *session) logOn(e *edition, r *decide.Receive, name, password string) error {
	hash, found := e.users[r.Block.UsersFile].now()[strings.ToLower(name)]
	if !found {
		hash = []byte(dummy)
	}
	s.n.hashing <- struct{}{} // it takes a processor for a while: sessions that deliver go first
	err := bcrypt.CompareHashAndPassword(hash, []byte(password))
	<-s.n.hashing
	if err != nil || !found {
		return s.failed(r.Block, reply(535, 5, 7, 8, "The name or the password is wrong (users of %s)", r.Block.Addr()))
	}
	client := s.client(e)
	client.User = name
	if r.Rights(client)&decide.Submit == 0 {
		return s.failed(r.Block, reply(535, 5, 7, 3, "%s gives this user no right to submit", r.Block.Addr()))
	}
	s.user, s.file = name, r.Block.UsersFile
	return nil
}

// failed counts a failure, and ends the connection after too many.
func (s *session) failed(b *schema.ReceiveConnector, r *smtp.SMTPError) error {
	s.c.failures++
	s.n.turnedAway(s.c.client, b.Addr(), "AUTH", r)
	s.tarpit(b)
	if s.c.failures >= b.MaxLogonFailures {
		s.c.end()
		return reply(421, 4, 7, 0, "Too many failed log-ons (max_logon_failures of %s); this connection ends", b.Addr())
	}
	return r
}

// users are the hashes of passwords, by name in lower case.
type users map[string][]byte

// users is a file of name:hash lines. It is read at each log-on, so that whoever is
// taken out of it is out at once.
func (n *node) users(file string) *fresh[users] {
	return &fresh[users]{
		what: "the list of users", attrs: []any{"file", file},
		read: single(func() ([]byte, error) {
			raw, err := n.o.ReadFile(file)
			if err != nil {
				return nil, fmt.Errorf("users: %w", err)
			}
			return raw, nil
		}),
		make:  func(raw [][]byte) (users, error) { return readUsers(file, raw[0]) },
		clock: n.o.Clock, log: n.o.Log,
	}
}

// readUsers reads the lines of file. Empty ones and those that begin with # do not
// count.
func readUsers(file string, raw []byte) (users, error) {
	out := users{}
	for i, line := range bytes.Split(raw, []byte("\n")) {
		line = bytes.TrimSpace(line)
		if len(line) == 0 || line[0] == '#' {
			continue
		}
		name, hash, ok := bytes.Cut(line, []byte(":"))
		if !ok {
			return nil, fmt.Errorf("users: %s line %d: write name:hash", file, i+1)
		}
		if _, err := bcrypt.Cost(hash); err != nil {
			return nil, fmt.Errorf("users: %s line %d: what follows the name is not a bcrypt hash", file, i+1)
		}
		out[strings.ToLower(string(name))] = hash
	}
	return out, nil
}

// login is the mechanism LOGIN, which many devices know and nothing else
// (draft-murchison-sasl-login).
type login struct {
	check func(name, password string) error
	step  int
	name  string
}

var errSequence = errors.New("LOGIN has ended")

// Next implements sasl.Server.
func (l *login) Next(response []byte) (challenge []byte, done bool, err error) {
	if l.step == 0 && response == nil {
		l.step = 1
		return []byte("Username:"), false, nil
	}
	switch l.step {
	case 0, 1:
		l.step, l.name = 2, string(response)
		return []byte("Password:"), false, nil
	case 2:
		l.step = 3
		return nil, true, l.check(l.name, string(response))
	}
	return nil, false, errSequence
}
