package deliver

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"time"

	"github.com/mailrelay/mailrelay/schema"
)

// raceStagger is how long an address has for itself before the next one is tried
// beside it (RFC 8305, 5).
const raceStagger = 250 * time.Millisecond

// interleave puts addresses into the order in which they are tried: by turns of
// the two families, beginning with that of the first (RFC 8305, 4).
func interleave(addrs []netip.Addr) []netip.Addr {
	var first, second, out []netip.Addr
	for _, a := range addrs {
		if a.Is4() == addrs[0].Is4() {
			first = append(first, a)
		} else {
			second = append(second, a)
		}
	}
	for len(first) > 0 && len(second) > 0 {
		out = append(out, first[0], second[0])
		first, second = first[1:], second[1:]
	}
	return append(append(out, first...), second...)
}

// reachable gives the hops of a host that s may try: of the family of its source
// address, and none that is left alone. If there is none, the outcome says why.
func (d *dialer) reachable(s *schema.SendConnector, p place) (hops []hop, o *outcome) {
	for _, at := range p.at {
		if s.SourceAddress.IsValid() && s.SourceAddress.Is4() != at.Addr().Is4() {
			if o == nil {
				no := local(deferred, "4.4.4", p.host+" has no address of the family of source_address "+s.SourceAddress.String())
				o = &no
			}
			continue
		}
		h := hop{p.host, at}
		if why := d.avoid.about(s, h, d.clock()); why != nil {
			o = why
			continue
		}
		hops = append(hops, h)
	}
	if hops != nil {
		return hops, nil
	}
	return nil, o
}

// finish is how one address did in a race.
type finish struct {
	hop hop
	nc  net.Conn
	err error
}

// race connects to hops by turns, each beside those before it as soon as one has
// failed or has not answered for raceStagger, and gives the first connection. rest
// are the hops that have not failed, without it. Without a connection the outcome
// is the last failure. A hop that failed is left alone for a while.
func (d *dialer) race(ctx context.Context, s *schema.SendConnector, hops []hop) (nc net.Conn, won hop, rest []hop, o *outcome) {
	racing, end := context.WithCancel(ctx)
	ends := make(chan finish, len(hops))
	left, running := hops, 0
	start := func() {
		h := left[0]
		left, running = left[1:], running+1
		go func() {
			nc, err := d.open(racing, s.SourceAddress, h)
			ends <- finish{h, nc, err}
		}()
	}
	defer func() {
		end()
		if running == 0 {
			return
		}
		go func() { // who comes too late
			for range running {
				if f := <-ends; f.nc != nil {
					f.nc.Close()
				}
			}
		}()
	}()
	stagger := time.NewTicker(raceStagger)
	defer stagger.Stop()
	rest = slices.Clone(hops)
	for start(); running > 0; {
		select {
		case <-stagger.C:
			if len(left) > 0 {
				start()
			}
		case f := <-ends:
			running--
			rest = slices.DeleteFunc(rest, func(h hop) bool { return h == f.hop })
			if f.err == nil {
				return f.nc, f.hop, rest, nil
			}
			o = unreached(f.hop, f.err)
			if ctx.Err() == nil {
				d.avoid.add(s, f.hop, *o, d.clock())
				if len(left) > 0 {
					start()
					stagger.Reset(raceStagger)
				}
			}
		}
	}
	return nil, hop{}, nil, o
}

func unreached(h hop, err error) *outcome {
	o := local(deferred, "4.4.1", "connecting to "+h.host+": "+printable(err.Error()))
	o.host, o.addr = h.host, h.addr.String()
	return &o
}
