package lang

import (
	"fmt"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/mailrelay/mailrelay/schema"
)

// pointers reads those attributes of n that order. Their keys are expressions
// like any other.
func (g *graph) pointers(n *node, types []*schema.Type) hcl.Diagnostics {
	var diags hcl.Diagnostics
	each := n.block.forEach != nil
	for _, attr := range n.block.body.attrs {
		if !orders(attr.desc.Kind) {
			continue
		}
		kind, exprs := attr.desc.Kind, []hclsyntax.Expression{attr.src.Expr}
		if elem := schema.Elem(kind); elem != nil {
			kind, exprs = elem, literals(attr.src.Expr)
			if _, list := attr.src.Expr.(*hclsyntax.TupleConsExpr); !list {
				diags = append(diags, failure(attr.src.Expr.Range(), "Invalid reference", fmt.Sprintf("%s orders and takes no value, so its list is written out: %s = [expect.NAME].", attr.desc.Name, attr.desc.Name)))
				n.bad[attr.src] = true
				continue
			}
		}
		for _, expr := range exprs {
			p, d := g.point(expr, kind.(schema.OrderKind), attr.desc.Name, types)
			if d != nil {
				diags = append(diags, d)
				n.bad[attr.src] = true
			}
			if p == nil {
				continue
			}
			if p.key != nil {
				diags = append(diags, g.refer(n, attr.src, p.key, each, types)...)
			}
			n.points[attr.src] = append(n.points[attr.src], *p)
		}
	}
	return diags
}

// order gives the addresses that the attribute a points at, in the form of its
// kind.
func (s *scope) order(a attribute) (cty.Value, bool) {
	var out []cty.Value
	whole := true
	for _, p := range s.node.points[a.src] {
		to, diags, ok := p.addr(s.ctx)
		s.diags = append(s.diags, diags...)
		whole = whole && ok
		if ok && to.Key != "" {
			s.pointed = append(s.pointed, pointed{p, to})
		}
		out = append(out, cty.StringVal(to.String()))
	}
	switch {
	case !whole:
		return cty.NilVal, false
	case !a.desc.Kind.Type().IsListType() && len(out) == 0:
		return cty.NullVal(cty.String), true
	case !a.desc.Kind.Type().IsListType():
		return out[0], true
	case len(out) == 0:
		return cty.ListValEmpty(cty.String), true
	}
	return cty.ListVal(out), true
}

// pointed is an instance that was pointed at before it was known to exist.
type pointed struct {
	pointer
	to schema.Addr
}

// missing reports the instances among those pointed at that do not exist. Blocks
// of which some instance could not be made are passed over.
func missing(all []pointed, blocks []schema.Block) hcl.Diagnostics {
	keys := map[*node]map[string]bool{}
	var diags hcl.Diagnostics
	for _, p := range all {
		if p.node.broken {
			continue
		}
		if keys[p.node] == nil {
			keys[p.node] = instanceKeys(p.node, blocks)
		}
		if !keys[p.node][p.to.Key] {
			diags = append(diags, noInstance(p.at, p.node, p.to.Key, keys[p.node]))
		}
	}
	return diags
}

// instanceKeys are the keys under which n has instances among blocks.
func instanceKeys(n *node, blocks []schema.Block) map[string]bool {
	keys := map[string]bool{}
	for _, b := range blocks {
		if a := b.Addr(); a.Type == n.block.typ.Name && a.Name == n.block.label {
			keys[a.Key] = true
		}
	}
	return keys
}

func noInstance(at hcl.Range, n *node, key string, keys map[string]bool) *hcl.Diagnostic {
	var known []string
	for k := range keys {
		known = append(known, k)
	}
	slices.Sort(known)
	near := schema.DidYouMean(key, known)
	if near == "" && len(known) > 20 {
		near = fmt.Sprintf(". It has %d, like %q.", len(known), known[0])
	}
	return failure(at, "Reference to undeclared instance", fmt.Sprintf("%s has no instance %q%s", n.name, key, orList(near, known)))
}
