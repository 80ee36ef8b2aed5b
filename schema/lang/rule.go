package lang

import (
	"fmt"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"

	"github.com/mailrelay/mailrelay/schema"
)

// rule is a condition with what to say where it does not hold: an assert block of
// a check, or a validation block of a variable.
type rule struct {
	condition, message *hclsyntax.Attribute
}

// ruleOf reads an assert or validation block. It is false if an attribute is
// missing.
func ruleOf(b *hclsyntax.Block) (rule, bool, hcl.Diagnostics) {
	known := []string{"condition", "error_message"}
	var diags hcl.Diagnostics
	if len(b.Labels) > 0 {
		diags = append(diags, failure(b.LabelRanges[0], fmt.Sprintf("Extraneous label for %s", b.Type), fmt.Sprintf("It has no name: write %s { … }.", b.Type)))
	}
	for _, a := range inOrder(b.Body.Attributes) {
		if a.Name != "condition" && a.Name != "error_message" {
			diags = append(diags, failure(a.NameRange, "Unsupported argument", fmt.Sprintf("An argument named %q is not expected in a block of type %q%s", a.Name, b.Type, orList(schema.DidYouMean(a.Name, known), known))))
		}
	}
	for _, inner := range b.Body.Blocks {
		diags = append(diags, failure(inner.TypeRange, "Unsupported block type", fmt.Sprintf("Blocks of type %q are not expected in a block of type %q%s", inner.Type, b.Type, orList("", known))))
	}
	r := rule{b.Body.Attributes["condition"], b.Body.Attributes["error_message"]}
	if r.condition == nil && !meant(diags, "condition") {
		diags = append(diags, failure(b.Body.MissingItemRange(), "Missing required argument", fmt.Sprintf("The argument \"condition\" is required in a block of type %q. Write condition = …, which is true where all is well.", b.Type)))
	}
	if r.message == nil && !meant(diags, "error_message") {
		diags = append(diags, failure(b.Body.MissingItemRange(), "Missing required argument", fmt.Sprintf("The argument \"error_message\" is required in a block of type %q. Write error_message = \"…\", whole sentences that say what is wrong and what to do.", b.Type)))
	}
	return r, r.condition != nil && r.message != nil, diags
}

// check enters a check block with its assertions.
func (d declared) check(b *hclsyntax.Block) hcl.Diagnostics {
	name, diags := label(b)
	if diags.HasErrors() {
		return diags
	}
	n := &node{name: "check." + name, decl: b.DefRange()}
	for _, a := range inOrder(b.Body.Attributes) {
		diags = append(diags, failure(a.NameRange, "Unsupported argument", fmt.Sprintf("A check holds assert blocks and no arguments. Write assert { … } around what %s belongs to.", a.Name)))
	}
	for _, inner := range b.Body.Blocks {
		if inner.Type != "assert" {
			diags = append(diags, failure(inner.TypeRange, "Unsupported block type", fmt.Sprintf("Blocks of type %q are not expected in a check%s", inner.Type, orList(schema.DidYouMean(inner.Type, []string{"assert"}), []string{"assert"}))))
			continue
		}
		r, ok, more := ruleOf(inner)
		diags = append(diags, more...)
		if ok {
			n.rules = append(n.rules, r)
		}
	}
	if len(b.Body.Blocks) == 0 {
		diags = append(diags, failure(b.DefRange(), "Empty check", "It asserts nothing. Write assert { condition = …, error_message = \"…\" }, each argument on a line of its own."))
	}
	return append(diags, d.add(n)...)
}

// check evaluates the assertions of a check. One that does not hold is a warning:
// it says something, and stops nothing.
func (ev *evaluator) check(n *node) (diags hcl.Diagnostics) {
	ctx := ev.context(n)
	for _, r := range n.rules {
		broken, text, more := ev.broken(n, r, ctx)
		diags = append(diags, more...)
		if broken {
			diags = append(diags, &hcl.Diagnostic{
				Severity: hcl.DiagWarning, Summary: "Check block assertion failed", Detail: text,
				Subject: r.condition.Expr.Range().Ptr(), Expression: r.condition.Expr, EvalContext: ctx,
			})
		}
	}
	return diags
}

// validate evaluates the validation of a variable.
func (ev *evaluator) validate(n *node) (diags hcl.Diagnostics) {
	if len(n.rules) == 0 || !n.variable.value.IsWhollyKnown() {
		return nil
	}
	ctx := ev.context(n)
	own := map[string]cty.Value{}
	if vars, ok := ctx.Variables["var"]; ok {
		own = vars.AsValueMap()
	}
	own[n.variable.name] = n.variable.value
	ctx.Variables["var"] = cty.ObjectVal(own)
	for _, r := range n.rules {
		broken, text, more := ev.broken(n, r, ctx)
		diags = append(diags, more...)
		if broken {
			at := r.condition.Expr.Range()
			d := failure(n.variable.at, "Invalid value for variable", fmt.Sprintf("%s\n\nThis was checked by the validation rule of var.%s at %s line %d.", text, n.variable.name, at.Filename, at.Start.Line))
			d.Expression, d.EvalContext = r.condition.Expr, ctx
			diags = append(diags, d)
		}
	}
	return diags
}

// broken reports whether r does not hold, with what its author says about it.
func (ev *evaluator) broken(n *node, r rule, ctx *hcl.EvalContext) (bool, string, hcl.Diagnostics) {
	if n.bad[r.condition] || n.bad[r.message] {
		return false, "", nil
	}
	holds, diags := value(r.condition.Expr, ctx)
	if diags.HasErrors() || !holds.IsKnown() {
		return false, "", diags
	}
	b, err := convert.Convert(holds, cty.Bool)
	if err != nil || b.IsNull() {
		d := failure(r.condition.Expr.Range(), "Invalid condition", fmt.Sprintf("A condition is true or false, and this is %s. Write a comparison, or can(…).", article(holds.Type())))
		if holds.IsNull() {
			d.Detail = "A condition is true or false, and this is null. Write a comparison, or can(…)."
		}
		return false, "", append(diags, d)
	}
	text, more := value(r.message.Expr, ctx)
	if diags = append(diags, more...); more.HasErrors() || !text.IsKnown() {
		return false, "", diags
	}
	s, err := convert.Convert(text, cty.String)
	if err != nil || s.IsNull() || strings.TrimSpace(s.AsString()) == "" {
		return false, "", append(diags, failure(r.message.Expr.Range(), "Invalid error message", "The error message is a string that is not empty: whole sentences that say what is wrong and what to do."))
	}
	return b.False(), s.AsString(), diags
}
