package decide

import (
	"cmp"
	"net/netip"
	"slices"
	"time"

	"github.com/gaissmai/bart"
	"go4.org/netipx"

	"github.com/mailrelay/mailrelay/schema"
)

// Listener is where clients connect to a relay: an address and port, or a Unix
// socket. One on all addresses takes those connections that have no listener of
// their own.
type Listener struct {
	Local netip.AddrPort
	Unix  string
}

// Stretch are the clients whom one connector answers in one way.
type Stretch struct {
	Range      netipx.IPRange
	Connector  *Receive
	RequireTLS bool // as an entry of its allowlist has it
}

// Relays are the relays that have rules, sorted.
func (p *Policy) Relays() []schema.Addr {
	var out []schema.Addr
	for a := range p.entrances {
		if !a.IsZero() { // the connectors of all relays, once more
			out = append(out, a)
		}
	}
	slices.SortFunc(out, schema.Addr.Compare)
	return out
}

// Listeners are those of a relay, sorted.
func (p *Policy) Listeners(relay schema.Addr) []Listener {
	var out []Listener
	if e := p.entrances[relay]; e != nil {
		for local := range e.tables {
			out = append(out, Listener{Local: local})
		}
		for path := range e.sockets {
			out = append(out, Listener{Unix: path})
		}
	}
	slices.SortFunc(out, func(a, b Listener) int {
		return cmp.Or(a.Local.Compare(b.Local), cmp.Compare(a.Unix, b.Unix))
	})
	return out
}

// Stretches are the clients whom somebody answers at a listener, at the time at,
// sorted by address and without overlaps. The listener need not be one of p: it is
// found as that of a connection is. Addresses of the other family, which cannot
// connect there, are in them too.
func (p *Policy) Stretches(relay schema.Addr, l Listener, at time.Time) []Stretch {
	e := p.entrances[relay]
	if e == nil {
		return nil
	}
	t := e.listening(&Client{Local: l.Local, Unix: l.Unix})
	if t == nil {
		return nil
	}
	return stretches(t, at)
}

// stretches cuts addresses where the claim that is in force changes.
func stretches(t *bart.Table[[]claim], at time.Time) []Stretch {
	type held struct {
		prefix netipx.IPRange
		bits   int
		claim  claim
	}
	var all []held
	for prefix, claims := range t.All() {
		if cl, ok := inForce(claims, at); ok {
			all = append(all, held{netipx.RangeOfPrefix(prefix), prefix.Bits(), cl})
		}
	}
	slices.SortFunc(all, func(a, b held) int { // what holds others comes before them
		return cmp.Or(a.prefix.From().Compare(b.prefix.From()), cmp.Compare(a.bits, b.bits))
	})
	var s stretching
	var open []held // each inside the one before
	leave := func() {
		last := open[len(open)-1]
		s.until(last.prefix.To(), last.claim)
		open = open[:len(open)-1]
	}
	for _, h := range all {
		for len(open) > 0 && !open[len(open)-1].prefix.Contains(h.prefix.From()) {
			leave()
		}
		if len(open) > 0 && h.prefix.From() != open[len(open)-1].prefix.From() {
			s.until(h.prefix.From().Prev(), open[len(open)-1].claim)
		}
		s.next = h.prefix.From()
		open = append(open, h)
	}
	for len(open) > 0 {
		leave()
	}
	return s.out
}

// stretching walks over the addresses.
type stretching struct {
	out  []Stretch
	next netip.Addr // the first that is not walked yet; invalid beyond the last
}

// until ends a stretch of cl at the address to, if any of it is left.
func (s *stretching) until(to netip.Addr, cl claim) {
	if !s.next.IsValid() || to.Less(s.next) {
		return
	}
	now := Stretch{netipx.IPRangeFrom(s.next, to), cl.receive, cl.requireTLS}
	s.next = to.Next()
	if n := len(s.out); n > 0 {
		last := &s.out[n-1]
		if last.Connector == now.Connector && last.RequireTLS == now.RequireTLS && last.Range.To().Next() == now.Range.From() {
			last.Range = netipx.IPRangeFrom(last.Range.From(), now.Range.To())
			return
		}
	}
	s.out = append(s.out, now)
}
