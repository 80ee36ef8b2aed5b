package observe

import (
	"context"
	"sync"
)

// later asks one by one, with retries, over TCP and at other addresses, what a
// burst left: a few at a time.
type later struct {
	ctx context.Context
	r   *round
	wg  sync.WaitGroup

	mu      sync.Mutex
	queue   []*task
	running int
}

// add takes tasks, and starts as many goroutines as may work at a time.
func (l *later) add(tasks ...*task) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.queue = append(l.queue, tasks...)
	for l.running < min(l.r.c.o.InFlight, len(l.queue)) {
		l.running++
		l.wg.Go(l.work)
	}
}

func (l *later) work() {
	for {
		l.mu.Lock()
		if len(l.queue) == 0 {
			l.running--
			l.mu.Unlock()
			return
		}
		t := l.queue[0]
		l.queue = l.queue[1:]
		l.mu.Unlock()
		l.r.do(l.ctx, t)
	}
}
