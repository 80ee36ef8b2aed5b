package relay

import (
	"context"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mailrelay/mailrelay/apply/relay/admin"
	"github.com/mailrelay/mailrelay/apply/relay/deliver"
	"github.com/mailrelay/mailrelay/apply/relay/dnssec"
	"github.com/mailrelay/mailrelay/apply/relay/journal"
	"github.com/mailrelay/mailrelay/apply/relay/spool"
	"github.com/mailrelay/mailrelay/apply/state"
)

// node is a running relay.
type node struct {
	o         Options
	ctx       context.Context // ends when the relay is to stop
	current   atomic.Pointer[edition]
	spool     *spool.Spool
	runner    *deliver.Runner
	reader    reader // of messages, for administrators
	listeners listeners
	console   console
	limits    *limits
	buffers   *buffers
	journal   *journal.Journal
	validator *dnssec.Resolver
	followers followers
	metrics   *admin.Metrics
	alarms    *alarms
	hashing   chan struct{} // a place for each password that may be checked at a time
	refusing  chan struct{} // a place for each client that is told why before the banner
	// introducing has a place for each proxy that is about to say who speaks
	introducing chan struct{}

	mu       sync.Mutex
	links    map[*link]struct{}
	stopping bool
	empty    chan struct{} // closed when stopping and no link is left
	said     state.Node    // what the node says of itself
	silent   bool          // the last report failed
	counts   counts
}

func newNode(ctx context.Context, o Options) *node {
	n := &node{
		o: o, ctx: ctx, limits: newLimits(), buffers: newBuffers(), hashing: make(chan struct{}, 2),
		refusing: make(chan struct{}, refusing), introducing: make(chan struct{}, introducing),
		links: map[*link]struct{}{}, empty: make(chan struct{}),
	}
	n.listeners = listeners{listen: o.Listen, accept: n.accept, open: map[place]net.Listener{}}
	n.metrics, n.alarms = admin.NewMetrics(n.snapshot), new(alarms)
	n.journal = journal.New(journal.Options{Events: o.Events, Sinks: []journal.Sink{n.metrics, n.alarms, &n.followers}, Clock: o.Clock, Log: o.Log})
	n.validator = dnssec.New(dnssec.Options{Dial: o.Dial, System: o.Resolvers, Clock: o.Clock})
	n.said = state.Node{Name: o.Node, PID: os.Getpid(), At: o.Clock()}
	return n
}

// nodeName names a node: its machine, and the relay that it was told to be.
func nodeName(relay string) string {
	host, err := os.Hostname()
	if err != nil {
		host = "localhost"
	}
	if relay == "" {
		return host
	}
	return host + "/" + relay
}

// enroll keeps a link until it closes. It is false when the relay stops.
func (n *node) enroll(l *link) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.stopping {
		return false
	}
	n.links[l] = struct{}{}
	leave := l.leave
	l.leave = func() {
		n.dismiss(l)
		leave()
	}
	return true
}

func (n *node) dismiss(l *link) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.links, l)
	if n.stopping && len(n.links) == 0 {
		select {
		case <-n.empty:
		default:
			close(n.empty)
		}
	}
}

// drain ends all sessions: idle ones now, busy ones when their message is done or
// the time is up.
func (n *node) drain(limit time.Duration) {
	n.mu.Lock()
	n.stopping = true
	if len(n.links) == 0 {
		close(n.empty)
	}
	for l := range n.links {
		l.drain()
	}
	n.mu.Unlock()
	t := time.NewTimer(limit)
	defer t.Stop()
	select {
	case <-n.empty:
		return
	case <-t.C:
	}
	n.mu.Lock()
	var rest []*link
	for l := range n.links {
		rest = append(rest, l)
	}
	n.mu.Unlock()
	n.o.Log.Warn("sessions were cut off", "sessions", len(rest))
	for _, l := range rest {
		l.Close()
	}
}
