// Package dnssec asks validating resolvers on behalf of a relay that verifies its
// next hops by DANE (RFC 7672). It validates nothing itself: it believes the AD bit
// of an answer (RFC 4035, 3.2.3), and so it asks only where that can be believed,
// on this machine, or where the configuration says that the way is safe.
//
// The resolvers are those that the configuration trusts, or those of the system
// that have a loopback address. Of a resolver that does not set the AD bit for the
// root zone, which is signed, nothing is believed.
package dnssec

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/miekg/dns"
)

// resolvConf is where a system names its resolvers.
const resolvConf = "/etc/resolv.conf"

const (
	goodFor = 10 * time.Minute // a resolver that validates
	badFor  = time.Minute      // one that does not, or did not answer
)

// Options is the world of a Resolver.
type Options struct {
	Dial func(ctx context.Context, network, address string) (net.Conn, error) // nil: the system's
	// System gives the addresses of the system's resolvers. Nil: /etc/resolv.conf.
	System func() ([]string, error)
	Clock  func() time.Time // nil: time.Now
}

// Resolver is a deliver.Validator. Its methods may be called concurrently.
type Resolver struct {
	o Options

	mu      sync.Mutex
	trusted []string
	tested  time.Time // zero: not yet, or by other resolvers
	servers []string  // to ask; valid if usable is nil
	usable  error
}

// New makes a Resolver that asks those of the system.
func New(o Options) *Resolver {
	if o.Dial == nil {
		o.Dial = new(net.Dialer).DialContext
	}
	if o.System == nil {
		o.System = system
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	return &Resolver{o: o}
}

// Trust makes r ask these, address:port; nil: those of the system that are on this
// machine.
func (r *Resolver) Trust(resolvers []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !slices.Equal(r.trusted, resolvers) {
		r.trusted, r.tested = slices.Clone(resolvers), time.Time{}
	}
}

func system() ([]string, error) {
	conf, err := dns.ClientConfigFromFile(resolvConf)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, s := range conf.Servers {
		out = append(out, net.JoinHostPort(s, conf.Port))
	}
	return out, nil
}

// Usable implements deliver.Validator. What it finds out counts for some minutes.
func (r *Resolver) Usable(ctx context.Context) error {
	_, err := r.find(ctx)
	return err
}

// find gives the resolvers to ask.
func (r *Resolver) find(ctx context.Context) ([]string, error) {
	r.mu.Lock()
	trusted, servers, usable := r.trusted, r.servers, r.usable
	fresh := !r.tested.IsZero() && r.o.Clock().Sub(r.tested) < life(r.usable)
	r.mu.Unlock()
	if fresh {
		return servers, usable
	}
	servers, usable = r.test(ctx, trusted)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if slices.Equal(r.trusted, trusted) {
		r.servers, r.usable, r.tested = servers, usable, r.o.Clock()
	}
	return servers, usable
}

func life(err error) time.Duration {
	if err != nil {
		return badFor
	}
	return goodFor
}

// test finds the resolvers that can be believed and do validate.
func (r *Resolver) test(ctx context.Context, trusted []string) (good []string, err error) {
	servers := trusted
	if len(servers) == 0 {
		if servers, err = r.local(); err != nil {
			return nil, err
		}
	}
	for _, s := range servers {
		a, e := r.ask(ctx, s, ".", dns.TypeSOA)
		switch {
		case e != nil:
			err = errors.Join(err, e)
		case !a.AuthenticatedData:
			err = errors.Join(err, fmt.Errorf("the resolver %s does not validate DNSSEC: its answer about the root zone is not marked as authentic (AD). Turn validation on there, or let trusted_resolvers in the mailrelay block name one that validates", s))
		default:
			good = append(good, s)
		}
	}
	if good != nil {
		return good, nil
	}
	return nil, err
}

// local gives the system's resolvers that are on this machine.
func (r *Resolver) local() ([]string, error) {
	all, err := r.o.System()
	if err != nil {
		return nil, fmt.Errorf("the system's resolvers are not known (%w). Name one that validates DNSSEC under trusted_resolvers in the mailrelay block", err)
	}
	here := slices.DeleteFunc(slices.Clone(all), func(s string) bool {
		ap, err := netip.ParseAddrPort(s)
		return err != nil || !ap.Addr().Unmap().IsLoopback()
	})
	if len(here) == 0 {
		names := strings.Join(all, ", ")
		if names == "" {
			names = "none"
		}
		return nil, fmt.Errorf("the answers of DNS are believed only from a resolver on this machine, and the system's are others (%s). Run a validating resolver here, or name one to which the way is safe under trusted_resolvers in the mailrelay block", names)
	}
	return here, nil
}
