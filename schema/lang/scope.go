package lang

import (
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/mailrelay/mailrelay/schema"
)

// scope is the evaluation of one instance of a block.
type scope struct {
	ctx     *hcl.EvalContext
	each    each
	views   *views
	graph   *graph
	meter   *meter
	node    *node
	found   []evaluated
	pointed []pointed
	failed  bool  // the block cannot be made
	fixed   int64 // what was spent on what does not vary
	diags   hcl.Diagnostics
}

// evaluated is an attribute with its value, which has the type of its Kind but
// was not checked yet.
type evaluated struct {
	attribute
	value cty.Value
}

// values evaluates b into values of the types of its description, in its order.
// Unless all is wanted, those that do not vary are left as the zero Value.
func (s *scope) values(b *body, all bool) []cty.Value {
	var out []cty.Value
	if all {
		out = b.desc.Nulls()
	} else {
		out = make([]cty.Value, len(b.desc.Attrs)+len(b.desc.Blocks))
	}
	for _, a := range b.attrs {
		if !all && !a.varies {
			continue
		}
		before := s.meter.left
		v, ok := s.attr(a)
		if !a.varies {
			s.fixed += before - s.meter.left
		}
		if !ok {
			s.failed = true
			continue
		}
		s.found = append(s.found, evaluated{a, v})
		out[a.at] = v
	}
	labelled := map[int]map[string]cty.Value{}
	for _, n := range b.nested {
		if !all && !n.varies {
			continue
		}
		v := n.body.desc.Join(s.values(n.body, true))
		switch {
		case n.desc.Label != nil:
			if labelled[n.at] == nil {
				labelled[n.at] = map[string]cty.Value{}
			}
			labelled[n.at][n.label] = v
		case n.desc.Variants != nil:
			out[n.at] = variantObject(n, v)
		default:
			out[n.at] = v
		}
	}
	for at, blocks := range labelled {
		out[at] = cty.MapVal(blocks)
	}
	return out
}

// variantObject is the object of all variants, of which one was written.
func variantObject(n nested, v cty.Value) cty.Value {
	out := map[string]cty.Value{}
	for name, ty := range n.desc.Type().AttributeTypes() {
		out[name] = cty.NullVal(ty)
	}
	out[n.label] = v
	return cty.ObjectVal(out)
}

// attr evaluates a and converts it. It is false where that failed, with a
// diagnostic unless the mistake is elsewhere and was reported there.
func (s *scope) attr(a attribute) (cty.Value, bool) {
	if s.node.bad[a.src] {
		return cty.NilVal, false
	}
	if orders(a.desc.Kind) {
		return s.order(a)
	}
	ref, isRef := a.desc.Kind.(schema.RefKind)
	expr := a.src.Expr
	if isRef {
		expr = chosen(expr, s.ctx)
		if a, ok := s.instanceOf(ref, expr); ok {
			return a, true
		}
	}
	v, ok := s.each.read(expr)
	if !ok {
		var diags hcl.Diagnostics
		v, diags = s.meter.value(expr, s.ctx)
		s.diags = append(s.diags, diags...)
		if diags.HasErrors() {
			return cty.NilVal, false
		}
	}
	if isRef {
		return s.reference(ref, v, expr)
	}
	if ref, ok := schema.Elem(a.desc.Kind).(schema.RefKind); ok {
		return s.references(a.desc.Kind, ref, v, a.src.Expr)
	}
	if !v.IsWhollyKnown() {
		return cty.NilVal, false
	}
	out, err := schema.Convert(a.desc.Kind, v)
	if err != nil {
		s.mismatch(a, v, err)
		return cty.NilVal, false
	}
	return out, true
}

// chosen is the branch of a condition that is taken. A condition evaluated as a
// whole has one type, and of two stages only the reference is alike.
func chosen(expr hclsyntax.Expression, ctx *hcl.EvalContext) hclsyntax.Expression {
	for {
		switch e := expr.(type) {
		case *hclsyntax.ParenthesesExpr:
			expr = e.Expression
			continue
		case *hclsyntax.ConditionalExpr:
			c, diags := e.Condition.Value(ctx)
			if diags.HasErrors() || c.Type() != cty.Bool || !c.IsKnown() || c.IsNull() {
				return e // evaluation says what is wrong with it
			}
			expr = e.FalseResult
			if c.True() {
				expr = e.TrueResult
			}
			continue
		}
		return expr
	}
}

// report adds a diagnostic about an expression. Under for_each it shows for which
// key, where the expression depends on it.
func (s *scope) report(expr hcl.Expression, summary, detail string) {
	d := failure(expr.Range(), summary, detail)
	for _, t := range expr.Variables() {
		if s.node.block.forEach != nil && t.RootName() == "each" {
			d.Expression, d.EvalContext = expr, s.ctx
		}
	}
	s.diags = append(s.diags, d)
}
