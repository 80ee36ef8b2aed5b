package observe

import (
	"context"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"net"
	"os"
	"sync"
	"time"

	"github.com/miekg/dns"
)

// burst asks one server many things over UDP, at its first address that can be
// reached: a window of questions is under way over a few sockets, each of which
// one goroutine works. What is not answered by a whole message at once (lost, cut,
// garbage, a server that dislikes EDNS or dies meanwhile) goes to later, which
// takes its time.
type burst struct {
	r     *round
	s     *server
	later *later

	mu      sync.Mutex
	todo    []*task // not sent yet
	flying  int
	window  window
	sockets int
	heard   time.Time // when the last answer came, or when the first question went out
}

// perSocket is how many questions may be under way over one socket: as many
// answers as a socket's buffer surely holds.
const perSocket = 64

// inBurst is how often a burst asks the same at most. An answer that is lost again
// and again may be one that does not get through at all.
const inBurst = 2

// run asks everything, and returns when all that was answered is done, and the rest
// with later.
func (b *burst) run(ctx context.Context) {
	if b.s.lost != nil {
		b.giveUp()
		return
	}
	b.window, b.heard = newWindow(b.r.c.o.InFlight), time.Now()
	var wg sync.WaitGroup
	conn, addr, err := b.dial(ctx)
	if err != nil {
		if noWay(err) {
			b.s.lost = unreachable(b.s.addrs[0], err)
		}
		b.giveUp()
		return
	}
	b.sockets = 1
	wg.Go(func() { b.work(ctx, &wg, conn, addr) })
	wg.Wait()
	b.giveUp() // what a socket that broke left
}

// dial opens a socket to the first address that there is a way to. The error says
// that there is none only if that is so for each.
func (b *burst) dial(ctx context.Context) (conn net.Conn, addr string, err error) {
	var failed error
	for i, addr := range b.s.addrs {
		dialing, cancel := context.WithTimeout(ctx, b.r.c.o.Timeout)
		conn, err := b.r.c.o.Dial(dialing, "udp", addr)
		cancel()
		if err == nil {
			b.s.first.Store(int32(i))
			return conn, addr, nil
		}
		if failed == nil || noWay(failed) {
			failed = err
		}
	}
	return nil, "", failed
}

// giveUp leaves what was not sent to later.
func (b *burst) giveUp() {
	b.mu.Lock()
	left := b.todo
	b.todo = nil
	b.mu.Unlock()
	b.later.add(left...)
}

// flight is a question that is under way.
type flight struct {
	task *task
	id   uint16
	sent time.Time
	raw  []byte
	end  int // of the question in raw
	done bool
}

// work asks over one socket until there is nothing left to ask.
func (b *burst) work(ctx context.Context, wg *sync.WaitGroup, conn net.Conn, addr string) {
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })()
	l := lane{b: b, conn: conn, addr: addr, byID: map[uint16]*flight{}}
	buf := make([]byte, dns.DefaultMsgSize)
	for {
		tasks, another := b.take(perSocket - len(l.byID))
		if another {
			if more, at, err := b.dial(ctx); err == nil {
				wg.Go(func() { b.work(ctx, wg, more, at) })
			}
		}
		if len(tasks) == 0 && len(l.byID) == 0 {
			break // what is left waits for others, whose sockets go on
		}
		err := l.send(tasks)
		if err == nil {
			err = l.receive(ctx, buf)
		}
		if err != nil {
			l.abandon()
			break
		}
	}
	b.mu.Lock()
	b.sockets--
	b.mu.Unlock()
}

// take gives at most n questions to send. another asks for one more socket.
func (b *burst) take(n int) (tasks []*task, another bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	room := int(b.window.size) - b.flying
	k := max(min(n, room, len(b.todo)), 0)
	tasks, b.todo = b.todo[:k], b.todo[k:]
	b.flying += k
	another = len(b.todo) > 0 && int(b.window.size) > b.sockets*perSocket
	if another {
		b.sockets++
	}
	return tasks, another
}

// lane is one socket with the questions that are under way over it.
type lane struct {
	b     *burst
	conn  net.Conn
	addr  string // where conn leads
	byID  map[uint16]*flight
	sent  []*flight // oldest first; may hold some that are done
	limit time.Time // of conn
}

