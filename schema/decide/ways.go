package decide

import (
	"cmp"
	"slices"
	"strings"

	"github.com/mailrelay/mailrelay/schema"
)

// Route is the way out for a recipient.
type Route struct {
	Connector *schema.SendConnector
}

// NextHop is where the route leads mail to the address to, which RCPT TO bears
// there: the smart host that is preferred, as host, or as host:port where the port
// is not 25; or, without smart hosts, the domain whose MX records are asked.
func (r *Route) NextHop(to schema.Mailbox) string {
	if hosts := r.Hosts(); len(hosts) > 0 {
		return hosts[0]
	}
	return to.Domain
}

// Hosts are the smart hosts, in order of preference, in the form of NextHop; nil
// where MX records are asked.
func (r *Route) Hosts() []string {
	var out []string
	for _, h := range r.Connector.SmartHosts {
		host, err := schema.CanonHostPort(h, r.Connector.Port)
		if err != nil {
			host = h
		}
		if bare, ok := strings.CutSuffix(host, ":25"); ok {
			host = strings.Trim(bare, "[]")
		}
		out = append(out, host)
	}
	return out
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
	return p.ways[relay].route(p.find(to), size, nil)
}

// route is Route; a nil w has no routes.
func (w *ways) route(d destination, size int64, t *trace) (*Route, schema.Mailbox) {
	if w == nil {
		return nil, d.to
	}
	out := d.to
	if k := d.known; k != nil {
		if out = k.address(d.to); out != d.to {
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
