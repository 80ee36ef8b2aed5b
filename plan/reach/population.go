package reach

import (
	"fmt"
	"slices"
	"strings"

	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/decide"
)

// postmaster is the one address that may stand without a domain (RFC 5321, 4.1.1.3).
const postmaster = "postmaster"

// element is a class of senders or recipients: what is decided about one of them is
// decided about all.
type element struct {
	one   schema.Mailbox // an example
	entry string         // how a Set names it, if it is an address
	block int            // of its population
	// strange: in no accepted domain, or in one that is not verified yet. taken: no rule for the recipient itself refuses
	// it. Both before and after.
	strange, taken [2]bool
}

// population is all senders, or all recipients, as elements.
type population struct {
	names     *names
	elements  []element
	elsewhere int
	exact     []int       // by name: that domain, without locals
	below     []int       // by name; -1 where it is not wild
	locals    [][]int     // by name: addresses that are told apart
	tagged    map[int]int // by local without a plus: what has a tag
	routed    map[int]int // by a domain's element: recipients that may name another domain, where that is told apart
	odd       [][]int     // by name: addresses that may name another domain, where they differ from the rest of these
	null      int         // -1: there is none, for these are recipients
	bare      int         // postmaster without a domain
	home      [2]int      // of recipients: what postmaster is taken for; -1: nothing
	blocks    []block

	list    func(*decide.Receive) []string // of a connector, what is about this population
	classes map[[2]uint8]bitset            // blocks by their classes
	held    [2]map[string][]int            // blocks by space of a list, before and after
	members map[*decide.Receive]bitset
}

// block is the elements for which both configurations have the same class and that
// no list of a connector tells apart: they are let through alike.
type block struct {
	one  schema.Mailbox
	key  [2]uint8  // the classes
	home [2]string // the domains that lists are about
}

// domains are the elements that every population has: one for each class of domains.
func (n *names) domains(local string) *population {
	p := &population{names: n, null: -1, home: [2]int{-1, -1}, tagged: map[int]int{}, routed: map[int]int{}, locals: make([][]int, len(n.all)), odd: make([][]int, len(n.all))}
	p.elsewhere = p.add(schema.Mailbox{Local: local, Domain: n.below(-1)}, "")
	for i, name := range n.all {
		p.exact = append(p.exact, p.add(schema.Mailbox{Local: local, Domain: name.text}, ""))
		b := -1
		if name.wild {
			b = p.add(schema.Mailbox{Local: local, Domain: n.below(i)}, "")
		}
		p.below = append(p.below, b)
	}
	p.bare = p.add(schema.Mailbox{Local: postmaster}, postmaster)
	return p
}

func (p *population) add(one schema.Mailbox, entry string) int {
	p.elements = append(p.elements, element{one: one, entry: entry})
	return len(p.elements) - 1
}

// senders are all senders.
func senders(n *names, policies [2]*decide.Policy) *population {
	p := n.domains("someone")
	p.null = p.add(schema.Mailbox{}, "<>")
	lists := newLists(policies, func(r *decide.Receive) []string { return r.Block.AllowedSenderDomains })
	p.group(lists, func(e *element, side int) (uint8, string) {
		class := policies[side].SenderClass(e.one)
		e.strange[side], e.taken[side] = class == decide.ForeignSender, true
		return uint8(class), e.one.Domain
	})
	return p
}

// recipients are all recipients.
func recipients(n *names, policies [2]*decide.Policy) *population {
	listed, locals := map[schema.Mailbox]bool{}, map[string]bool{}
	for _, policy := range policies {
		for m := range policy.Listed() {
			listed[m], locals[m.Local] = true, true
		}
		if home := policy.Default(); home != "" {
			listed[schema.Mailbox{Local: postmaster, Domain: home}] = true
		}
	}
	unknown := "someone"
	for i := 1; locals[unknown]; i++ {
		unknown = fmt.Sprintf("someone%d", i)
	}
	p := n.domains(unknown)
	routed := func(m schema.Mailbox) bool {
		return policies[0].RecipientClass(m) == decide.Routed || policies[1].RecipientClass(m) == decide.Routed
	}
	var sorted []schema.Mailbox
	for m := range listed {
		sorted = append(sorted, m)
	}
	slices.SortFunc(sorted, func(a, b schema.Mailbox) int { return strings.Compare(a.Local, b.Local) })
	at := make(map[schema.Mailbox]int, len(sorted))
	for _, m := range sorted {
		i := n.index[m.Domain]
		e := p.add(m, m.String())
		at[m] = e
		if routed(m) {
			p.odd[i] = append(p.odd[i], e)
			continue
		}
		p.locals[i] = append(p.locals[i], e)
		if !strings.Contains(m.Local, "+") {
			tag := func(tag, entry string) (schema.Mailbox, string) {
				return schema.Mailbox{Local: m.Local + "+" + tag, Domain: m.Domain}, schema.Mailbox{Local: m.Local + "+" + entry, Domain: m.Domain}.String()
			}
			p.tagged[e] = p.add(tag(n.fresh, "*"))
			if one, entry := tag("%"+n.fresh, "*%*"); routed(one) {
				p.odd[i] = append(p.odd[i], p.add(one, entry))
			}
		}
	}
	for side, policy := range policies {
		if e, ok := at[schema.Mailbox{Local: postmaster, Domain: policy.Default()}]; ok {
			p.home[side] = e
		}
	}
	for e := range p.bare { // the elements of domains
		one := schema.Mailbox{Local: unknown + "%" + n.below(-1), Domain: p.elements[e].one.Domain}
		if routed(one) {
			p.routed[e] = p.add(one, "")
		}
	}
	lists := newLists(policies, func(r *decide.Receive) []string { return r.Block.AllowedRecipientDomains })
	p.group(lists, func(e *element, side int) (uint8, string) {
		class := policies[side].RecipientClass(e.one)
		e.taken[side] = class != decide.Homeless && class != decide.Unknown
		e.strange[side] = class == decide.ForeignRecipient || class == decide.Gated || strings.Contains(e.one.Local, "%") && e.entry == ""
		return uint8(class), policies[side].Home(e.one).Domain
	})
	return p
}

