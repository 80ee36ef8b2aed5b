package reach

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"go4.org/netipx"

	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/decide"
)

// comparison is the work of Compare.
type comparison struct {
	policies            [2]*decide.Policy
	houses              []house
	senders, recipients *population
	sets                [2]*sets // of senders and of recipients
	rows                map[rowKey]*row
	both                []bitset // by house: blocks of recipients to whom somebody may send before and after
	described           map[described]Set
}

// rowKey tells rows apart: cells that differ by their clients alone make one.
type rowKey struct {
	cell
	tls        string
	principals string
}

type row struct {
	principals []Principal
	crowds     []*crowd
	answers    answers
}

// Compare finds what the change from one policy to another means for the mail, at the
// time at.
func Compare(before, after *decide.Policy, at time.Time) Diff {
	policies := [2]*decide.Policy{before, after}
	n := newNames(policies[:], before.Default(), after.Default())
	c := &comparison{
		policies: policies, houses: houses(policies), senders: senders(n, policies), recipients: recipients(n, policies),
		rows: map[rowKey]*row{}, described: map[described]Set{},
	}
	for i := range c.sets {
		c.sets[i] = &sets{index: map[string]int{}}
	}
	for range c.houses {
		c.both = append(c.both, newBitset(len(c.recipients.blocks)))
	}
	for _, cr := range crowds(policies, c.houses, at) {
		c.judge(cr)
	}
	var d Diff
	for k, r := range c.rows {
		d.Lines = append(d.Lines, c.lines(k, r)...)
	}
	d.Lines = append(d.Lines, c.rerouted()...)
	order := []Kind{Widened, Narrowed, Rerouted, Resized, Answered}
	type worded struct {
		line Line
		text string
	}
	all := make([]worded, len(d.Lines))
	for i, l := range d.Lines {
		all[i] = worded{l, l.Text()}
	}
	slices.SortFunc(all, func(a, b worded) int {
		relays := func(l Line) int {
			if l.Relays {
				return 0
			}
			return 1
		}
		if n := cmp.Or(slices.Index(order, a.line.Kind)-slices.Index(order, b.line.Kind), relays(a.line)-relays(b.line), strings.Compare(a.text, b.text)); n != 0 {
			return n
		}
		return strings.Compare(fmt.Sprintf("%+v", a.line), fmt.Sprintf("%+v", b.line)) // never left to chance: apply makes the plan again
	})
	for i := range all {
		d.Lines[i] = all[i].line
	}
	return d
}

// note adds a crowd to a row.
func (c *comparison) note(k rowKey, p []Principal, cr *crowd, a answers) {
	r := c.rows[k]
	if r == nil {
		r = &row{principals: p}
		c.rows[k] = r
	}
	r.crowds = append(r.crowds, cr)
	for side := range 2 {
		r.answers.add(side, a.replies[side])
		r.answers.differ[side] = r.answers.differ[side] || a.differ[side]
	}
}

// side is the configuration of which lines of a kind speak when they say accepted.
func (k Kind) side() int {
	if k == Narrowed {
		return 0
	}
	return 1
}

// lines are those of a row: one for each relay, and for each set of clients where they
// differ by listener.
func (c *comparison) lines(k rowKey, r *row) []Line {
	l := Line{Kind: k.change.kind, Principals: r.principals, TLS: k.tls}
	l.Senders = c.describe(described{0, k.senders, k.change.kind})
	l.Recipients = c.describe(described{1, k.recipients, k.change.kind})
	l.Relays = c.relays(k.recipients, k.change.kind.side())
	for side, o := range []*Outcome{&l.Before, &l.After} {
		o.Reason = k.change.reasons[side]
		o.Accepted = k.change.kind == Resized || k.change.kind == Widened && side == 1 || k.change.kind == Narrowed && side == 0
		o.MaxSize = k.change.sizes[side]
		if !r.answers.differ[side] {
			o.answer(r.answers.replies[side])
		}
	}
	return c.places(l, r.crowds)
}

// described is the argument of describe: a set of senders (0) or recipients (1).
type described struct {
	population, set int
	kind            Kind
}

