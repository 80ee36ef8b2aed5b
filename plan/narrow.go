package plan

import (
	"slices"
	"strings"

	"github.com/zclconf/go-cty/cty"

	"github.com/mailrelay/mailrelay/schema"
)

// narrowing finds out what a configuration takes away: less mail that is let in, or
// fewer ways for it. When in doubt, something is taken away.
type narrowing struct {
	c       *schema.Config
	force   *schema.Config            // what stands in force now
	domains map[string]*schema.Domain // of c, by name
	listed  map[string]bool           // recipients of c, folded
	spaces  map[string]bool           // address spaces that c has a way for
	taken   func(schema.Addr) bool    // whether something has the address already
}

// kept is what has to stand, at an address, for nothing to be taken away: in the
// place of the configuration's block, or beside it.
type kept struct {
	addr  schema.Addr
	value cty.Value
}

func newNarrowing(c, force *schema.Config) *narrowing {
	n := &narrowing{c: c, force: force, domains: map[string]*schema.Domain{}, listed: map[string]bool{}, spaces: map[string]bool{}}
	n.taken = func(a schema.Addr) bool { return force.Block(a) != nil }
	for _, d := range schema.All[*schema.Domain](c) {
		n.domains[d.Name] = d
	}
	for _, r := range schema.All[*schema.Recipients](c) {
		for _, a := range r.Addresses {
			n.listed[strings.ToLower(a)] = true
		}
	}
	for _, s := range schema.All[*schema.SendConnector](c) {
		for _, space := range s.AddressSpaces {
			if s.Enabled {
				n.spaces[space] = true
			}
		}
	}
	return n
}

// of says what has to stand for old, which becomes next or, if that is nil, goes.
func (n *narrowing) of(old, next schema.Block) []kept {
	switch old := old.(type) {
	case *schema.Domain:
		return n.domain(old, next != nil)
	case *schema.Recipients:
		return n.recipients(old, next != nil)
	case *schema.SendConnector:
		next, _ := next.(*schema.SendConnector)
		return n.send(old, next)
	case *schema.ReceiveConnector:
		next, _ := next.(*schema.ReceiveConnector)
		return n.receive(old, next)
	case *schema.Allowlist:
		next, _ := next.(*schema.Allowlist)
		return n.allowlist(old, next)
	case *schema.Relay:
		if next == nil {
			return []kept{{old.Addr(), old.Value()}}
		}
	}
	return nil
}

// beside is an address for what stays of the block at a: a itself if the
// configuration has nothing there.
func (n *narrowing) beside(a schema.Addr, stays bool) schema.Addr {
	if !stays {
		return a
	}
	for a.Part = "retained"; n.taken(a); a.Part += "_too" {
	}
	return a
}

// domain: the name is no longer accepted, or unknown recipients are refused now, or
// names below it are. What waits for its proof of ownership has no mail to lose.
func (n *narrowing) domain(old *schema.Domain, stays bool) []kept {
	if n.force.Gated[old.Addr()] {
		return nil
	}
	next := n.domains[old.Name]
	if next == nil {
		v := old.Value()
		if len(n.domains) > 0 { // postmaster is the configuration's
			v = with(v, "default", cty.NullVal(cty.Bool))
		}
		if n.c.Block(old.Stage) == nil {
			v = with(v, "stage", cty.NullVal(cty.String))
		}
		return []kept{{n.beside(old.Addr(), stays), v}}
	}
	v := next.Value()
	if old.Kind != schema.Authoritative && next.Kind == schema.Authoritative {
		v = with(v, "type", cty.StringVal(old.Kind))
	}
	if old.MatchSubdomains && !next.MatchSubdomains {
		v = with(v, "match_subdomains", cty.True)
	}
	return unless(next, v)
}

// recipients: addresses that no block lists any more.
func (n *narrowing) recipients(old *schema.Recipients, stays bool) []kept {
	lost := func(address string) bool { return !n.listed[strings.ToLower(address)] }
	var addresses []string
	for _, a := range old.Addresses {
		if lost(a) {
			addresses = append(addresses, a)
		}
	}
	if addresses == nil {
		return nil
	}
	v := with(old.Value(), "addresses", set(addresses))
	targets := map[string]cty.Value{}
	for from, to := range old.Targets {
		if lost(from) {
			targets[from] = cty.StringVal(to)
		}
	}
	if old.Targets != nil && len(targets) == 0 {
		v = with(v, "targets", cty.MapValEmpty(cty.String))
	} else if old.Targets != nil {
		v = with(v, "targets", cty.MapVal(targets))
	}
	if n.c.Block(old.DeliverTo) == nil && n.force.Block(old.DeliverTo) == nil {
		v = with(v, "deliver_to", cty.NullVal(cty.String))
	}
	v = with(v, "domain", cty.StringVal(n.home(old.Domain).String()))
	return []kept{{n.beside(old.Addr(), stays), v}}
}

// home is where the domain that is in force at a stands once the configuration is
// applied.
func (n *narrowing) home(a schema.Addr) schema.Addr {
	d := schema.At[*schema.Domain](n.force, a)
	if d == nil {
		return a
	}
	if next := n.domains[d.Name]; next != nil {
		return next.Addr()
	}
	return n.beside(a, n.c.Block(a) != nil)
}

// send: address spaces for which no connector is left, a lower limit of size, or
// fewer relays that may use it.
func (n *narrowing) send(old, next *schema.SendConnector) []kept {
	if !old.Enabled {
		return nil
	}
	var out []kept
	var lost []string
	for _, space := range old.AddressSpaces {
		if !n.spaces[space] {
			lost = append(lost, space)
		}
	}
	if lost != nil {
		k := kept{n.beside(old.Addr(), next != nil), with(old.Value(), "address_spaces", set(lost))}
		out = append(out, k)
	}
	if next == nil || !next.Enabled {
		return out
	}
	v := next.Value()
	if next.MaxMessageSize < old.MaxMessageSize {
		v = with(v, "max_message_size", old.Value().GetAttr("max_message_size"))
	}
	if next.Relays != nil && (old.Relays == nil || len(lacks(old.Relays, next.Relays)) > 0) {
		v = with(v, "relays", old.Value().GetAttr("relays"))
	}
	return append(out, unless(next, v)...)
}

// unless is v in the place of b, if it differs.
func unless(b schema.Block, v cty.Value) []kept {
	if v.RawEquals(b.Value()) {
		return nil
	}
	return []kept{{b.Addr(), v}}
}

// with is the object v with another value of one attribute.
func with(v cty.Value, name string, value cty.Value) cty.Value {
	m := v.AsValueMap()
	m[name] = value
	return cty.ObjectVal(m)
}

func set(words []string) cty.Value {
	var out []cty.Value
	for _, w := range words {
		out = append(out, cty.StringVal(w))
	}
	return cty.SetVal(out)
}

// lacks gives the elements of old that next lacks.
func lacks[E comparable](old, next []E) []E {
	return slices.DeleteFunc(slices.Clone(old), func(e E) bool { return slices.Contains(next, e) })
}