// group puts the elements into blocks. class gives the class of an element and the
// domain that lists are about.
func (p *population) group(l *lists, class func(e *element, side int) (uint8, string)) {
	type key struct {
		class [2]uint8
		lists [2]listed
	}
	at := map[key]int{}
	for i := range p.elements {
		e := &p.elements[i]
		var k key
		var b block
		b.one = e.one
		for side := range 2 {
			b.key[side], b.home[side] = class(e, side)
			k.lists[side] = l.know(b.home[side])
		}
		k.class = b.key
		id, ok := at[k]
		if !ok {
			id = len(p.blocks)
			at[k] = id
			p.blocks = append(p.blocks, b)
		}
		e.block = id
	}
	p.index(l)
}

// index finds the blocks of each class, and those that each space of a list holds.
func (p *population) index(l *lists) {
	p.list, p.classes, p.members = l.of, map[[2]uint8]bitset{}, map[*decide.Receive]bitset{}
	for i, b := range p.blocks {
		if p.classes[b.key] == nil {
			p.classes[b.key] = newBitset(len(p.blocks))
		}
		p.classes[b.key].add(i)
		for side := range 2 {
			if p.held[side] == nil {
				p.held[side] = map[string][]int{}
			}
			hold := func(space string) { p.held[side][space] = append(p.held[side][space], i) }
			if l.exact[b.home[side]] {
				hold(b.home[side])
			}
			for name := b.home[side]; name != ""; _, name, _ = strings.Cut(name, ".") {
				if l.wild[name] {
					hold("*." + name)
				}
			}
			hold("*")
		}
	}
}

// in gives the blocks that the list of a connector holds. A connector is of one side.
func (p *population) in(r *decide.Receive, side int) bitset {
	if b, ok := p.members[r]; ok {
		return b
	}
	b := full(len(p.blocks))
	if r != nil {
		if spaces := p.list(r); spaces != nil {
			b = newBitset(len(p.blocks))
			for _, s := range spaces {
				for _, i := range p.held[side][s] {
					b.add(i)
				}
			}
		}
	}
	p.members[r] = b
	return b
}

// part is blocks that the doors of a crowd let through alike.
type part struct {
	one    schema.Mailbox
	blocks bitset
}

// parts cuts the population by class, and by the lists at the doors.
func (p *population) parts(d doors) []part {
	var out []part
	for _, class := range p.sorted() {
		for _, before := range []bool{true, false} {
			b := class.cut(p.in(d[0].connector, 0), before)
			if b.first() < 0 {
				continue
			}
			for _, after := range []bool{true, false} {
				if c := b.cut(p.in(d[1].connector, 1), after); c.first() >= 0 {
					out = append(out, part{p.blocks[c.first()].one, c})
				}
			}
		}
	}
	return out
}

// sorted are the classes in an order that does not depend on chance.
func (p *population) sorted() []bitset {
	out := make([]bitset, 0, len(p.classes))
	for _, b := range p.classes {
		out = append(out, b)
	}
	slices.SortFunc(out, func(a, b bitset) int { return a.first() - b.first() })
	return out
}

// lists are the spaces that lists of connectors name.
type lists struct {
	of          func(*decide.Receive) []string // the list of a connector; nil: it has none
	exact, wild map[string]bool
}

// listed is what all lists together know of a domain.
type listed struct{ exact, wild string }

func newLists(policies [2]*decide.Policy, of func(*decide.Receive) []string) *lists {
	l := &lists{of, map[string]bool{}, map[string]bool{}}
	for _, p := range policies {
		for _, r := range p.Receives() {
			for _, space := range of(r) {
				if rest, ok := strings.CutPrefix(space, "*."); ok {
					l.wild[rest] = true
				} else if space != "*" {
					l.exact[space] = true
				}
			}
		}
	}
	return l
}

func (l *lists) know(domain string) listed {
	var out listed
	if l.exact[domain] {
		out.exact = domain
	}
	if len(l.wild) == 0 {
		return out
	}
	for name := domain; name != ""; _, name, _ = strings.Cut(name, ".") {
		if l.wild[name] {
			out.wild = name
			return out
		}
	}
	return out
}
