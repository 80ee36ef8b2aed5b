package policy

import (
	"errors"
	"slices"
	"strings"

	"go4.org/netipx"
)

// ErrOrder says that two SPF records cannot be put together, because one of them
// shuts senders out before it lets others in, in a way that the other does not.
var ErrOrder = errors.New("the records shut senders out before they let others in, each in its own way, so that no one record lets in what either does")

// lenience orders qualifiers by what receivers make of a sender that matches
// (RFC 7208, 2.6, 8).
func lenience(qualifier byte) int { return strings.IndexByte("-~?+", qualifier) }

// Default is what becomes of a sender that no mechanism matches: the qualifier of
// all, '?' without one. Where another record decides, redirect is its name.
func (r Record) Default() (qualifier byte, redirect string) {
	for _, t := range r.Effective() {
		switch {
		case t.Name == "all" && !t.Modifier():
			return t.Qualifier, ""
		case t.Name == "redirect" && t.Modifier():
			redirect = t.Domain
		}
	}
	return '?', redirect
}

// senders are the mechanisms that match some senders and not all, without those
// that stand there before.
func (r Record) senders() Record {
	var out Record
	named := map[Term]bool{}
	for _, t := range r.Effective() {
		if !t.Modifier() && t.Name != "all" && !named[t.bare()] {
			out = append(out, t)
			named[t.bare()] = true
		}
	}
	return out
}

// Lost are the terms of old by which it lets senders in, and to which next has
// nothing that lets them in as well: mechanisms that pass, are neutral or fail
// softly; the redirect; and, last, the all of old if that of next is stricter. What
// is not sure is lost. None: next lets in all that old does.
func Lost(old, next Record) Record {
	k := newKept(old, next)
	var out Record
	for i, t := range k.old {
		if t.Qualifier != '-' && !k.has(i, t) {
			out = append(out, t)
		}
	}
	was, from := old.Default()
	is, to := next.Default()
	switch {
	case from != "":
		if (from != to && is != '+' || k.shuts('+')) && !k.has(len(k.old), included(from)) {
			out = append(out, Term{Name: "redirect", Domain: from})
		}
	case was != '-' && (to != "" || lenience(is) < lenience(was) || k.shuts(was)):
		out = append(out, Term{Qualifier: was, Name: "all"})
	}
	return out
}

// included is a term that lets in whom the record at domain does.
func included(domain string) Term { return Term{Qualifier: '+', Name: "include", Domain: domain} }

// kept tells what of one record another one lets in too.
type kept struct {
	old, next Record          // their senders
	first     map[Term]int    // where a mechanism stands in old, without its qualifier
	at        map[Term][2]int // in next: where, and how far back in old what shuts out before it stands
	shut      int             // the same for all of next
	nets      [4]*netipx.IPSet
	all       byte   // the default of next, 0 behind a redirect
	redirect  string // of next
}

func newKept(old, next Record) *kept {
	k := &kept{old: old.senders(), next: next.senders(), first: map[Term]int{}, at: map[Term][2]int{}, shut: -1}
	for i, t := range k.old {
		k.first[t.bare()] = i
	}
	for i, t := range k.next {
		k.at[t.bare()] = [2]int{i, k.shut}
		if t.Qualifier == '+' {
			continue
		}
		j, ok := k.first[t.bare()]
		if !ok || lenience(k.old[j].Qualifier) > lenience(t.Qualifier) {
			j = len(k.old)
		}
		k.shut = max(k.shut, j)
	}
	if onlyEnds(k.next) {
		k.gather()
	}
	q, redirect := next.Default()
	if k.redirect = redirect; redirect == "" {
		k.all = q
	}
	return k
}

// shuts reports whether next has mechanisms that are stricter than a qualifier, and
// that old does not have.
func (k *kept) shuts(qualifier byte) bool {
	return slices.ContainsFunc(k.next, func(t Term) bool {
		i, ok := k.first[t.bare()]
		return lenience(t.Qualifier) < lenience(qualifier) && !(ok && lenience(k.old[i].Qualifier) <= lenience(t.Qualifier))
	})
}

// gather joins the networks that next lets in, for each qualifier those that are
// as lenient or more so.
func (k *kept) gather() {
	for level := range k.nets {
		var b netipx.IPSetBuilder
		for _, t := range k.next {
			if t.Net.IsValid() && lenience(t.Qualifier) >= level {
				b.AddPrefix(t.Net)
			}
		}
		k.nets[level], _ = b.IPSet() // prefixes that were read are valid
	}
}

// onlyEnds reports whether r lets senders in first, and shuts them out then.
func onlyEnds(r Record) bool {
	return slices.IsSortedFunc(r, func(a, b Term) int { return lenience(b.Qualifier) - lenience(a.Qualifier) })
}

