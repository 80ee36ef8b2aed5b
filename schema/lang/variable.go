package lang

import (
	"fmt"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/ext/typeexpr"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"

	"github.com/mailrelay/mailrelay/schema"
)

// variable is the declaration of a variable, and its value once assigned.
type variable struct {
	name     string
	typ      cty.Type
	optional *typeexpr.Defaults // of optional object attributes; nil without any
	value    cty.Value          // NilVal until it is known
	faulty   bool               // its declaration is wrong: its value is not known
}

// variable enters the declaration of a variable with its default.
func (d declared) variable(b *hclsyntax.Block) hcl.Diagnostics {
	name, diags := blockName(b, false)
	if diags.HasErrors() {
		return diags
	}
	v := &variable{name: name, typ: cty.DynamicPseudoType}
	attrs := b.Body.Attributes
	if a := attrs["type"]; a != nil {
		var more hcl.Diagnostics
		v.typ, v.optional, more = typeexpr.TypeConstraintWithDefaults(a.Expr)
		diags = append(diags, more...)
		if more.HasErrors() {
			v.typ, v.faulty = cty.DynamicPseudoType, true
		}
	}
	if a := attrs["description"]; a != nil {
		text, more := a.Expr.Value(nil)
		diags = append(diags, more...)
		if !more.HasErrors() && (text.IsNull() || text.Type() != cty.String) {
			diags = append(diags, failure(a.Expr.Range(), "Invalid description", "The description of a variable is a string in quotes."))
		}
	}
	if a := attrs["default"]; a != nil && !v.faulty {
		value, more := a.Expr.Value(nil)
		if !more.HasErrors() {
			more = v.set(value, a.Expr.Range())
		}
		v.faulty = more.HasErrors()
		diags = append(diags, more...)
	}
	diags = append(diags, variableExtras(b)...)
	return append(diags, d.add(&node{name: "var." + name, decl: b.DefRange(), variable: v})...)
}

// set assigns a value that was written at a place.
func (v *variable) set(value cty.Value, at hcl.Range) hcl.Diagnostics {
	if v.optional != nil && !value.IsNull() {
		value = v.optional.Apply(value)
	}
	out, err := convert.Convert(value, v.typ)
	if err != nil {
		return hcl.Diagnostics{failure(at, "Invalid value for variable",
			fmt.Sprintf("This value does not fit the type of var.%s: %s. Write a value of the type %s.", v.name, err, typeexpr.TypeString(v.typ)))}
	}
	if !out.IsWhollyKnown() {
		return hcl.Diagnostics{failure(at, "Invalid value for variable", fmt.Sprintf("The value of var.%s is not known here.", v.name))}
	}
	v.value = out
	return nil
}

// variableExtras finds what may not stand in the declaration of a variable.
func variableExtras(b *hclsyntax.Block) hcl.Diagnostics {
	known := []string{"type", "default", "description"}
	var diags hcl.Diagnostics
	for _, a := range inOrder(b.Body.Attributes) {
		switch a.Name {
		case "type", "default", "description":
		case "sensitive":
			diags = append(diags, failure(a.NameRange, "Unsupported argument",
				"Variables hold no secrets here. Write secret_file(\"/path\") or secret_env(\"NAME\") where an argument takes a secret."))
		default:
			diags = append(diags, failure(a.NameRange, "Unsupported argument",
				fmt.Sprintf("An argument named %q is not expected in a variable%s", a.Name, orList(schema.DidYouMean(a.Name, known), known))))
		}
	}
	for _, inner := range b.Body.Blocks {
		if inner.Type == "validation" {
			diags = append(diags, failure(inner.DefRange(), "validation is not in this version", later("validation")))
			continue
		}
		diags = append(diags, failure(inner.TypeRange, "Unsupported block type",
			fmt.Sprintf("Blocks of type %q are not expected in a variable%s", inner.Type, orList("", known))))
	}
	return diags
}
