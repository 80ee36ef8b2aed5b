package policy

import (
	"cmp"
	"slices"
	"strings"
)

// compareSPF names what goes and what comes, in the order of the records; all and
// modifiers last.
func compareSPF(name, before, after string) []Difference {
	was, werr := ReadSPF(before)
	is, ierr := ReadSPF(after)
	was, is = was.at(name), is.at(name)
	var out, last []Difference
	say := func(t Term, before, after string) {
		d := Difference{Kind: SPF, Term: t.Mechanism(), Before: before, After: after}
		if t.Modifier() {
			d.Term = t.Name
		}
		if t.Name == "all" || t.Modifier() {
			last = append(last, d)
		} else {
			out = append(out, d)
		}
	}
	old, next := was.index(), is.index()
	for _, t := range is {
		switch u, ok := old[t.part()]; {
		case !ok:
			say(t, "", t.String())
		case u != t:
			say(t, u.String(), t.String())
		}
	}
	for _, t := range was {
		if _, ok := next[t.part()]; !ok {
			say(t, t.String(), "")
		}
	}
	out = append(out, last...)
	if len(out) == 0 && !slices.Equal(runs(was), runs(is)) {
		out = append(out, Difference{Kind: SPF, Term: "order", Before: was.terms(), After: is.terms()})
	}
	return append(out, compareErrors(SPF, werr, ierr)...)
}

// part is what a record has once: a mechanism whatever its qualifier, a modifier
// whatever its value.
func (t Term) part() Term {
	if t.Modifier() {
		return Term{Name: t.Name}
	}
	return t.bare()
}

// index finds terms by their part.
func (r Record) index() map[Term]Term {
	out := make(map[Term]Term, len(r))
	for _, t := range r {
		out[t.part()] = t
	}
	return out
}

// at gives what receivers get to of the record at name, each term once, with the
// name where terms have none, and with the all that ends every record.
func (r Record) at(name string) Record {
	var out Record
	said := map[Term]bool{}
	ended := false
	for _, t := range r.Effective() {
		if t.Domain == "" && (t.Name == "a" || t.Name == "mx" || t.Name == "ptr") {
			t.Domain = strings.TrimSuffix(name, ".")
		}
		if !said[t.part()] {
			said[t.part()] = true
			out = append(out, t)
		}
		ended = ended || t.Name == "all" || t.Name == "redirect"
	}
	if !ended {
		out = append(out, Term{Qualifier: '?', Name: "all"})
	}
	return out
}

// runs sorts the mechanisms that have one qualifier and stand side by side: their
// order makes no difference to whom they let in. Modifiers may stand anywhere.
func runs(r Record) Record {
	out := slices.Clone(r)
	slices.SortStableFunc(out, func(a, b Term) int { return cmp.Compare(a.place(), b.place()) })
	for i := 0; i < len(out); {
		j := i
		for j < len(out) && out[j].Qualifier == out[i].Qualifier && out[j].place() == out[i].place() {
			j++
		}
		slices.SortFunc(out[i:j], func(a, b Term) int { return strings.Compare(a.String(), b.String()) })
		i = j
	}
	return out
}

func (t Term) place() int {
	switch {
	case t.Modifier():
		return 2
	case t.Name == "all":
		return 1
	}
	return 0
}

func (r Record) terms() string { return strings.TrimPrefix(r.String(), "v=spf1 ") }
