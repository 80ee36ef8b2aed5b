package decide

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/gaissmai/bart"
	"go4.org/netipx"

	"github.com/mailrelay/mailrelay/schema"
)

// Receive is a compiled receive connector. It is immutable.
type Receive struct {
	Block      *schema.ReceiveConnector
	grants     grants
	secured    bool // external_authoritative: every client is externally secured
	partners   tree[struct{}]
	proxies    *netipx.IPSet   // whose PROXY header is believed
	senders    *tree[struct{}] // nil: no limit
	recipients *tree[struct{}] // nil: no limit
	verifies   bool            // its relay verifies certificates of clients
	replies    replies
}

func compileReceive(c *schema.Config, b *schema.ReceiveConnector) *Receive {
	relay := schema.At[*schema.Relay](c, b.Relay)
	r := &Receive{
		verifies: relay != nil && relay.TLS != nil && relay.TLS.ClientCA != "",
		Block:    b, grants: compileGrants(b),
		secured: slices.Contains(b.AuthMechanisms, "external_authoritative"),
		senders: spaces(b.AllowedSenderDomains), recipients: spaces(b.AllowedRecipientDomains),
		replies: compileReplies(b.Addr()),
	}
	for _, n := range b.TLSClientNames {
		r.partners.put(n, struct{}{})
	}
	var proxies netipx.IPSetBuilder
	for _, rng := range b.ProxyProtocol {
		proxies.AddRange(rng)
	}
	r.proxies = set(&proxies)
	return r
}

// spaces is the tree of a list of address spaces; nil stays nil.
func spaces(list []string) *tree[struct{}] {
	if list == nil {
		return nil
	}
	t := &tree[struct{}]{}
	for _, s := range list {
		t.put(s, struct{}{})
	}
	return t
}

// claim is one range of one connector.
type claim struct {
	receive    *Receive
	rng        netipx.IPRange
	block      schema.Block // the connector or the allowlist that names the range
	expires    time.Time    // zero: never
	requireTLS bool
}

// entrance finds the receive connector for a connection to one relay.
type entrance struct {
	tables  map[netip.AddrPort]*bart.Table[[]claim]
	sockets map[string]*bart.Table[[]claim]
	proxied map[netip.AddrPort][]*Receive // those that believe proxies, by binding
	nobody  Reply                         // to whom no connector is meant for
}

func newEntrance(relay schema.Addr) *entrance {
	return &entrance{map[netip.AddrPort]*bart.Table[[]claim]{}, map[string]*bart.Table[[]claim]{}, map[netip.AddrPort][]*Receive{}, nobody(relay)}
}

func (e *entrance) add(c *schema.Config, r *Receive) error {
	var claims []claim
	for _, rng := range r.Block.RemoteIPRanges {
		claims = append(claims, claim{receive: r, rng: rng, block: r.Block})
	}
	for _, a := range r.Block.Allowlists {
		list := schema.At[*schema.Allowlist](c, a)
		if list == nil {
			return fmt.Errorf("%s: there is no %s", r.Block.Addr(), a)
		}
		for _, entry := range list.Entries { // before bare addresses: they say more
			claims = append(claims, claim{r, entry.Range, list, entry.Expires, entry.RequireTLS})
		}
		for _, rng := range list.Addresses {
			claims = append(claims, claim{receive: r, rng: rng, block: list})
		}
	}
	for _, binding := range r.Block.Bindings {
		t, err := e.table(binding)
		if err != nil {
			return fmt.Errorf("%s: %w", r.Block.Addr(), err)
		}
		for _, cl := range claims {
			for _, prefix := range cl.rng.Prefixes() {
				held, _ := t.Get(prefix)
				t.Insert(prefix, narrowFirst(append(slices.Clip(held), cl)))
			}
		}
		if ap, err := netip.ParseAddrPort(binding); err == nil && len(r.Block.ProxyProtocol) > 0 {
			e.proxied[ap] = append(e.proxied[ap], r)
		}
	}
	return nil
}

func (e *entrance) table(binding string) (*bart.Table[[]claim], error) {
	if path, ok := strings.CutPrefix(binding, "unix:"); ok {
		if e.sockets[path] == nil {
			e.sockets[path] = new(bart.Table[[]claim])
		}
		return e.sockets[path], nil
	}
	ap, err := netip.ParseAddrPort(binding)
	if err != nil {
		return nil, err
	}
	if e.tables[ap] == nil {
		e.tables[ap] = new(bart.Table[[]claim])
	}
	return e.tables[ap], nil
}

