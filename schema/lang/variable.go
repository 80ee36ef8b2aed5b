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
	at       hcl.Range          // where the value was written
	faulty   bool               // its declaration is wrong: its value is not known
	filled   bool               // null stands for the default (nullable = false)
	def      cty.Value          // the default; NilVal: none
}

// variable enters the declaration of a variable with its default.
func (d declared) variable(b *hclsyntax.Block) hcl.Diagnostics {
	name, diags := label(b)
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
	if a := attrs["nullable"]; a != nil {
		nullable, more := a.Expr.Value(nil)
		diags = append(diags, more...)
		if !more.HasErrors() && (nullable.IsNull() || nullable.Type() != cty.Bool) {
			diags = append(diags, failure(a.Expr.Range(), "Invalid nullable", "nullable is true or false: whether the variable may be null."))
		} else if !more.HasErrors() {
			v.filled = nullable.False()
		}
	}
	if a := attrs["default"]; a != nil && !v.faulty {
		value, more := a.Expr.Value(nil)
		if !more.HasErrors() {
			more = v.set(value, a.Expr.Range())
		}
		v.faulty, v.def = more.HasErrors(), v.value
		diags = append(diags, more...)
	}
	n := &node{name: "var." + name, decl: b.DefRange(), variable: v}
	diags = append(diags, n.variableExtras(b)...)
	return append(diags, d.add(n)...)
}

// set assigns a value that was written at a place.
func (v *variable) set(value cty.Value, at hcl.Range) hcl.Diagnostics {
	if v.optional != nil && !value.IsNull() {
		value = v.optional.Apply(value)
	}
	if value.IsNull() && v.filled {
		if v.def == cty.NilVal {
			return hcl.Diagnostics{failure(at, "Invalid value for variable", fmt.Sprintf("var.%s must not be null (nullable = false), and has no default to take instead. Write a value.", v.name))}
		}
		v.value, v.at = v.def, at
		return nil
	}
	out, err := convert.Convert(value, v.typ)
	if err != nil {
		return hcl.Diagnostics{failure(at, "Invalid value for variable",
			fmt.Sprintf("This value does not fit the type of var.%s: %s. Write a value of the type %s.", v.name, err, typeexpr.TypeString(v.typ)))}
	}
	if !out.IsWhollyKnown() {
		return hcl.Diagnostics{failure(at, "Invalid value for variable", fmt.Sprintf("The value of var.%s is not known here.", v.name))}
	}
	v.value, v.at = out, at
	return nil
}

// variableExtras reads the validation blocks in the declaration of a variable,
// and finds what may not stand there.
func (n *node) variableExtras(b *hclsyntax.Block) hcl.Diagnostics {
	known := []string{"type", "default", "description", "nullable", "validation"}
	var diags hcl.Diagnostics
	for _, a := range inOrder(b.Body.Attributes) {
		switch a.Name {
		case "type", "default", "description", "nullable":
		case "sensitive":
			diags = append(diags, failure(a.NameRange, "Unsupported argument",
				"Variables hold no secrets: secrets are references. Take the argument out, and write secret_file(\"/path\") or secret_env(\"NAME\") where an argument takes a secret."))
		default:
			diags = append(diags, failure(a.NameRange, "Unsupported argument",
				fmt.Sprintf("An argument named %q is not expected in a variable%s", a.Name, orList(schema.DidYouMean(a.Name, known), known))))
		}
	}
	for _, inner := range b.Body.Blocks {
		if inner.Type == "validation" {
			r, ok, more := ruleOf(inner)
			diags = append(diags, more...)
			if ok {
				n.rules = append(n.rules, r)
			}
			continue
		}
		diags = append(diags, failure(inner.TypeRange, "Unsupported block type",
			fmt.Sprintf("Blocks of type %q are not expected in a variable%s", inner.Type, orList(schema.DidYouMean(inner.Type, known), known))))
	}
	return diags
}
