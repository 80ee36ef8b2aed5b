package dns

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"time"

	"github.com/mailrelay/mailrelay/plan"
	"github.com/mailrelay/mailrelay/plan/observe"
	"github.com/mailrelay/mailrelay/schema"
)

// Options are what dynamic updates need of the world.
type Options struct {
	// Dial opens connections; network is "udp" or "tcp". Nil: net.Dialer.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Resolvers find the primary server where its address is not configured, as
	// address:port. Nil: the system's.
	Resolvers []string
	// Secret reads a secret. It is called for each zone that is written.
	Secret func(schema.Secret) ([]byte, error)
	// Timeout is how long a server may take for one update. Zero: 10 s.
	Timeout time.Duration
	// Clock dates signatures, which servers refuse if it is 5 minutes off. Nil:
	// time.Now.
	Clock func() time.Time
	// Sleep waits before an update that a server could not take is sent again, or
	// returns early with the error of ctx. Nil: it waits on the real clock.
	Sleep func(ctx context.Context, d time.Duration) error
	// InFlight is how many updates one server has to work at, at a time, whatever
	// zones they are for. Zero: 4.
	InFlight int
}

// RFC2136 writes zones by dynamic update. All changes of a zone go out in one
// message, which the server does as a whole or not at all (RFC 2136, 3.7), with
// the RRsets that the plan saw as prerequisites. Only what is over 64 KiB is cut
// into several messages, each of them complete in itself.
//
// Updates go over TCP: one that is sent again, as lost UDP packets are, would
// meet its own effect. Where a server could not take one (SERVFAIL, or a refused
// connection), it is asked first what stands there, and gets it again only if
// nothing was done. It is a Writer, and may be used for several zones at the
// same time.
type RFC2136 struct {
	Options
	look  *observe.Client
	gates gates
}

// NewRFC2136 makes a writer.
func NewRFC2136(o Options) *RFC2136 {
	if o.Dial == nil {
		o.Dial = (&net.Dialer{}).DialContext
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Sleep == nil {
		o.Sleep = sleep
	}
	o.Timeout = cmp.Or(o.Timeout, 10*time.Second)
	o.InFlight = cmp.Or(max(o.InFlight, 0), 4)
	look := observe.New(observe.Options{Dial: o.Dial, Resolvers: o.Resolvers, Clock: o.Clock})
	return &RFC2136{Options: o, look: look, gates: gates{size: o.InFlight}}
}

// ForZone gives what writes z. manual is true, and the writer nil, where a person
// does.
func (w *RFC2136) ForZone(z *schema.Zone) (writer Writer, manual bool) {
	if z.RFC2136 == nil {
		return nil, true
	}
	return w, false
}

// Write does what Writer asks for. If an update had to be cut into several
// messages and a later one failed, the error says how many were written before,
// and is no *StaleError.
func (w *RFC2136) Write(ctx context.Context, zone *schema.Zone, changes []plan.SetChange) error {
	if zone.RFC2136 == nil {
		return fmt.Errorf("a person writes zone %s: give it an update \"rfc2136\" block to have it written", zone.Name)
	}
	messages, err := cut(zone, changes)
	if err != nil {
		return err
	}
	if len(messages) == 0 {
		return nil
	}
	j, err := w.job(ctx, zone)
	if err != nil {
		return err
	}
	for i, m := range messages {
		err := j.write(ctx, m)
		if err != nil && i > 0 {
			return fmt.Errorf("%d of the %d updates that zone %s needed were made, and then: %v; plan again", i, len(messages), zone.Name, err)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// job is the writing of one zone.
type job struct {
	*RFC2136
	zone   *schema.Zone
	server string   // host:port, for messages to people
	addrs  []string // address:port
	key    *key     // nil: unsigned
}

func (w *RFC2136) job(ctx context.Context, zone *schema.Zone) (*job, error) {
	j := &job{RFC2136: w, zone: zone, server: zone.RFC2136.Server}
	var err error
	if j.server == "" {
		if j.server, err = w.look.Primary(ctx, zone); err != nil {
			return nil, err
		}
	}
	if j.addrs, err = w.look.Addresses(ctx, j.server); err != nil {
		return nil, fmt.Errorf("the server that takes updates of %s: %w", zone.Name, err)
	}
	if t := zone.RFC2136.TSIG; t != nil {
		if j.key, err = readKey(t, w.Secret); err != nil {
			return nil, err
		}
	}
	return j, nil
}
