package reach

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/mailrelay/mailrelay/schema/decide"
)

// names are the domain names that either configuration tells from others. They cut
// all domains into classes: each name for itself, what is below a name that stands
// behind *., and what is elsewhere. No rule tells two domains of a class apart.
type names struct {
	all   []name // a name stands behind what it is below
	index map[string]int
	fresh string // a label that no name has
}

type name struct {
	text  string
	wild  bool // some rule is for all below
	above int  // the nearest wild name that it is below; -1: none
}

// newNames collects the names of the address spaces of both policies, and more.
func newNames(policies []*decide.Policy, more ...string) *names {
	wild := map[string]bool{}
	for _, p := range policies {
		for space := range p.Spaces() {
			if rest, ok := strings.CutPrefix(space, "*."); ok {
				wild[rest] = true
			} else if space != "*" && !wild[space] {
				wild[space] = false
			}
		}
		for m := range p.Listed() {
			more = append(more, m.Domain)
		}
	}
	for _, m := range more {
		if m != "" && !wild[m] {
			wild[m] = false
		}
	}
	return arrange(wild)
}

// arrange sorts names, of which wild says whether all below is told apart too.
func arrange(wild map[string]bool) *names {
	n := &names{index: make(map[string]int, len(wild)), fresh: "stranger"}
	labels := map[string]bool{}
	type reversed struct {
		labels []string
		name   string
	}
	var sorted []reversed
	for text := range wild {
		l := strings.Split(text, ".")
		for _, label := range l {
			labels[label] = true
		}
		slices.Reverse(l)
		sorted = append(sorted, reversed{l, text})
	}
	slices.SortFunc(sorted, func(a, b reversed) int { return cmp.Or(slices.Compare(a.labels, b.labels)) })
	for i := 1; labels[n.fresh]; i++ {
		n.fresh = fmt.Sprintf("stranger%d", i)
	}
	for i, r := range sorted {
		n.index[r.name] = i
		n.all = append(n.all, name{text: r.name, wild: wild[r.name], above: n.under(r.name)})
	}
	return n
}

// under finds the nearest wild name that domain is below; -1: none.
func (n *names) under(domain string) int {
	for _, rest, ok := strings.Cut(domain, "."); ok; _, rest, ok = strings.Cut(rest, ".") {
		if i, found := n.index[rest]; found && n.all[i].wild {
			return i
		}
	}
	return -1
}

// below is a domain of the class below the name i; -1: elsewhere.
func (n *names) below(i int) string {
	if i < 0 {
		return n.fresh
	}
	return n.fresh + "." + n.all[i].text
}