// narrowFirst sorts claims on one prefix so that the smaller range comes first.
func narrowFirst(claims []claim) []claim {
	slices.SortStableFunc(claims, func(a, b claim) int {
		switch {
		case a.rng == b.rng:
			return 0
		case b.rng.Contains(a.rng.From()) && b.rng.Contains(a.rng.To()):
			return -1
		}
		return 1
	})
	return claims
}

// find gives the claim of the most specific range that holds the client and has
// not expired. A listener on a specific address takes all connections to it, as
// sockets do.
func (e *entrance) find(c *Client) (claim, bool) {
	table := e.listening(c)
	remote := c.Remote.Unmap()
	if c.Unix != "" && !remote.IsValid() {
		remote = netip.AddrFrom4([4]byte{127, 0, 0, 1})
	}
	if table == nil || !remote.IsValid() {
		return claim{}, false
	}
	held, ok := table.Lookup(remote)
	if !ok {
		return claim{}, false
	}
	if cl, ok := inForce(held, c.At); ok {
		return cl, true
	}
	return findWider(table, remote, c.At)
}

// listening gives the claims of the listener to which the client has connected; nil
// where there is none.
func (e *entrance) listening(c *Client) *bart.Table[[]claim] {
	if c.Unix != "" {
		return e.sockets[c.Unix]
	}
	return e.tables[e.binding(c)]
}

// binding is the one that the client came to: its own address, or else the
// wildcard.
func (e *entrance) binding(c *Client) netip.AddrPort {
	local := netip.AddrPortFrom(c.Local.Addr().Unmap(), c.Local.Port())
	if e.tables[local] != nil {
		return local
	}
	wild := netip.IPv4Unspecified()
	if local.Addr().Is6() {
		wild = netip.IPv6Unspecified()
	}
	return netip.AddrPortFrom(wild, local.Port())
}

// findWider looks beyond a most specific range of which every claim has expired.
func findWider(table *bart.Table[[]claim], remote netip.Addr, at time.Time) (claim, bool) {
	host := netip.PrefixFrom(remote, remote.BitLen())
	for _, held := range table.Supernets(host) { // the most specific first
		if cl, ok := inForce(held, at); ok {
			return cl, true
		}
	}
	return claim{}, false
}

func inForce(held []claim, at time.Time) (claim, bool) {
	for _, cl := range held {
		if cl.expires.IsZero() || at.Before(cl.expires) {
			return cl, true
		}
	}
	return claim{}, false
}

// Receive selects the receive connector for a connection by its local address
// and its remote one: the most specific range wins. It is nil where nobody is
// meant, and the connection is refused before the banner then.
func (p *Policy) Receive(c Client) *Receive {
	cl, _ := p.claim(&c)
	return cl.receive
}

func (p *Policy) claim(c *Client) (claim, bool) {
	e := p.entrances[c.Relay]
	if e == nil {
		return claim{}, false
	}
	cl, ok := e.find(c)
	if ok && c.Proxy.IsValid() && !cl.receive.proxies.Contains(c.Proxy.Unmap()) {
		return claim{}, false
	}
	return cl, ok
}

// Proxied reports whether whoever connects from c.Remote must begin with a PROXY
// header: some connector of that binding believes it.
func (p *Policy) Proxied(c Client) bool {
	e := p.entrances[c.Relay]
	return e != nil && c.Unix == "" && slices.ContainsFunc(e.proxied[e.binding(&c)], func(r *Receive) bool {
		return r.proxies.Contains(c.Remote.Unmap())
	})
}

// Nobody is the answer to a client for whom Receive gives nil.
func (p *Policy) Nobody(c Client) Reply {
	if c.Proxy.IsValid() {
		proxy := c.Proxy
		c.Proxy = netip.Addr{}
		if r := p.Receive(c); r != nil {
			return Reply{554, [3]int{5, 7, 1}, fmt.Sprintf("The PROXY header of %s is not believed for clients of %s: ask the administrator of this relay to add it to proxy_protocol there", proxy, r.Block.Addr())}
		}
	}
	if e := p.entrances[c.Relay]; e != nil {
		return e.nobody
	}
	return nobody(c.Relay)
}
