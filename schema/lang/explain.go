package lang

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/mailrelay/mailrelay/schema"
)

// value evaluates expr. Where a step of a reference leads to a key or attribute
// that does not exist, the diagnostic says which there are.
func value(expr hclsyntax.Expression, ctx *hcl.EvalContext) (cty.Value, hcl.Diagnostics) {
	v, diags := expr.Value(ctx)
	for _, d := range diags {
		if d.Summary == "Invalid template interpolation value" {
			explainSecret(d)
		}
		t, ok := d.Expression.(*hclsyntax.ScopeTraversalExpr)
		switch {
		case !ok:
		case d.Summary == "Invalid index", d.Summary == "Unsupported attribute":
			explain(d, t.Traversal, ctx)
		case d.Summary == "Attempt to get attribute from null value":
			explainNull(d, t.Traversal, ctx)
		}
	}
	return v, diags
}

// explainSecret says of a secret that stands in a text why it must not.
func explainSecret(d *hcl.Diagnostic) {
	v, diags := d.Expression.Value(d.EvalContext)
	if !diags.HasErrors() && v.Type().Equals(schema.SecretType()) {
		d.Detail = "A text holds no secret. " + noSecret
		d.Expression, d.EvalContext = nil, nil
	}
}

func explain(d *hcl.Diagnostic, t hcl.Traversal, ctx *hcl.EvalContext) {
	for i := 2; i <= len(t); i++ {
		if _, diags := t[:i].TraverseAbs(ctx); !diags.HasErrors() {
			continue
		}
		at, _ := t[:i-1].TraverseAbs(ctx)
		name, ok := attrStep(t, i-1)
		if keys := keysOf(at); ok && len(keys) > 0 {
			d.Detail = fmt.Sprintf("Nothing is called %q here%s", name, orList(schema.DidYouMean(name, keys), keys))
			d.Expression, d.EvalContext = nil, nil
		}
		return
	}
}

// explainNull says what is null.
func explainNull(d *hcl.Diagnostic, t hcl.Traversal, ctx *hcl.EvalContext) {
	for i := 2; i < len(t); i++ {
		at, diags := t[:i].TraverseAbs(ctx)
		if diags.HasErrors() || !at.IsNull() {
			continue
		}
		var names []string
		for j := 1; j < i; j++ {
			name, _ := attrStep(t, j)
			names = append(names, name)
		}
		what := t.RootName() + "." + strings.Join(names, ".")
		d.Detail = fmt.Sprintf("%s is null, because it was given no value, so nothing can be read of it. Give it one, or write what is to stand here without it: try(…, …).", what)
		d.Expression, d.EvalContext = nil, nil
		return
	}
}

// keysOf are the keys of a map or the attributes of an object, sorted; none if
// there are too many to list.
func keysOf(v cty.Value) []string {
	if !v.IsKnown() || v.IsNull() || !v.Type().IsMapType() && !v.Type().IsObjectType() {
		return nil
	}
	keys := slices.Sorted(maps.Keys(v.AsValueMap()))
	if len(keys) > 20 {
		return nil
	}
	return keys
}
