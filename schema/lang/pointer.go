package lang

import (
	"fmt"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/mailrelay/mailrelay/schema"
)

// pointer is an expression that names a block and does not ask for its value:
// in after, requires and moved. It is no edge of the graph.
type pointer struct {
	node *node
	key  hclsyntax.Expression // nil: the block as a whole
	at   hcl.Range
}

// addr is what p points at. It is false if the key is not known because of
// another mistake.
func (p pointer) addr(ctx *hcl.EvalContext) (schema.Addr, hcl.Diagnostics, bool) {
	a := schema.Addr{Type: p.node.block.typ.Name, Name: p.node.block.label}
	if p.key == nil {
		return a, nil, true
	}
	key, diags := value(p.key, ctx)
	switch {
	case diags.HasErrors(), !key.IsKnown():
		return a, diags, false
	case keyText(key) == "":
		return a, append(diags, failure(p.at, "Invalid reference", fmt.Sprintf("The key of an instance is a string: write %s[\"KEY\"].", p.node.name))), false
	}
	a.Key = keyText(key)
	return a, diags, true
}

// keyText is the key of an instance; empty if it can be none.
func keyText(key cty.Value) string {
	if !key.IsKnown() || key.IsNull() || key.Type() != cty.String {
		return ""
	}
	return key.AsString()
}

// blockPath is an expression type.name or type.name[key] taken apart.
type blockPath struct {
	names hcl.Traversal
	key   hclsyntax.Expression // nil without one
	rest  bool                 // something follows
}

// pathOf takes expr apart, the name having the given number of steps. It is false
// if expr is anything else.
func pathOf(expr hclsyntax.Expression, steps func(root string) int) (blockPath, bool) {
	switch e := expr.(type) {
	case *hclsyntax.ParenthesesExpr:
		return pathOf(e.Expression, steps)
	case *hclsyntax.RelativeTraversalExpr:
		p, ok := pathOf(e.Source, steps)
		p.rest = true
		return p, ok
	case *hclsyntax.IndexExpr:
		p, ok := pathOf(e.Collection, steps)
		if p.key != nil || len(p.names) < steps(p.names.RootName()) {
			p.rest = true
		} else {
			p.key = e.Key
		}
		return p, ok
	case *hclsyntax.ScopeTraversalExpr:
		n := steps(e.Traversal.RootName())
		p := blockPath{names: e.Traversal[:min(n, len(e.Traversal))]}
		rest := e.Traversal[len(p.names):]
		if len(rest) > 0 {
			if index, ok := rest[0].(hcl.TraverseIndex); ok {
				p.key = &hclsyntax.LiteralValueExpr{Val: index.Key, SrcRange: index.SrcRange}
				rest = rest[1:]
			}
		}
		p.rest = len(rest) > 0
		return p, true
	}
	return blockPath{}, false
}

// point finds the block that expr names, to order: as attribute name of a block.
// It gives nil and no diagnostic for null.
func (g *graph) point(expr hclsyntax.Expression, kind schema.OrderKind, name string, types []*schema.Type) (*pointer, *hcl.Diagnostic) {
	if lit, ok := expr.(*hclsyntax.LiteralValueExpr); ok && lit.Val.IsNull() {
		return nil, nil
	}
	p, ok := pathOf(expr, func(root string) int { return steps(schema.TypeNamed(types, root)) })
	if !ok {
		return nil, failure(expr.Range(), "Invalid reference", fmt.Sprintf("%s orders and takes no value, so nothing is computed in it: write %s, without quotes, functions or conditions.", name, kind.What()))
	}
	if p.names.RootName() == "each" {
		return nil, failure(expr.Range(), "Invalid reference", fmt.Sprintf("%s takes %s, and each is a value. It may stand in the key: record.NAME[each.key].", name, kind.What()))
	}
	n, d := g.named(p.names, types)
	switch {
	case d != nil:
		return nil, d
	case n.block == nil:
		return nil, failure(expr.Range(), "Invalid reference", fmt.Sprintf("%s is a value, and %s takes %s.", n.name, name, kind.What()))
	case p.rest:
		return nil, failure(expr.Range(), "Invalid reference", fmt.Sprintf("%s takes whole blocks, and not an attribute or a part of one: write %s.", name, n.name))
	case kind.To != "" && n.block.typ.Name != kind.To:
		return nil, failure(expr.Range(), "Invalid reference", fmt.Sprintf("%s is %s, and %s takes %s.", n.name, a(n.block.typ.Name), name, kind.What()))
	case kind.To == "" && n.block.typ.Name == "stage":
		return nil, failure(expr.Range(), "Invalid reference", fmt.Sprintf("%s is a stage, and stages follow each other: write after = %s.", n.name, n.name))
	case p.key != nil && n.block.forEach == nil:
		return nil, failure(expr.Range(), "Invalid reference", fmt.Sprintf("%s has no for_each, so there is one of it and it has no keys: write %s.", n.name, n.name))
	}
	return &pointer{node: n, key: p.key, at: expr.Range()}, nil
}
