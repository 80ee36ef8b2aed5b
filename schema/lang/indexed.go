package lang

import (
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/mailrelay/mailrelay/schema"
)

// instanceOf gives the address that expr refers to if it is TYPE.NAME[each.key], or
// has something else of each in the brackets, and nothing is wrong with it: a short
// way, for what ties the instances of one block to those of another.
func (s *scope) instanceOf(to schema.RefKind, expr hclsyntax.Expression) (cty.Value, bool) {
	index, ok := expr.(*hclsyntax.IndexExpr)
	if !ok {
		return cty.NilVal, false
	}
	all, ok := index.Collection.(*hclsyntax.ScopeTraversalExpr)
	if !ok || len(all.Traversal) != 2 || all.Traversal.RootName() != to.To {
		return cty.NilVal, false
	}
	name, _ := attrStep(all.Traversal, 1)
	block := s.graph.nodes[to.To+"."+name]
	key, ok := s.each.read(index.Key)
	if !ok || block == nil || block.broken || key.Type() != cty.String || !key.IsKnown() || key.IsNull() {
		return cty.NilVal, false
	}
	view, ok := s.views.at[schema.Addr{Type: to.To, Name: name, Key: key.AsString()}]
	if !ok {
		return cty.NilVal, false
	}
	return view.GetAttr("address"), true
}