// has reports whether next lets in those whom t, at i of old, does.
func (k *kept) has(i int, t Term) bool {
	at, ok := k.at[t.bare()]
	if ok && lenience(k.next[at[0]].Qualifier) >= lenience(t.Qualifier) && at[1] < i {
		return true
	}
	if set := k.nets[lenience(t.Qualifier)]; t.Net.IsValid() && set != nil && set.ContainsPrefix(t.Net) {
		return true
	}
	if k.redirect != "" {
		return t.bare() == included(k.redirect) && k.shut < i
	}
	// The all of next lets them in, unless something stricter stands before it.
	return lenience(k.all) >= lenience(t.Qualifier) && !slices.ContainsFunc(k.next, func(n Term) bool {
		apart := n.Net.IsValid() && t.Net.IsValid() && !n.Net.Overlaps(t.Net)
		return lenience(n.Qualifier) < lenience(t.Qualifier) && !apart
	})
}

// bare is t without its qualifier.
func (t Term) bare() Term {
	t.Qualifier = '+'
	return t
}

// Union is a record by which exactly those senders pass who pass by old or by next:
// next, with what of old it lost before its all, which is the more lenient of both.
// It may need more look-ups than MaxLookups, and more room. The error is ErrOrder.
func Union(old, next Record) (Record, error) {
	lost := Lost(old, next)
	if len(lost) == 0 {
		return next, nil
	}
	end, was, is := ends(old, next)
	head, a, b, ok := split(was.senders, is.senders)
	if !ok || was.open() && is.open() {
		return nil, ErrOrder
	}
	terms := slices.Concat(b, a) // next's first
	slices.SortStableFunc(terms, func(x, y Term) int { return lenience(y.Qualifier) - lenience(x.Qualifier) })
	out := slices.Clone(head)
	named := map[Term]bool{}
	for _, t := range terms {
		needed := t.Qualifier != '+' || slices.Contains(b, t) || slices.Contains(lost, t) || t == included(was.include)
		if named[t.bare()] {
			continue
		}
		named[t.bare()] = true
		q := raised(t, was, is)
		if idle := q != t.Qualifier && q == end.Qualifier; needed && !idle && q != 0 {
			t.Qualifier = q
			out = append(out, t)
		}
	}
	out = append(out, end)
	for _, t := range next {
		if t.Modifier() && t.Name != "redirect" {
			out = append(out, t)
		}
	}
	return out, nil
}

// side is one of the two records of a union.
type side struct {
	senders Record
	all     byte   // what becomes of others; 0: another record decides
	include string // that stands for its redirect
}

// open reports whether the record lets in others than those it shuts out.
func (s side) open() bool {
	return (s.all == 0 || s.all == '+') && slices.ContainsFunc(s.senders, func(t Term) bool { return t.Qualifier != '+' })
}

func raised(t Term, was, is side) byte {
	t.Qualifier = was.raise(t)
	return is.raise(t)
}

// raise gives the qualifier of t, or that of the record's default if that is more
// lenient to those whom t matches. 0: t must not keep them from it.
func (s side) raise(t Term) byte {
	if t.Qualifier == '+' || t.Qualifier == 0 || slices.ContainsFunc(s.senders, func(m Term) bool { return m.bare() == t.bare() }) {
		return t.Qualifier
	}
	switch {
	case s.all == 0 || s.all == '+':
		return 0
	case lenience(s.all) > lenience(t.Qualifier):
		return s.all
	}
	return t.Qualifier
}

// split cuts off the mechanisms that stand before all that pass, if they are the
// same in both. ok is false if more would depend on order.
func split(old, next Record) (head, a, b Record, ok bool) {
	n := 0
	for n < len(old) && n < len(next) && old[n] == next[n] && old[n].Qualifier != '+' {
		n++
	}
	a, b = old[n:], next[n:]
	return old[:n], a, b, onlyEnds(a) && onlyEnds(b)
}

// ends is what decides about senders that no mechanism matches, in both records'
// favour. A redirect that cannot be kept becomes an include behind all mechanisms.
func ends(old, next Record) (end Term, was, is side) {
	of := func(r Record) (s side, redirect string) {
		s.senders = r.senders()
		if s.all, redirect = r.Default(); redirect != "" {
			s.all = 0
		}
		return s, redirect
	}
	was, from := of(old)
	is, to := of(next)
	include := func(s *side, domain string) {
		s.all, s.include = '-', domain
		s.senders = append(s.senders, included(domain))
	}
	switch {
	case from == to && to != "", from == "" && was.all == '-' && to != "":
		return Term{Name: "redirect", Domain: to}, was, is
	case to == "" && is.all == '-' && from != "":
		return Term{Name: "redirect", Domain: from}, was, is
	case from != "":
		include(&was, from)
		if to != "" {
			return Term{Name: "redirect", Domain: to}, was, is
		}
	case to != "":
		include(&is, to)
	}
	return Term{Qualifier: []byte("-~?+")[max(lenience(was.all), lenience(is.all))], Name: "all"}, was, is
}
