package lang

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/mailrelay/mailrelay/schema"
)

// reference gives the address in v, which must be the view of a block.
func (s *scope) reference(to schema.RefKind, v cty.Value, expr hclsyntax.Expression) (cty.Value, bool) {
	if !v.IsKnown() {
		return cty.NilVal, false
	}
	if v.IsNull() {
		return cty.NullVal(cty.String), true
	}
	if a, ok := s.views.blockOf(v); ok && a.Type == to.To {
		return v.GetAttr("address"), true
	}
	s.report(expr, "Invalid reference", s.noReference(to, v, expr))
	return cty.NilVal, false
}

// references gives the addresses in v, which must be a list, set or tuple of
// views, as a value of the type of k.
func (s *scope) references(k schema.Kind, to schema.RefKind, v cty.Value, expr hclsyntax.Expression) (cty.Value, bool) {
	ty := v.Type()
	switch {
	case !v.IsKnown():
		return cty.NilVal, false
	case v.IsNull():
		return cty.NullVal(k.Type()), true
	case ty.IsTupleType(), ty.IsListType(), ty.IsSetType():
	default:
		detail := s.noReference(to, v, expr)
		if name, many := s.views.typeNamed(v); name == to.To && !many {
			detail = fmt.Sprintf("A set of references is wanted here: write [%s] in brackets.", address(v))
		} else if name == to.To {
			detail = "This is all instances of a block with for_each, by key, and a set is wanted here: write values(…) around it."
		}
		s.report(expr, "Invalid reference", detail)
		return cty.NilVal, false
	}
	var literal []hclsyntax.Expression
	if tuple, ok := expr.(*hclsyntax.TupleConsExpr); ok {
		literal = tuple.Exprs
	}
	out, whole := []cty.Value{}, true
	for it := v.ElementIterator(); it.Next(); {
		_, ev := it.Element()
		at := expr
		if len(literal) > len(out) {
			at = literal[len(out)]
		}
		if ev.IsNull() {
			s.report(at, "Invalid reference", fmt.Sprintf("An element is null: write %s, or leave it out.", to.What()))
		}
		a, ok := s.reference(to, ev, at)
		whole = whole && ok && !a.IsNull()
		out = append(out, a)
	}
	switch {
	case !whole:
		return cty.NilVal, false
	case len(out) == 0 && k.Type().IsSetType():
		return cty.SetValEmpty(cty.String), true
	case len(out) == 0:
		return cty.ListValEmpty(cty.String), true
	case k.Type().IsSetType():
		return cty.SetVal(out), true
	}
	return cty.ListVal(out), true
}

// noReference says what v, the value of expr, is instead of a reference, and what
// to write.
func (s *scope) noReference(to schema.RefKind, v cty.Value, expr hclsyntax.Expression) string {
	name, many := s.views.typeNamed(v)
	switch {
	case name == to.To && many:
		return fmt.Sprintf("%s has for_each, so there are several. Choose one by its key%s", written(expr, to.To+".NAME"), keyed(v, written(expr, to.To+".NAME")))
	case many:
		return fmt.Sprintf("This is a map of %s blocks, and %s is wanted here%s", name, a(to.To), s.declared(to))
	case name != "":
		return fmt.Sprintf("%s is %s, and %s is wanted here%s", address(v), a(name), a(to.To), s.declared(to))
	case v.Type() != cty.String:
		return fmt.Sprintf("A reference to %s is wanted here, and this is %s: write %s.NAME%s", a(to.To), article(v.Type()), to.To, s.declared(to))
	}
	if t, ok := expr.(*hclsyntax.ScopeTraversalExpr); ok && t.Traversal.RootName() == to.To {
		name, _ := attrStep(t.Traversal, 1)
		return fmt.Sprintf("The whole block is wanted here, not one attribute of it: write %s.%s.", to.To, name)
	}
	text := v.AsString()
	if a, err := schema.ParseAddr(text); err == nil && a.Type == to.To && a.Name != "" {
		text = a.Name
	}
	if slices.Contains(s.graph.names(to.To), text) {
		return fmt.Sprintf("A reference is wanted here, not a string: write %s.%s, without quotes.", to.To, text)
	}
	return fmt.Sprintf("A reference is wanted here, not a string: write %s.NAME, without quotes%s", to.To, s.declared(to))
}

// declared closes a sentence with what a reference could lead to.
func (s *scope) declared(to schema.RefKind) string {
	known := s.graph.names(to.To)
	if len(known) == 0 {
		return fmt.Sprintf(". No %s is declared yet.", to.To)
	}
	if len(known) > 10 {
		return "."
	}
	return fmt.Sprintf(". Declared are: %s.%s.", to.To, strings.Join(known, ", "+to.To+"."))
}

// keyed closes a sentence with an instance in the map v.
func keyed(v cty.Value, name string) string {
	if it := v.ElementIterator(); it.Next() {
		key, _ := it.Element()
		return fmt.Sprintf(", like %s[%q].", name, key.AsString())
	}
	return "; but it has none now."
}

// written is expr as it was written, if it is type.name, and def otherwise.
func written(expr hclsyntax.Expression, def string) string {
	t, ok := expr.(*hclsyntax.ScopeTraversalExpr)
	if !ok || len(t.Traversal) != 2 {
		return def
	}
	name, _ := attrStep(t.Traversal, 1)
	return t.Traversal.RootName() + "." + name
}

// address is the address in a view.
func address(view cty.Value) string {
	if a := view.GetAttr("address"); a.IsKnown() && !a.IsNull() {
		return a.AsString()
	}
	return "This"
}
