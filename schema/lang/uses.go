package lang

import (
	"slices"

	"github.com/mailrelay/mailrelay/schema"
)

// uses says which blocks the expressions of each block take values from, local
// values seen through. Addresses are without keys: they stand for every instance.
func (g *graph) uses() map[schema.Addr][]schema.Addr {
	out := map[schema.Addr][]schema.Addr{}
	for _, n := range g.sorted {
		if n.block == nil {
			continue
		}
		from, err := schema.ParseAddr(n.name)
		if err != nil {
			continue // a block that is known by a mistake alone
		}
		seen := map[*node]bool{n: true}
		var visit func(n *node)
		visit = func(n *node) {
			for _, m := range n.needs {
				if seen[m] {
					continue
				}
				seen[m] = true
				if m.block == nil {
					visit(m)
				} else if to, err := schema.ParseAddr(m.name); err == nil {
					out[from] = append(out[from], to)
				}
			}
		}
		visit(n)
		slices.SortFunc(out[from], schema.Addr.Compare)
	}
	return out
}
