package schema

import (
	"slices"
	"strings"
)

// stages finds stages that wait for each other, or for what is not there. Only a
// configuration that was read back from a revision can hold the latter.
func (v *validation) stages() {
	all := All[*Stage](v.config)
	known := map[Addr]bool{}
	if len(all) > 0 {
		for _, b := range v.config.Blocks {
			known[b.Addr()] = true
			known[b.Addr().whole()] = true
		}
	}
	reported := map[Addr]bool{}
	for _, s := range all {
		for i, a := range s.Order() {
			if known[a] {
				continue
			}
			attr := "requires"
			if i == len(s.Requires) {
				attr = "after"
			}
			v.report(s, attr, "Reference to undeclared "+a.Type, "%s names %s, and there is no such block. Declare it, or take the reference away.", s.Addr(), a)
		}
		if s.After.IsZero() && s.Hold > 0 {
			v.report(s, "hold", "Hold without a stage before", "hold counts from when the stage before was applied, and %s comes after none. Write after = stage.NAME, or leave hold out.", s.Addr())
		}
		if ring := v.ring(s); ring != nil && !slices.ContainsFunc(ring, func(a Addr) bool { return reported[a] }) {
			var names []string
			for _, a := range append(ring, ring[0]) {
				reported[a] = true
				names = append(names, a.String())
			}
			v.report(s, "after", "Ring of stages", "These stages come after each other in a ring, so none of them can be entered: %s. Take after out of the one that is the first.", strings.Join(names, " -> "))
		}
	}
}

// ring gives the stages that lead from s back to it, beginning with s; nil if
// none do.
func (v *validation) ring(s *Stage) []Addr {
	ring := []Addr{s.Addr()}
	for at := s; ; {
		next := At[*Stage](v.config, at.After)
		switch {
		case !at.After.IsZero() && (at.After == s.Addr() || at.After == s.Addr().whole()):
			return ring
		case next == nil || slices.Contains(ring, next.Addr()):
			return nil
		}
		ring = append(ring, next.Addr())
		at = next
	}
}

// whole is the address of the block of which a is an instance or a part.
func (a Addr) whole() Addr { return Addr{Type: a.Type, Name: a.Name} }
