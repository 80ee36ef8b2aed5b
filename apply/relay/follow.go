package relay

import (
	"bytes"
	"sync"
	"sync/atomic"

	"github.com/mailrelay/mailrelay/apply/relay/journal"
)

// followers are those who follow probes: messages that bear a token. It is a sink
// of the journal, and safe for concurrent use.
type followers struct {
	n  atomic.Int32 // of them; nearly always none
	mu sync.Mutex
	by map[*follower]struct{}
}

// follower gets the events of the messages that bear its token, and of reports
// about them.
type follower struct {
	token  string
	ids    map[string]bool
	events chan journal.Event
}

// mostEvents is how many events wait for a follower. One that is slower loses the
// rest.
const mostEvents = 1000

// follow gives the events of the messages that bear token and come in from now on,
// until stop is called, which it must be once.
func (f *followers) follow(token string) (events <-chan journal.Event, stop func()) {
	one := &follower{token: token, ids: map[string]bool{}, events: make(chan journal.Event, mostEvents)}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.by == nil {
		f.by = map[*follower]struct{}{}
	}
	f.by[one] = struct{}{}
	f.n.Add(1)
	return one.events, func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.by, one)
		f.n.Add(-1)
	}
}

// Record implements journal.Sink.
func (f *followers) Record(e journal.Event) {
	if f.n.Load() == 0 {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for one := range f.by {
		if e.Probe != one.token && !one.ids[e.ID] && !one.ids[e.About] {
			continue
		}
		if e.ID != "" {
			one.ids[e.ID] = true
		}
		select {
		case one.events <- e:
		default:
		}
	}
}

// seek looks for the tokens in a message that begins to come in; nil while nobody
// follows any.
func (f *followers) seek() *seeker {
	if f.n.Load() == 0 {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	s := &seeker{}
	for one := range f.by {
		s.tokens = append(s.tokens, one.token)
	}
	return s
}

// sought is how much of a message is looked at, in bytes: its header, and in a
// report the header of the message that it is about.
const sought = 64 << 10

// seeker looks for tokens at the beginning of a message.
type seeker struct {
	tokens []string
	head   []byte
}

func (s *seeker) add(p []byte) {
	if s != nil {
		s.head = append(s.head, p[:min(len(p), sought-len(s.head))]...)
	}
}

// found gives the token that the message bears, empty for none, and whether it is a
// report about another message (RFC 6522).
func (s *seeker) found() (token string, report bool) {
	if s == nil {
		return "", false
	}
	for _, t := range s.tokens {
		if bytes.Contains(s.head, []byte(t)) {
			header, _, _ := bytes.Cut(s.head, []byte("\r\n\r\n"))
			return t, bytes.Contains(bytes.ToLower(header), []byte("multipart/report"))
		}
	}
	return "", false
}
