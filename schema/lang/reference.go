package lang

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/mailrelay/mailrelay/schema"
)

// resolve finds what each node refers to. An attribute with a reference that
// leads nowhere is marked, and not evaluated.
func (g *graph) resolve(types []*schema.Type) hcl.Diagnostics {
	var diags hcl.Diagnostics
	for _, n := range g.sorted {
		diags = append(diags, g.connect(n, types)...)
	}
	return diags
}

// connect finds what n refers to.
func (g *graph) connect(n *node, types []*schema.Type) hcl.Diagnostics {
	var diags hcl.Diagnostics
	n.bad, n.points = map[*hclsyntax.Attribute]bool{}, map[*hclsyntax.Attribute][]pointer{}
	each := n.block != nil && n.block.forEach != nil
	if each {
		diags = append(diags, g.refer(n, n.block.forEach, n.block.forEach.Expr, false, types)...)
	}
	for _, a := range n.attributes() {
		diags = append(diags, g.refer(n, a, a.Expr, each, types)...)
	}
	if n.block != nil {
		diags = append(diags, g.pointers(n, types)...)
	}
	slices.SortFunc(n.needs, func(a, b *node) int { return strings.Compare(a.name, b.name) })
	return diags
}

// refer adds what expr, which is the attribute a or a part of it, refers to; each
// says whether each.key may stand there.
func (g *graph) refer(n *node, a *hclsyntax.Attribute, expr hclsyntax.Expression, each bool, types []*schema.Type) hcl.Diagnostics {
	var diags hcl.Diagnostics
	for _, t := range expr.Variables() {
		target, d := g.target(t, each, types)
		switch {
		case d != nil:
			diags = append(diags, d)
			n.bad[a] = true
		case target == n && n.variable != nil: // its validation looks at it
		case target != nil:
			target.used = true
			if !slices.Contains(n.needs, target) {
				n.needs = append(n.needs, target)
			}
		}
	}
	return diags
}

// target is the node that t leads to; nil for each.key and each.value.
func (g *graph) target(t hcl.Traversal, each bool, types []*schema.Type) (*node, *hcl.Diagnostic) {
	if t.RootName() == "each" {
		step, _ := attrStep(t, 1)
		return nil, eachRef(t, step, each)
	}
	n, d := g.named(t, types)
	if d == nil && n.block != nil {
		d = checkSteps(n, t)
	}
	return n, d
}

// steps is how many steps of a reference are the name of a block of type t; nil
// is the type of variables and locals.
func steps(t *schema.Type) int {
	if t != nil && t.Kinds != nil {
		return 3
	}
	return 2
}

// named is the node whose name t begins with.
func (g *graph) named(t hcl.Traversal, types []*schema.Type) (*node, *hcl.Diagnostic) {
	root := t.RootName()
	typ := schema.TypeNamed(types, root)
	switch {
	case root != "var" && root != "local" && typ == nil:
		return nil, g.unknownRoot(t, types)
	case root == "mailrelay":
		return nil, failure(t.SourceRange(), "Invalid reference", "The mailrelay block cannot be referred to. Put a value that is needed twice into locals.")
	}
	var names []string
	for i := 1; i < steps(typ); i++ {
		step, ok := attrStep(t, i)
		if !ok {
			return nil, failure(t.SourceRange(), "Invalid reference", fmt.Sprintf("The name is missing: write %s.NAME%s", strings.Join(append([]string{root}, names...), "."), orList("", g.names(root))))
		}
		if names = append(names, step); i == 1 && typ != nil && typ.Kinds != nil && !slices.Contains(typ.Kinds, step) {
			return nil, g.noKind(t, typ, step)
		}
	}
	name := strings.Join(names, ".")
	n := g.nodes[root+"."+name]
	if n == nil {
		return nil, g.dangling(t, root, name)
	}
	return n, nil
}

func eachRef(t hcl.Traversal, step string, each bool) *hcl.Diagnostic {
	switch {
	case !each:
		return failure(t.SourceRange(), "Invalid reference", "each stands only in a block with for_each, and not in for_each itself. Add for_each to the block, or write the value.")
	case step != "key" && step != "value":
		return failure(t.SourceRange(), "Invalid reference", "each has two parts: each.key and each.value.")
	}
	return nil
}

// noKind is a reference in which the kind of the block is unknown, or missing.
func (g *graph) noKind(t hcl.Traversal, typ *schema.Type, step string) *hcl.Diagnostic {
	for _, kind := range typ.Kinds {
		if n := g.nodes[typ.Name+"."+kind+"."+step]; n != nil {
			return failure(t.SourceRange(), "Invalid reference", fmt.Sprintf("The kind stands before the name: write %s.", n.name))
		}
	}
	return failure(t.SourceRange(), "Invalid reference", fmt.Sprintf("There is no %s of the kind %q%s", typ.Name, step, orList(schema.DidYouMean(step, typ.Kinds), typ.Kinds)))
}