// send sends the questions of tasks.
func (l *lane) send(tasks []*task) error {
	for i, t := range tasks {
		id := uint16(rand.Uint32())
		for l.byID[id] != nil {
			id++
		}
		raw, end, err := packet(t.seen.Key, id, t.zone == nil)
		if err != nil { // later says why
			l.b.landed(0, t)
			continue
		}
		f := &flight{task: t, id: id, sent: time.Now(), raw: raw, end: end}
		l.byID[id] = f
		l.sent = append(l.sent, f)
		if _, err := l.conn.Write(raw); err != nil {
			l.b.landed(0, tasks[i+1:]...)
			return err
		}
	}
	return nil
}

// receive waits for one answer, or until the oldest question has waited enough.
func (l *lane) receive(ctx context.Context, buf []byte) error {
	for len(l.sent) > 0 && l.sent[0].done {
		l.sent = l.sent[1:]
	}
	if len(l.sent) == 0 {
		return nil
	}
	until := l.sent[0].sent.Add(l.b.patience())
	if gap := until.Sub(l.limit); gap < 0 || gap > 20*time.Millisecond { // a deadline costs more than the gap is worth
		l.limit = until
		l.conn.SetReadDeadline(until)
	}
	if ctx.Err() != nil { // the end of ctx sets a deadline too, which must stand
		return ctx.Err()
	}
	n, err := l.conn.Read(buf)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, os.ErrDeadlineExceeded):
		l.expire()
		return nil
	case err != nil:
		return err
	}
	if n < headerSize {
		return nil
	}
	f := l.byID[binary.BigEndian.Uint16(buf)]
	if f == nil || !echoes(buf[:n], f.raw, f.end) {
		if f != nil {
			f.task.garbage = true
		}
		return nil // noise, or forged: the answer may still come
	}
	a := new(dns.Msg)
	switch err := a.Unpack(buf[:n]); {
	case a.Truncated:
		f.task.tcp = true
	case err != nil:
		f.task.garbage = true
		return nil
	}
	l.land(f)
	took := max(time.Since(f.sent), 1)
	if f.task.tcp || a.Rcode == dns.RcodeFormatError || l.b.s.any && a.Rcode != dns.RcodeSuccess && a.Rcode != dns.RcodeNameError {
		l.b.landed(took, f.task)
		return nil
	}
	l.b.landed(took)
	l.b.r.finish(f.task, l.addr, a)
	return nil
}

func (l *lane) land(f *flight) {
	delete(l.byID, f.id)
	f.done = true
}

// landed takes in an answer that came after took, zero if none did, and leaves
// tasks to later.
func (b *burst) landed(took time.Duration, tasks ...*task) {
	b.mu.Lock()
	if took > 0 {
		b.flying--
		b.heard = time.Now()
		b.s.silent.Store(0)
		b.window.answered(took)
	} else {
		b.flying -= len(tasks)
	}
	b.mu.Unlock()
	b.later.add(tasks...)
}

func (b *burst) patience() time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.window.patience(b.r.c.o.Timeout)
}

// expire gives up what has waited enough, to be asked again. If nothing at all was
// heard of the server meanwhile, everything is left to later.
func (l *lane) expire() {
	b, now := l.b, time.Now()
	l.limit = time.Time{}
	b.mu.Lock()
	defer b.mu.Unlock()
	limit := b.window.patience(b.r.c.o.Timeout)
	if limit >= b.r.c.o.Timeout && now.Sub(b.heard) >= limit && len(l.sent) > 0 {
		b.r.c.waiting(b.s.source(l.addr), b.r.c.o.Retries-l.sent[0].task.tried)
	}
	var left []*task
	for len(l.sent) > 0 && (l.sent[0].done || now.Sub(l.sent[0].sent) >= limit) {
		f := l.sent[0]
		l.sent = l.sent[1:]
		if f.done {
			continue
		}
		l.land(f)
		b.flying--
		b.window.lost(now)
		if f.task.tried++; f.task.tried < min(b.r.c.o.Retries, inBurst) {
			b.todo = append(b.todo, f.task)
			continue
		}
		left = append(left, f.task)
	}
	if now.Sub(b.heard) >= limit {
		left = append(left, b.todo...)
		b.todo = nil
	}
	b.later.add(left...)
}

// abandon leaves to later what is under way over a socket that broke, and all that
// was not sent: the server is not well.
func (l *lane) abandon() {
	var left []*task
	for _, f := range l.byID {
		left = append(left, f.task)
	}
	l.b.landed(0, left...)
	l.b.giveUp()
}
