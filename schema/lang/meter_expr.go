package lang

import (
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// metered is an expression that spends what it evaluates to. It is a pair of
// parentheses to whoever walks through the syntax, so that references in it are
// found.
type metered struct {
	*hclsyntax.ParenthesesExpr
	meter   *meter
	deep    bool  // spend the elements too
	extra   int64 // what is spent besides, in bytes
	uniform bool  // give it as uniform does
}

// Value evaluates the expression inside.
func (e *metered) Value(ctx *hcl.EvalContext) (cty.Value, hcl.Diagnostics) {
	if e.meter.over() {
		return cty.DynamicVal, hcl.Diagnostics{e.meter.beyond(e.Range(), tooMuch{e.meter.budget})}
	}
	if err := e.meter.spend(e.extra); err != nil {
		return cty.DynamicVal, hcl.Diagnostics{e.meter.beyond(e.Range(), err)}
	}
	v, diags := e.Expression.Value(ctx)
	if diags.HasErrors() {
		return v, diags
	}
	spend := e.meter.one
	if e.deep {
		spend = e.meter.all
	}
	if err := spend(v); err != nil {
		return cty.DynamicVal, append(diags, e.meter.beyond(e.Range(), err))
	}
	if e.uniform {
		v = uniform(v)
	}
	return v, diags
}

// UnwrapExpression lets hcl look at the expression inside: variables have types
// that are written as calls.
func (e *metered) UnwrapExpression() hcl.Expression { return e.Expression }

// attach makes the expressions of a body spend.
func (m *meter) attach(body *hclsyntax.Body) {
	for _, a := range body.Attributes {
		a.Expr = m.expr(a.Expr)
	}
	for _, b := range body.Blocks {
		m.attach(b.Body)
	}
}

// expr makes those parts of e spend that can make more than they were given: what
// is evaluated once an element, what becomes part of a text, what a function is
// called with, and arithmetic. It changes e and gives it back, or gives what
// stands in its place.
func (m *meter) expr(e hclsyntax.Expression) hclsyntax.Expression {
	switch e := e.(type) {
	case *hclsyntax.ForExpr:
		e.CollExpr = m.expr(e.CollExpr)
		e.KeyExpr = m.wrap(e.KeyExpr, false)
		e.ValExpr = m.around(m.expr(e.ValExpr), false, stepCost)
		if e.CondExpr != nil {
			e.CondExpr = m.around(m.expr(e.CondExpr), false, stepCost)
		}
	case *hclsyntax.TemplateExpr:
		for i, part := range e.Parts {
			e.Parts[i] = m.wrap(part, false)
		}
	case *hclsyntax.FunctionCallExpr:
		for i, arg := range e.Args {
			e.Args[i] = m.wrap(arg, true)
			if arg, ok := e.Args[i].(*metered); ok {
				arg.uniform = unifies(e.Name)
			}
		}
	case *hclsyntax.BinaryOpExpr:
		e.LHS, e.RHS = m.expr(e.LHS), m.expr(e.RHS)
		return m.around(e, false, 0)
	case *hclsyntax.UnaryOpExpr:
		e.Val = m.expr(e.Val)
	case *hclsyntax.ConditionalExpr:
		e.Condition, e.TrueResult, e.FalseResult = m.expr(e.Condition), m.expr(e.TrueResult), m.expr(e.FalseResult)
	case *hclsyntax.ParenthesesExpr:
		e.Expression = m.expr(e.Expression)
	case *hclsyntax.TupleConsExpr:
		for i, x := range e.Exprs {
			e.Exprs[i] = m.expr(x)
		}
	case *hclsyntax.ObjectConsExpr:
		for i, item := range e.Items {
			e.Items[i] = hclsyntax.ObjectConsItem{KeyExpr: m.expr(item.KeyExpr), ValueExpr: m.expr(item.ValueExpr)}
		}
	case *hclsyntax.ObjectConsKeyExpr:
		e.Wrapped = m.expr(e.Wrapped)
	case *hclsyntax.IndexExpr:
		e.Collection, e.Key = m.expr(e.Collection), m.expr(e.Key)
	case *hclsyntax.SplatExpr:
		e.Source, e.Each = m.expr(e.Source), m.expr(e.Each)
	case *hclsyntax.RelativeTraversalExpr:
		e.Source = m.expr(e.Source)
	case *hclsyntax.TemplateJoinExpr:
		e.Tuple = m.expr(e.Tuple)
	case *hclsyntax.TemplateWrapExpr:
		e.Wrapped = m.expr(e.Wrapped)
	}
	return e
}

// wrap makes e itself spend, and parts of it as expr does. Literals are as long as
// their source, and references lead to what was paid for.
func (m *meter) wrap(e hclsyntax.Expression, deep bool) hclsyntax.Expression {
	switch e.(type) {
	case nil:
		return nil
	case *hclsyntax.LiteralValueExpr:
		return e
	case *hclsyntax.ScopeTraversalExpr:
		deep = false
	}
	e = m.expr(e)
	if done, ok := e.(*metered); ok {
		done.deep = deep
		return done
	}
	return m.around(e, deep, 0)
}

func (m *meter) around(e hclsyntax.Expression, deep bool, extra int64) *metered {
	return &metered{&hclsyntax.ParenthesesExpr{Expression: e, SrcRange: e.Range()}, m, deep, extra, false}
}