// checkSteps looks at what follows the name of a block in a traversal.
func checkSteps(n *node, t hcl.Traversal) *hcl.Diagnostic {
	i := steps(n.block.typ)
	if len(t) > i {
		if _, index := t[i].(hcl.TraverseIndex); index {
			if n.block.forEach == nil {
				return failure(t.SourceRange(), "Invalid reference", fmt.Sprintf("%s has no for_each, so there is one of it and it has no keys: write %s.", n.name, n.name))
			}
			i++
		} else if n.block.forEach != nil {
			return nil // the name of a key, which evaluation finds
		}
	}
	name, ok := attrStep(t, i)
	if !ok || name == "address" {
		return nil
	}
	desc := n.block.typ.Body
	known := []string{"address"}
	for _, a := range desc.Attrs {
		switch {
		case a.Name == name && a.Later != "":
			return failure(t.SourceRange(), fmt.Sprintf("%s is not in this version", name), a.Later)
		case a.Name == name && orders(a.Kind):
			return failure(t.SourceRange(), "Unsupported attribute", fmt.Sprintf("%s of a %s orders and carries no value, so it cannot be read. Refer to the block that it names.", name, n.block.typ.Name))
		case a.Name != desc.Open:
			known = append(known, a.Name)
		}
	}
	for _, b := range desc.Blocks {
		known = append(known, b.Name)
	}
	for _, free := range n.block.body.free {
		known = append(known, free.desc.Name)
	}
	if slices.Contains(known, name) {
		return nil
	}
	return failure(t.SourceRange(), "Unsupported attribute", fmt.Sprintf("A %s has no attribute %q%s", n.block.typ.Name, name, orList(schema.DidYouMean(name, known), known)))
}

func (g *graph) dangling(t hcl.Traversal, root, name string) *hcl.Diagnostic {
	what := map[string]string{"var": "variable", "local": "local value"}[root]
	if what == "" {
		what = root
	}
	known := g.names(root)
	near := schema.DidYouMean(name, known)
	if near == "" && len(known) > 0 && len(known) <= 10 {
		near = ". Declared are: " + strings.Join(known, ", ") + "."
	}
	if near == "" {
		near = fmt.Sprintf(". Declare it: %s.", declaration(root, name))
	}
	summary := "Reference to undeclared " + what
	return failure(t.SourceRange(), summary, fmt.Sprintf("No %s is called %q%s", what, name, near))
}

func declaration(root, name string) string {
	switch root {
	case "var":
		return fmt.Sprintf("variable %q { }", name)
	case "local":
		return fmt.Sprintf("locals { %s = … }", name)
	}
	return fmt.Sprintf("%s \"%s\" { … }", root, strings.ReplaceAll(name, ".", `" "`))
}

// unknownRoot is a word that is none of the roots of references. Text without
// quotes is the usual mistake.
func (g *graph) unknownRoot(t hcl.Traversal, types []*schema.Type) *hcl.Diagnostic {
	root := t.RootName()
	if len(t) == 1 {
		return failure(t.SourceRange(), "Invalid reference", fmt.Sprintf("%s stands here without quotes, so it is read as a reference, and a reference has a type and a name, like var.%s. If the text itself is meant, write %q.", root, root, root))
	}
	roots := []string{"var", "local", "each"}
	for _, ty := range types {
		if !ty.Nameless {
			roots = append(roots, ty.Name)
		}
	}
	return failure(t.SourceRange(), "Invalid reference", fmt.Sprintf("%q is nothing that a reference can begin with%s", root, orList(schema.DidYouMean(root, roots), roots)))
}

// names lists what is declared under a root, sorted.
func (g *graph) names(root string) []string {
	var out []string
	for _, n := range g.sorted {
		if name, ok := strings.CutPrefix(n.name, root+"."); ok {
			out = append(out, name)
		}
	}
	return out
}

// attrStep is the name in the step i of t: .name or ["name"].
func attrStep(t hcl.Traversal, i int) (string, bool) {
	if i >= len(t) {
		return "", false
	}
	switch s := t[i].(type) {
	case hcl.TraverseAttr:
		return s.Name, true
	case hcl.TraverseIndex:
		if k := s.Key; k.Type() == cty.String && k.IsKnown() && !k.IsNull() {
			return k.AsString(), true
		}
	}
	return "", false
}
