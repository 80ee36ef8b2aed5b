// Package observe asks name servers what they hold. It changes nothing.
//
// Each authoritative server of each zone is asked for each RRset, over IPv4 and over
// IPv6 where it has both, over UDP with EDNS and over TCP where an answer does not
// fit, and what each one said becomes one plan.Observation. The servers of a zone
// are those that its configuration names and no others, or else its NS set as the
// resolvers give it, or else as the zone above delegates it. A server that has
// several addresses of a family is asked at the first one that answers. What a
// server could not be asked stays open: the observation says why, and nothing is
// guessed.
//
// Names outside every zone of the configuration are asked for at the resolvers,
// which say what the world sees.
package observe

import (
	"context"
	"fmt"
	"net"
	"time"

	"github.com/miekg/dns"

	"github.com/mailrelay/mailrelay/plan/check"
)

// Options are what a Client works with. The zero value asks the real world.
type Options struct {
	// Dial opens connections; network is "udp" or "tcp". Nil: net.Dialer.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Resolvers are asked for name servers, for addresses and for names outside
	// all zones: address:port, the first one that answers. Nil: those of
	// /etc/resolv.conf.
	Resolvers []string
	// Clock dates observations. Nil: time.Now.
	Clock func() time.Time
	// Timeout is how long one try may take. Zero: 2 s.
	Timeout time.Duration
	// Retries is how often a question is asked again if there is no answer. Zero:
	// twice. Negative: never.
	Retries int
	// Waiting, if set, is told when a server has been silent for Timeout, and for how
	// much longer it is asked. It may be called from several goroutines at a time, and
	// several times for one server.
	Waiting func(server string, most time.Duration)
	// InFlight is how many questions one server has to work at, at a time, before it
	// is known how much it bears: up to 8 times as many while nothing is lost. Zero:
	// 32.
	InFlight int
	// Files are what is known of the files that configurations name: it makes some
	// records worth asking for. Observe hands it on.
	Files check.Files
}

// Client asks. Its methods may be called at the same time; each call has sockets
// of its own and closes them.
type Client struct{ o Options }

// New makes a Client.
func New(o Options) *Client {
	if o.Dial == nil {
		o.Dial = (&net.Dialer{}).DialContext
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Timeout == 0 {
		o.Timeout = 2 * time.Second
	}
	switch {
	case o.Retries == 0:
		o.Retries = 2
	case o.Retries < 0:
		o.Retries = 0
	}
	if o.InFlight <= 0 {
		o.InFlight = 32
	}
	return &Client{o}
}

// waiting says that server has been silent in a try, after which there are more.
func (c *Client) waiting(server string, more int) {
	if c.o.Waiting != nil && more > 0 {
		c.o.Waiting(server, time.Duration(more)*c.o.Timeout)
	}
}

// resolvConf is where a system names its resolvers.
const resolvConf = "/etc/resolv.conf"

// resolvers gives the addresses of the resolvers.
func (c *Client) resolvers() ([]string, error) {
	if c.o.Resolvers != nil {
		return c.o.Resolvers, nil
	}
	conf, err := dns.ClientConfigFromFile(resolvConf)
	if err != nil {
		return nil, fmt.Errorf("the system's resolvers are not known (%w): name some in the mailrelay block, resolvers = [\"192.0.2.53\"]", err)
	}
	var out []string
	for _, s := range conf.Servers {
		out = append(out, net.JoinHostPort(s, conf.Port))
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("%s names no resolver: name some in the mailrelay block, resolvers = [\"192.0.2.53\"]", resolvConf)
	}
	return out, nil
}
