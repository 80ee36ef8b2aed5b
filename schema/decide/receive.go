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
	senders    *tree[struct{}] // nil: no limit
	recipients *tree[struct{}] // nil: no limit
	replies    replies
}

func compileReceive(b *schema.ReceiveConnector) *Receive {
	r := &Receive{
		Block: b, grants: compileGrants(b),
		secured: slices.Contains(b.AuthMechanisms, "external_authoritative"),
		senders: spaces(b.AllowedSenderDomains), recipients: spaces(b.AllowedRecipientDomains),
		replies: compileReplies(b.Addr()),
	}
	for _, n := range b.TLSClientNames {
		r.partners.put(n, struct{}{})
	}
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
}

func newEntrance() *entrance {
	return &entrance{map[netip.AddrPort]*bart.Table[[]claim]{}, map[string]*bart.Table[[]claim]{}}
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
	table := e.sockets[c.Unix]
	remote := c.Remote.Unmap()
	if c.Unix == "" {
		local := netip.AddrPortFrom(c.Local.Addr().Unmap(), c.Local.Port())
		if table = e.tables[local]; table == nil {
			wild := netip.IPv4Unspecified()
			if local.Addr().Is6() {
				wild = netip.IPv6Unspecified()
			}
			table = e.tables[netip.AddrPortFrom(wild, local.Port())]
		}
	} else if !remote.IsValid() {
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
	return e.find(c)
}
