package decide

import (
	"cmp"
	"slices"

	"github.com/mailrelay/mailrelay/schema"
)

// Route is the way out for a recipient.
type Route struct {
	Connector *schema.SendConnector
}

// ways are the routes that one relay has.
type ways struct {
	spaces tree[*Route]
	named  map[schema.Addr]*Route
}

// compileWays collects the enabled send connectors of a relay, the cheapest
// first, then by name. The zero relay has all.
func compileWays(c *schema.Config, relay schema.Addr) *ways {
	w := &ways{named: map[schema.Addr]*Route{}}
	all := schema.All[*schema.SendConnector](c)
	slices.SortStableFunc(all, func(a, b *schema.SendConnector) int {
		return cmp.Or(cmp.Compare(a.Cost, b.Cost), a.Addr().Compare(b.Addr()))
	})
	for _, s := range all {
		used := s.Relays == nil || relay.IsZero() || slices.Contains(s.Relays, relay)
		if !s.Enabled || !used {
			continue
		}
		r := &Route{s}
		w.named[s.Addr()] = r
		for _, space := range s.AddressSpaces {
			w.spaces.put(space, r)
		}
	}
	return w
}

// Route gives the way out for a message of size bytes (0: not known yet) to a
// recipient, and the address that RCPT TO bears there. Of the connectors that are
// large enough the most specific address space wins, then the lowest cost, then
// the name. The route is nil where none matches: the message waits in the queue.
func (p *Policy) Route(relay schema.Addr, to schema.Mailbox, size int64) (*Route, schema.Mailbox) {
	return p.route(relay, p.settle(to), size, nil)
}

// settle gives a recipient without a domain the default one.
func (p *Policy) settle(to schema.Mailbox) schema.Mailbox {
	if to.Domain == "" && to.Local != "" {
		to.Domain = p.standard
	}
	return to
}

func (p *Policy) route(relay schema.Addr, to schema.Mailbox, size int64, t *trace) (*Route, schema.Mailbox) {
	w := p.ways[relay]
	if w == nil {
		return nil, to
	}
	k, found := p.recipient(to)
	out := to
	if found {
		if out = k.address(to); out != to {
			t.add(k.block, "RCPT TO becomes %s", out)
		}
		if !k.deliverTo.IsZero() {
			r := w.named[k.deliverTo]
			if r == nil || r.Connector.MaxMessageSize < size {
				t.add(k.block, "%s is disabled, too small or not used by this relay: the message waits in the queue", k.deliverTo)
				return nil, out
			}
			t.add(k.block, "deliver_to sends it by %s", k.deliverTo)
			return r, out
		}
	}
	r, ok := w.spaces.find(out.Domain, func(r *Route) bool { return r.Connector.MaxMessageSize >= size })
	if !ok {
		t.add(nil, "no enabled send connector has an address space for %s: the message waits in the queue", out.Domain)
		return nil, out
	}
	t.add(r.Connector, "its address space is the most specific for %s", out.Domain)
	return r, out
}

// recipient finds what is known of a recipient of a domain that has known ones:
// external_relay has none.
func (p *Policy) recipient(to schema.Mailbox) (known, bool) {
	a := p.accepted(to.Domain)
	if a == nil || a.block.Kind == schema.ExternalRelay {
		return known{}, false
	}
	return p.known(to)
}

// Largest is the largest message, in bytes, that any route for the recipient
// takes; 0 where there is no route, and so no limit of a route.
func (p *Policy) Largest(relay schema.Addr, to schema.Mailbox) int64 {
	w := p.ways[relay]
	if w == nil {
		return 0
	}
	to = p.settle(to)
	k, found := p.recipient(to)
	if found {
		to = k.address(to)
		if r := w.named[k.deliverTo]; r != nil {
			return r.Connector.MaxMessageSize
		}
		if !k.deliverTo.IsZero() {
			return 0
		}
	}
	var largest int64
	w.spaces.find(to.Domain, func(r *Route) bool {
		largest = max(largest, r.Connector.MaxMessageSize)
		return false
	})
	return largest
}
