package reach

import "math"

// wanted says of an element whether it is in a set.
type wanted uint8

const (
	out wanted = iota
	in
	whatever // it makes no difference
)

// describe gives the Set of what want says, in a line of a kind, in as few entries as
// it finds.
func (p *population) describe(kind Kind, want func(e int) wanted) Set {
	all := make([]wanted, len(p.elements))
	for e := range all {
		all[e] = want(e)
	}
	var best Set
	least := math.MaxInt
	for _, base := range []Base{Nothing, Anything, Foreign, Accepted} {
		if base == Accepted && !p.elements[p.elsewhere].strange[kind.side()] {
			continue // every domain is accepted, so that says nothing
		}
		d := describing{population: p, want: all, set: Set{Base: base}, side: kind.side(), kind: kind}
		d.walk(least)
		if base == Nothing && d.set.Names != nil && d.set.Names[0] == "*" {
			continue // that is Anything
		}
		if c := d.cost(); c < least {
			best, least = d.set, c
		}
		if base == Nothing && d.plain() {
			return best
		}
	}
	return best
}

// describing writes the entries of one set.
type describing struct {
	*population
	want []wanted
	side int // the configuration by which the bases are meant
	kind Kind
	set  Set
}

// cost says how long the set is in words, roughly.
func (d *describing) cost() int {
	n := 2 * (len(d.set.Names) + len(d.set.Except))
	if d.null >= 0 && (d.set.Base == Foreign || d.set.Base == Accepted) {
		n += 3 // "a sender of another domain than the accepted ones"
	}
	return n
}

// plain reports whether the set is a few names, which tell more than any base.
func (d *describing) plain() bool {
	return len(d.set.Names) <= 2 && len(d.set.Except) == 0 && (len(d.set.Names) == 0 || d.set.Names[0] != "*")
}

// state is what the entries for wider spaces say.
type state uint8

const (
	byBase state = iota
	isOut
	isIn
)

// holds reports whether the element e is in the set, where the entries for wider
// spaces say s.
func (d *describing) holds(s state, e int) bool {
	if s != byBase {
		return s == isIn
	}
	el := d.elements[e]
	switch d.set.Base {
	case Anything:
		return true
	case Foreign:
		return el.strange[d.side]
	case Accepted:
		return !el.strange[d.side] && e != d.null
	}
	return false
}

// wrong counts the elements for which s says something else than is wanted.
func (d *describing) wrong(s state, elements ...int) int {
	n := 0
	for _, e := range elements {
		if w := d.want[e]; w != whatever && (w == in) != d.holds(s, e) {
			n++
		}
	}
	return n
}

// say writes an entry.
func (d *describing) say(entry string, s state) state {
	if s == isIn {
		d.set.Names = append(d.set.Names, entry)
	} else {
		d.set.Except = append(d.set.Except, entry)
	}
	return s
}

// one gives s for the element e, and writes an entry if that is wrong.
func (d *describing) one(entry string, s state, e int) state {
	switch {
	case d.wrong(s, e) == 0:
		return s
	case d.want[e] == in:
		return d.say(entry, isIn)
	}
	return d.say(entry, isOut)
}

// walk writes all entries, but gives up when they cost more than most.
func (d *describing) walk(most int) {
	top := d.one("*", byBase, d.elsewhere)
	if !d.routes(most) {
		return
	}
	states := make([]state, len(d.names.all)) // of what is below each
	for i, n := range d.names.all {
		s := top
		if n.above >= 0 {
			s = states[n.above]
		}
		if n.wild {
			s = d.one("*."+n.text, s, d.below[i])
		}
		states[i] = s
		if !d.right(i, s) {
			d.domain(i, s)
			if d.cost() > most {
				return
			}
		}
	}
	if d.null >= 0 {
		d.one("<>", byBase, d.null)
		d.one(postmaster, byBase, d.bare)
		return
	}
	d.like("postmaster", d.bare, d.home[d.side])
}

// routes writes what is needed for recipients that may name another domain; false:
// it costs more than most.
func (d *describing) routes(most int) bool {
	if len(d.routed) == 0 {
		return true
	}
	const any = "*%*@"
	one := func(space string, s state, domain int) state {
		if e, ok := d.routed[domain]; ok {
			return d.one(any+space, s, e)
		}
		return s
	}
	top := one("*", byBase, d.elsewhere)
	states := make([]state, len(d.names.all))
	for i, n := range d.names.all {
		s := top
		if n.above >= 0 {
			s = states[n.above]
		}
		if n.wild {
			s = one("*."+n.text, s, d.below[i])
		}
		states[i] = s
		one(n.text, s, d.exact[i])
		if d.cost() > most {
			return false
		}
	}
	return true
}

// like writes an entry for e, unless it is wanted just as the element that it is
// taken for; -1: nothing.
func (d *describing) like(entry string, e, other int) {
	if other < 0 {
		d.one(entry, byBase, e)
		return
	}
	w := d.want[e]
	if w == whatever || d.want[other] == w {
		return
	}
	s := isOut
	if w == in {
		s = isIn
	}
	d.say(entry, s)
}

// right reports whether s says what is wanted of a name, of the addresses in it, and of
// those with tags.
func (d *describing) right(i int, s state) bool {
	if d.wrong(s, d.exact[i]) > 0 {
		return false
	}
	for _, e := range d.locals[i] {
		if d.wrong(s, e) > 0 {
			return false
		}
		if t, ok := d.tagged[e]; ok && d.want[t] != d.want[e] {
			return false
		}
	}
	for _, e := range d.odd[i] {
		if d.kind == Rerouted && d.wrong(s, e) > 0 || d.kind != Rerouted && d.want[e] != d.want[d.routed[d.exact[i]]] {
			return false
		}
	}
	return true
}

// domain writes what is needed for one name and the addresses in it: the fewest
// entries, and that for the domain where it says as much as those for the addresses.
func (d *describing) domain(i int, s state) {
	exact, all := d.exact[i], d.locals[i]
	const never = 1 << 30
	cost := func(s state, entry int) int {
		if d.wrong(s, exact) > 0 {
			return never
		}
		return entry + d.wrong(s, all...)
	}
	none := cost(s, 0)
	for _, to := range []state{isIn, isOut} {
		if c := cost(to, 1); none > 0 && (c < none || c == none && c == 1) {
			s, none = d.say(d.names.all[i].text, to), 0
		}
	}
	for _, e := range all {
		d.one(d.elements[e].entry, s, e)
		if t, ok := d.tagged[e]; ok {
			d.like(d.elements[t].entry, t, e)
		}
	}
	for _, e := range d.odd[i] {
		if d.kind == Rerouted {
			d.one(d.elements[e].entry, s, e)
		} else {
			d.like(d.elements[e].entry, e, d.routed[exact])
		}
	}
}
