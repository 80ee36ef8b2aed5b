package lang

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// graph is what is declared, with who refers to whom.
type graph struct {
	nodes  declared
	sorted []*node // by name, so that whatever is reported has one order
}

func newGraph(d declared) *graph {
	g := &graph{nodes: d}
	for _, name := range slices.Sorted(maps.Keys(d)) {
		g.sorted = append(g.sorted, d[name])
	}
	return g
}

// attributes are those of n whose expressions are evaluated in its scope.
func (n *node) attributes() []*hclsyntax.Attribute {
	switch {
	case n.local != nil:
		return []*hclsyntax.Attribute{n.local}
	case n.block != nil:
		return n.block.body.attributes(nil)
	}
	var out []*hclsyntax.Attribute
	for _, r := range n.rules {
		out = append(out, r.condition, r.message)
	}
	return out
}

func (b *body) attributes(out []*hclsyntax.Attribute) []*hclsyntax.Attribute {
	for _, a := range slices.Concat(b.attrs, b.free) {
		if !orders(a.desc.Kind) {
			out = append(out, a.src)
		}
	}
	for _, n := range b.nested {
		out = n.body.attributes(out)
	}
	return out
}

// order gives the nodes so that each stands behind what it needs. The members of
// a cycle are reported once, with the ring, and marked.
func (g *graph) order() ([]*node, hcl.Diagnostics) {
	var out, path []*node
	var diags hcl.Diagnostics
	done := map[*node]bool{}
	open := map[*node]bool{}
	var visit func(n *node)
	visit = func(n *node) {
		if done[n] {
			return
		}
		if open[n] {
			ring := path[slices.Index(path, n):]
			if !slices.ContainsFunc(ring, func(m *node) bool { return m.ring }) {
				diags = append(diags, cycle(ring))
			}
			for _, m := range ring {
				m.ring = true
			}
			return
		}
		open[n] = true
		path = append(path, n)
		for _, m := range n.needs {
			visit(m)
		}
		path = path[:len(path)-1]
		done[n] = true
		out = append(out, n)
	}
	for _, n := range g.sorted {
		visit(n)
	}
	return out, diags
}

func cycle(ring []*node) *hcl.Diagnostic {
	var names []string
	for _, n := range ring {
		names = append(names, n.name)
	}
	names = append(names, ring[0].name)
	if len(ring) == 1 {
		return failure(ring[0].decl, "Cycle", fmt.Sprintf("%s refers to itself (%s), so it has no value. Write the value here instead of the reference.", names[0], strings.Join(names, " -> ")))
	}
	return failure(ring[0].decl, "Cycle", fmt.Sprintf("These refer to each other in a ring, so none of them has a value: %s. Write a value instead of one of the references, or put what they share into locals.", strings.Join(names, " -> ")))
}
