package deliver

import (
	"time"

	"github.com/mailrelay/mailrelay/apply/relay/spool"
	"github.com/mailrelay/mailrelay/schema"
)

// waiting is the heap of messages by the time they are due (container/heap).
type waiting []*message

func (w waiting) Len() int           { return len(w) }
func (w waiting) Less(i, j int) bool { return w[i].next.Before(w[j].next) }
func (w waiting) Swap(i, j int)      { w[i], w[j] = w[j], w[i] }
func (w *waiting) Push(x any)        { *w = append(*w, x.(*message)) }

func (w *waiting) Pop() any {
	old := *w
	m := old[len(old)-1]
	old[len(old)-1] = nil
	*w = old[:len(old)-1]
	return m
}

// interval is how long to wait after the given number of tries; the last one
// repeats.
func interval(q schema.Queue, tries int) time.Duration {
	if len(q.RetryIntervals) == 0 {
		return time.Minute
	}
	return q.RetryIntervals[max(0, min(tries, len(q.RetryIntervals))-1)]
}

// expired reports whether a message has been tried for long enough.
func expired(q schema.Queue, env *spool.Envelope, now time.Time) bool {
	return !now.Before(env.Received.Add(q.Expiration))
}

// late reports whether its sender is to be told of the delay now.
func late(q schema.Queue, env *spool.Envelope, now time.Time) bool {
	return !env.Delayed && !env.Held && !env.From.IsNull() && q.DelayNotification > 0 && !now.Before(env.Received.Add(q.DelayNotification))
}

// due brings the next try forward to the moment at which the sender is told of a
// delay, or gets the message back: nobody is told on the strength of an old try.
func due(q schema.Queue, env *spool.Envelope, now, next time.Time) time.Time {
	moments := []time.Time{env.Received.Add(q.Expiration)}
	if !env.Delayed && !env.From.IsNull() && q.DelayNotification > 0 {
		moments = append(moments, env.Received.Add(q.DelayNotification))
	}
	for _, at := range moments {
		if now.Before(at) && at.Before(next) {
			next = at
		}
	}
	return next
}
