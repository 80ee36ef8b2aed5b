package lang

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
)

// values says what the references in the expression of d evaluate to, sorted.
func values(d *hcl.Diagnostic) []ExpressionValue {
	out := []ExpressionValue{}
	if d.Expression == nil || d.EvalContext == nil {
		return out
	}
	for _, t := range d.Expression.Variables() {
		v, diags := t.TraverseAbs(d.EvalContext)
		if diags.HasErrors() || !v.IsKnown() || v.IsMarked() {
			continue
		}
		e := ExpressionValue{traversal(t), "is " + inShort(v)}
		if !slices.Contains(out, e) {
			out = append(out, e)
		}
	}
	slices.SortFunc(out, func(a, b ExpressionValue) int { return strings.Compare(a.Traversal, b.Traversal) })
	return out
}

// traversal writes a reference as it stands in a configuration.
func traversal(t hcl.Traversal) string {
	var b strings.Builder
	for _, step := range t {
		switch s := step.(type) {
		case hcl.TraverseRoot:
			b.WriteString(s.Name)
		case hcl.TraverseAttr:
			b.WriteString("." + s.Name)
		case hcl.TraverseIndex:
			b.WriteString("[" + inShort(s.Key) + "]")
		}
	}
	return b.String()
}

// maxShown is how many bytes of a string a diagnostic shows.
const maxShown = 200

// cut shortens a string that is too long to be shown.
func cut(s string) string {
	if len(s) <= maxShown {
		return s
	}
	return strings.ToValidUTF8(s[:maxShown], "") + "…"
}

// tooLong reports whether the values of d hold a string that is too long to be
// shown.
func tooLong(d *hcl.Diagnostic) bool {
	if d.Expression == nil || d.EvalContext == nil {
		return false
	}
	for _, t := range d.Expression.Variables() {
		v, diags := t.TraverseAbs(d.EvalContext)
		if !diags.HasErrors() && v.Type() == cty.String && v.IsKnown() && !v.IsNull() && len(v.AsString()) > maxShown {
			return true
		}
	}
	return false
}

// inShort describes a value, which is known, so that it fits into a line.
func inShort(v cty.Value) string {
	ty := v.Type()
	switch {
	case v.IsNull():
		return "null"
	case ty == cty.Bool:
		return strconv.FormatBool(v.True())
	case ty == cty.Number:
		return v.AsBigFloat().Text('g', 10)
	case ty == cty.String:
		return strconv.Quote(cut(v.AsString()))
	case ty.IsObjectType():
		return fmt.Sprintf("object with %s", count(len(ty.AttributeTypes()), "attribute"))
	}
	return fmt.Sprintf("%s with %s", ty.FriendlyName(), count(v.LengthInt(), "element"))
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
