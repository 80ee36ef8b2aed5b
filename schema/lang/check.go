package lang

import (
	"fmt"
	"slices"

	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/mailrelay/mailrelay/schema"
)

// check reports every attribute whose value its Kind refuses. It is the slow and
// thorough way, taken once schema refused the block as a whole.
func (s *scope) check() {
	for _, f := range s.found {
		if f.value.IsNull() {
			if f.desc.Required {
				s.report(f.src.Expr, "Missing required argument", fmt.Sprintf("The argument %q is required, and this is null. It takes %s.", f.desc.Name, f.desc.Kind.What()))
			}
			continue
		}
		if _, err := f.desc.Kind.Canon(f.value); err != nil {
			s.refused(f, err)
		}
	}
}

// refused reports the error of a Kind at the elements at fault, or else at the
// whole expression.
func (s *scope) refused(f evaluated, err error) {
	before := len(s.diags)
	if elem := schema.Elem(f.desc.Kind); elem != nil {
		s.elements(f, elem)
	}
	if len(s.diags) == before {
		s.report(f.src.Expr, "Invalid value", ended(f.desc.Name+": "+err.Error()))
	}
}

// elements reports each element of a list or map literal that elem refuses.
func (s *scope) elements(f evaluated, elem schema.Kind) {
	for _, e := range literals(f.src.Expr) {
		v, diags := e.Value(s.ctx)
		if diags.HasErrors() || !v.IsWhollyKnown() {
			continue
		}
		if v.IsNull() {
			s.report(e, "Invalid value", fmt.Sprintf("%s: null is not allowed here. Write %s, or leave it out.", f.desc.Name, elem.What()))
			continue
		}
		cv, err := schema.Convert(elem, v)
		if err != nil && v.Type().Equals(schema.SecretType()) {
			s.report(e, "Invalid value", fmt.Sprintf("%s takes no secret. %s", f.desc.Name, noSecret))
			continue
		}
		if err != nil {
			s.report(e, "Invalid value", fmt.Sprintf("%s: each element is %s, and this is %s.", f.desc.Name, elem.What(), article(v.Type())))
			continue
		}
		if _, err := elem.Canon(cv); err != nil {
			s.report(e, "Invalid value", ended(f.desc.Name+": "+err.Error()))
		}
	}
}

// literals are the elements of a list or map that was written out.
func literals(expr hclsyntax.Expression) []hclsyntax.Expression {
	switch e := expr.(type) {
	case *hclsyntax.TupleConsExpr:
		return e.Exprs
	case *hclsyntax.ObjectConsExpr:
		var out []hclsyntax.Expression
		for _, item := range e.Items {
			out = append(out, item.ValueExpr)
		}
		return out
	}
	return nil
}

// noSecret says why a secret is refused.
const noSecret = "A secret may stand only where an argument takes one, because whatever stands elsewhere is shown in plans."

// mismatch reports a value of the wrong type.
func (s *scope) mismatch(a attribute, v cty.Value, err error) {
	const summary = "Incorrect attribute value type"
	switch {
	case v.Type().Equals(schema.SecretType()):
		s.report(a.src.Expr, summary, fmt.Sprintf("%s takes no secret. %s", a.desc.Name, noSecret))
		return
	case s.whole(v) != "":
		s.report(a.src.Expr, summary, fmt.Sprintf("%s is a whole block, and %s takes %s. Add the attribute that is meant, like %s.%s.", address(v), a.desc.Name, a.desc.Kind.What(), address(v), s.whole(v)))
		return
	}
	elem := schema.Elem(a.desc.Kind)
	before := len(s.diags)
	if elem != nil {
		s.elements(evaluated{a, v}, elem)
	}
	switch ty := v.Type(); {
	case len(s.diags) > before:
	case a.desc.Kind.Type().Equals(schema.SecretType()):
		s.report(a.src.Expr, summary, fmt.Sprintf("%s takes %s, and never the secret itself.", a.desc.Name, a.desc.Kind.What()))
	case elem != nil && ty.IsPrimitiveType() && !a.desc.Kind.Type().IsMapType():
		s.report(a.src.Expr, summary, fmt.Sprintf("%s takes %s, and this is %s. Put it into brackets: [ … ].", a.desc.Name, a.desc.Kind.What(), article(ty)))
	case elem != nil && (ty.IsTupleType() || ty.IsListType() || ty.IsSetType()):
		s.report(a.src.Expr, summary, ended(a.desc.Name+": "+err.Error()))
	default:
		s.report(a.src.Expr, summary, fmt.Sprintf("%s takes %s, and this is %s.", a.desc.Name, a.desc.Kind.What(), article(ty)))
	}
}

// whole is the first attribute of the block of which v is the view, and empty if
// it is none.
func (s *scope) whole(v cty.Value) string {
	a, ok := s.views.blockOf(v)
	if !ok {
		return ""
	}
	t := schema.TypeNamed(s.views.types, a.Type)
	i := slices.IndexFunc(t.Body.Attrs, func(a schema.Attr) bool { return readable(t, a) })
	return t.Body.Attrs[i].Name
}

// canonString is the canonical form of a string of kind k.
func canonString(k schema.Kind, text string) (string, error) {
	v, err := k.Canon(cty.StringVal(text))
	if err != nil {
		return "", err
	}
	return v.AsString(), nil
}
