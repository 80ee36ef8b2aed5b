package lang

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/mailrelay/mailrelay/schema"
)

// assign gives the variables their values, from the weakest source to the
// strongest, and reports those that have none.
func (d declared) assign(src *sources, o Options) hcl.Diagnostics {
	diags := d.fromEnv(src, o.Env)
	own, err := src.names(".mailvars.hcl")
	if err != nil {
		return append(diags, unreadable("the variable files", err))
	}
	slices.SortStableFunc(own, func(a, b string) int { // mailrelay.mailvars.hcl is the weakest
		return strings.Compare(strings.TrimPrefix(a, "mailrelay.mailvars"), strings.TrimPrefix(b, "mailrelay.mailvars"))
	})
	for _, name := range own {
		if name == "mailrelay.mailvars.hcl" || strings.HasSuffix(name, ".auto.mailvars.hcl") {
			diags = append(diags, d.fromFile(src, name, src.read)...)
		}
	}
	for _, g := range o.Given {
		diags = append(diags, d.given(src, g, o.ReadFile)...)
	}
	return append(diags, d.unset()...)
}

// given takes what the command line gives.
func (d declared) given(src *sources, g Given, read func(string) ([]byte, error)) hcl.Diagnostics {
	if g.File != "" {
		return d.fromFile(src, g.File, read)
	}
	n := d["var."+g.Name]
	if n == nil || n.variable == nil {
		return hcl.Diagnostics{{Severity: hcl.DiagError, Summary: "Value for undeclared variable",
			Detail: fmt.Sprintf("-var gives a value for %q, but no variable of that name is declared%s", g.Name, d.orDeclare(g.Name))}}
	}
	return n.variable.accept(n.variable.fromText(src, "-var "+g.Name, g.Text))
}

func (d declared) unset() hcl.Diagnostics {
	var diags hcl.Diagnostics
	for _, n := range d {
		v := n.variable
		if v == nil || v.value != cty.NilVal && !v.faulty {
			continue
		}
		if !v.faulty {
			diags = append(diags, failure(n.decl, "No value for required variable",
				fmt.Sprintf("The variable %q has no default and was given no value. Write %s = … into mailrelay.mailvars.hcl, give -var '%s=VALUE', or set MAILRELAY_VAR_%s.", v.name, v.name, v.name, v.name)))
		}
		v.value = cty.DynamicVal
	}
	return diags
}

func (d declared) fromEnv(src *sources, env func(string) (string, bool)) hcl.Diagnostics {
	var diags hcl.Diagnostics
	for _, n := range d {
		if n.variable == nil || env == nil {
			continue
		}
		key := "MAILRELAY_VAR_" + n.variable.name
		if text, ok := env(key); ok {
			diags = append(diags, n.variable.accept(n.variable.fromText(src, key, text))...)
		}
	}
	return diags
}

// accept notes whether an assignment failed, so that nothing is said about a
// missing value as well.
func (v *variable) accept(diags hcl.Diagnostics) hcl.Diagnostics {
	v.faulty = v.faulty || diags.HasErrors()
	return diags
}

// fromText reads a value that stands outside every file: of a string, number or
// bool it is the text itself, of other types an expression.
func (v *variable) fromText(src *sources, origin, text string) hcl.Diagnostics {
	if v.typ.IsPrimitiveType() || v.typ == cty.DynamicPseudoType {
		at := hcl.Range{Filename: origin, Start: hcl.InitialPos, End: hcl.Pos{Line: 1, Column: 1 + len(text), Byte: len(text)}}
		src.files[origin] = &hcl.File{Bytes: []byte(text)}
		return v.set(cty.StringVal(text), at)
	}
	src.files[origin] = &hcl.File{Bytes: []byte(text)}
	if d := tooDeep(origin, []byte(text)); d != nil {
		return hcl.Diagnostics{d}
	}
	expr, diags := hclsyntax.ParseExpression([]byte(text), origin, hcl.InitialPos)
	if diags = append(diags, tooLarge(expr)...); diags.HasErrors() {
		return diags
	}
	value, diags := src.meter.expr(expr).Value(nil)
	if diags.HasErrors() {
		return diags
	}
	return v.set(value, expr.Range())
}

// fromFile reads the values in a *.mailvars.hcl file.
func (d declared) fromFile(src *sources, name string, read func(string) ([]byte, error)) hcl.Diagnostics {
	text, err := read(name)
	if errors.Is(err, fs.ErrNotExist) {
		return hcl.Diagnostics{{Severity: hcl.DiagError, Summary: "Cannot read " + name, Detail: "There is no such file. Correct the path that -var-file gives; it is relative to where mailrelay was started."}}
	}
	if err != nil {
		return hcl.Diagnostics{unreadable(name, err)}
	}
	body, diags := src.parse(name, text)
	if diags.HasErrors() {
		return diags
	}
	for _, b := range body.Blocks {
		diags = append(diags, failure(b.DefRange(), "Unsupported block type",
			"A file of values holds lines like name = value and no blocks. Declare variables in a file that ends with .mail.hcl."))
	}
	for _, a := range inOrder(body.Attributes) {
		n := d["var."+a.Name]
		if n == nil {
			w := failure(a.NameRange, "Value for undeclared variable",
				fmt.Sprintf("No variable is called %q, so this value is not used%s", a.Name, d.orDeclare(a.Name)))
			w.Severity = hcl.DiagWarning
			diags = append(diags, w)
			continue
		}
		value, more := a.Expr.Value(nil)
		if !more.HasErrors() {
			more = n.variable.set(value, a.Expr.Range())
		}
		diags = append(diags, n.variable.accept(more)...)
	}
	return diags
}

// orDeclare closes a sentence about a variable that does not exist.
func (d declared) orDeclare(name string) string {
	var known []string
	for _, n := range d {
		if n.variable != nil {
			known = append(known, n.variable.name)
		}
	}
	slices.Sort(known)
	if near := schema.DidYouMean(name, known); near != "" {
		return near
	}
	return fmt.Sprintf(". Declare it with variable %q { }, or take the value away.", name)
}
