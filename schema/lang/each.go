package lang

import (
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// each is an element of for_each. The zero each is none.
type each struct {
	key, value cty.Value
	variables  map[string]cty.Value // what expressions see of it
}

func newEach(key, value cty.Value) each {
	return each{key, value, map[string]cty.Value{"each": cty.ObjectVal(map[string]cty.Value{"key": key, "value": value})}}
}

// read gives what expr evaluates to if it is each.key, each.value or each.value.NAME
// and nothing is wrong with it: a short way, for what stands in most attributes.
func (e each) read(expr hclsyntax.Expression) (cty.Value, bool) {
	ref, ok := expr.(*hclsyntax.ScopeTraversalExpr)
	if !ok || e.key == cty.NilVal || ref.Traversal.RootName() != "each" || len(ref.Traversal) > 3 {
		return cty.NilVal, false
	}
	step, _ := attrStep(ref.Traversal, 1)
	switch {
	case step == "key" && len(ref.Traversal) == 2:
		return e.key, true
	case step != "value":
		return cty.NilVal, false
	case len(ref.Traversal) == 2:
		return e.value, true
	}
	name, ok := ref.Traversal[2].(hcl.TraverseAttr)
	if !ok || !e.value.Type().IsObjectType() || !e.value.IsKnown() || e.value.IsNull() || !e.value.Type().HasAttribute(name.Name) {
		return cty.NilVal, false
	}
	return e.value.GetAttr(name.Name), true
}