// describe puts a set into entries. Where mail is let through, recipients that are
// refused by themselves make no difference.
func (c *comparison) describe(d described) Set {
	if s, ok := c.described[d]; ok {
		return s
	}
	p := []*population{c.senders, c.recipients}[d.population]
	b := c.sets[d.population].all[d.set]
	s := p.describe(d.kind, func(e int) wanted {
		el := &p.elements[e]
		through := d.kind == Answered || el.taken[d.kind.side()] && (d.kind != Resized || el.taken[0])
		if !through {
			return whatever
		}
		return being(b.has(el.block))
	})
	c.described[d] = s
	return s
}

// relays reports whether a set of recipients has some in no accepted domain, or in one
// that is for every domain.
func (c *comparison) relays(set, side int) bool {
	b := c.sets[1].all[set]
	if b.has(c.recipients.elements[c.recipients.elsewhere].block) {
		return true
	}
	routed, others := false, false
	for i, bl := range c.recipients.blocks {
		if !b.has(i) {
			continue
		}
		switch decide.RecipientClass(bl.key[side]) {
		case decide.ForeignRecipient, decide.Gated: // who may relay reaches a domain that is not verified as if it were not there
			return true
		case decide.Routed:
			routed = true
		default:
			others = true
		}
	}
	return routed && !others
}

// places writes the line for each place where its clients come from.
func (c *comparison) places(l Line, crowds []*crowd) []Line {
	sets := make([][]*netipx.IPSetBuilder, len(c.houses))
	for _, cr := range crowds {
		for _, s := range cr.spans {
			if sets[s.house] == nil {
				sets[s.house] = make([]*netipx.IPSetBuilder, len(c.houses[s.house].listeners))
			}
			if sets[s.house][s.listener] == nil {
				sets[s.house][s.listener] = &netipx.IPSetBuilder{}
			}
			sets[s.house][s.listener].AddRange(s.rng)
		}
	}
	var out []Line
	for i, h := range c.houses {
		if sets[i] == nil {
			continue
		}
		l.Relay = h.name(len(c.houses) > 1)
		for _, at := range gather(h.listeners, sets[i]) {
			l.Listeners, l.Clients = at.listeners, at.clients
			out = append(out, l)
		}
	}
	return out
}

// rerouted are the lines of mail that takes another way.
func (c *comparison) rerouted() []Line {
	type turn struct {
		ways     [2][]Way
		elements map[int]bool
	}
	named := map[int]bool{} // recipients that may name another domain: they go where the others of their domain do
	for _, e := range c.recipients.routed {
		named[e] = true
	}
	var out []Line
	for i, h := range c.houses {
		turns := map[[2]string]*turn{}
		var order []*turn
		reached := func(e int) bool {
			el := &c.recipients.elements[e]
			return !named[e] && el.taken[0] && el.taken[1] && c.both[i].has(el.block)
		}
		for e, el := range c.recipients.elements {
			if !reached(e) {
				continue
			}
			var w [2][]Way
			for side, p := range c.policies {
				w[side] = ways(p, h.relays[side], el.one)
			}
			if same(w[0], w[1]) {
				continue
			}
			if e == c.recipients.bare && c.policies[0].Home(el.one) == c.policies[1].Home(el.one) {
				asHome(w, c.policies[0].Home(el.one))
			}
			k := [2]string{essence(w[0], false), essence(w[1], false)}
			if turns[k] == nil {
				turns[k] = &turn{w, map[int]bool{}}
				order = append(order, turns[k])
			}
			turns[k].elements[e] = true
		}
		for _, t := range order {
			l := Line{Kind: Rerouted, Relay: h.name(len(c.houses) > 1)}
			l.Before, l.After = Outcome{Accepted: true, Ways: t.ways[0]}, Outcome{Accepted: true, Ways: t.ways[1]}
			l.Senders = Set{Base: Anything}
			l.Recipients = c.recipients.describe(Rerouted, func(e int) wanted {
				if !reached(e) {
					return whatever
				}
				return being(t.elements[e])
			})
			for e := range t.elements {
				l.Relays = l.Relays || e == c.recipients.elsewhere || c.recipients.elements[e].strange[1]
			}
			out = append(out, l)
		}
	}
	return out
}

// asHome makes ways of a recipient without a domain look like those of the one that it
// is taken for.
func asHome(w [2][]Way, home schema.Mailbox) {
	for _, ways := range w {
		for i := range ways {
			if ways[i].to == home {
				ways[i].Rewrite = ""
			}
		}
	}
}
