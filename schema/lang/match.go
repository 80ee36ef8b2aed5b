package lang

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/mailrelay/mailrelay/schema"
)

// body is what was written between braces, matched against its description.
type body struct {
	desc   *schema.Body
	attrs  []attribute // those that were written, in the order of the description
	free   []attribute // of an open body, in the order in which they were written
	nested []nested
}

// attribute is one that was written.
type attribute struct {
	desc   *schema.Attr
	at     int // its place in the description
	src    *hclsyntax.Attribute
	varies bool // it may be another one in each instance of a block with for_each
}

// nested is a block inside a block.
type nested struct {
	desc   *schema.Nested
	at     int    // its place in the description, behind the attributes
	label  string // canonical; the variant's name if the label chooses one
	src    *hclsyntax.Block
	body   *body
	varies bool // as with an attribute, for all blocks that stand at the same place
}

// match finds what is unknown, missing, written twice or not in this version.
// what names the block in messages; reserved are attributes read elsewhere.
func match(desc *schema.Body, b *hclsyntax.Body, what string, reserved ...string) (*body, hcl.Diagnostics) {
	out := &body{desc: desc}
	var diags hcl.Diagnostics
	for _, a := range inOrder(b.Attributes) {
		_, known := desc.Attr(a.Name)
		switch {
		case slices.Contains(reserved, a.Name), known && a.Name != desc.Open:
		case desc.Open == "" || slices.ContainsFunc(desc.Blocks, func(n schema.Nested) bool { return n.Name == a.Name }):
			diags = append(diags, unknownAttr(desc, a, what, reserved))
		default:
			out.free = append(out.free, attribute{desc: &schema.Attr{Name: a.Name, Kind: schema.Anything()}, src: a})
			diags = append(diags, freeName(desc, a, what)...)
		}
	}
	for _, inner := range b.Blocks {
		n, more := matchNested(desc, inner, what, out.nested)
		diags = append(diags, more...)
		if n != nil {
			out.nested = append(out.nested, *n)
		}
	}
	misspelt := diags
	for i := range desc.Attrs {
		a := &desc.Attrs[i]
		src := b.Attributes[a.Name]
		switch {
		case a.Name == desc.Open: // which collects, and a free attribute may be called so
		case src == nil && a.Required && !meant(misspelt, a.Name):
			diags = append(diags, failure(b.MissingItemRange(), "Missing required argument",
				fmt.Sprintf("The argument %q is required in %s. Write %s = …, which takes %s.", a.Name, what, a.Name, a.Kind.What())))
		case src == nil:
		case a.Later != "":
			diags = append(diags, failure(src.NameRange, fmt.Sprintf("%s is not in this version", a.Name), a.Later))
		default:
			out.attrs = append(out.attrs, attribute{a, i, src, varies(a.Kind, src.Expr)})
		}
	}
	out.settle()
	return out, diags
}

// meant reports whether a mistake among diags is about the attribute name already:
// it is misspelt there, or written as a block.
func meant(diags hcl.Diagnostics, name string) bool {
	return slices.ContainsFunc(diags, func(d *hcl.Diagnostic) bool {
		return strings.HasSuffix(d.Detail, fmt.Sprintf("Did you mean %q?", name)) || strings.HasSuffix(d.Detail, ": write "+name+" = …")
	})
}

func matchNested(desc *schema.Body, b *hclsyntax.Block, what string, before []nested) (*nested, hcl.Diagnostics) {
	i := slices.IndexFunc(desc.Blocks, func(n schema.Nested) bool { return n.Name == b.Type })
	if i < 0 {
		return nil, hcl.Diagnostics{unknownNested(desc, b, what)}
	}
	n := &nested{desc: &desc.Blocks[i], at: len(desc.Attrs) + i, src: b}
	if n.desc.Later != "" {
		return nil, hcl.Diagnostics{failure(b.DefRange(), fmt.Sprintf("%s is not in this version", b.Type), n.desc.Later)}
	}
	inside := n.desc.Body
	switch {
	case n.desc.Variants != nil:
		v, d := variantOf(*n.desc, b)
		if d != nil {
			return nil, hcl.Diagnostics{d}
		}
		n.label, inside = v.Label, v.Body
	case n.desc.Label != nil:
		label, d := labelOf(*n.desc, b)
		if d != nil {
			return nil, hcl.Diagnostics{d}
		}
		n.label = label
	case len(b.Labels) > 0:
		return nil, hcl.Diagnostics{failure(b.LabelRanges[0], fmt.Sprintf("Extraneous label for %s", b.Type), fmt.Sprintf("A %s block has no label: write %s { … }.", b.Type, b.Type))}
	}
	if d := twice(n, before); d != nil {
		return nil, hcl.Diagnostics{d}
	}
	var diags hcl.Diagnostics
	n.body, diags = match(inside, b.Body, fmt.Sprintf("a block of type %q", b.Type))
	return n, diags
}

// labelOf is the label of b in canonical form.
func labelOf(desc schema.Nested, b *hclsyntax.Block) (string, *hcl.Diagnostic) {
	if len(b.Labels) != 1 {
		return "", failure(b.DefRange(), fmt.Sprintf("Wrong labels for %s", b.Type), fmt.Sprintf("It has one label, %s: write %s \"…\" { … }.", desc.Label.What(), b.Type))
	}
	label, err := canonString(desc.Label, b.Labels[0])
	if err != nil {
		return "", failure(b.LabelRanges[0], "Invalid label", sentence(err.Error()))
	}
	return label, nil
}

// variantOf is the body that the label of b chooses.
func variantOf(desc schema.Nested, b *hclsyntax.Block) (schema.Variant, *hcl.Diagnostic) {
	var names []string
	for _, v := range desc.Variants {
		if v.Later == "" {
			names = append(names, v.Label)
		}
	}
	if len(b.Labels) != 1 {
		return schema.Variant{}, failure(b.DefRange(), fmt.Sprintf("Wrong labels for %s", b.Type), fmt.Sprintf("The label of %s says which kind it is: write %s %q { … }%s", b.Type, b.Type, names[0], orList("", names)))
	}
	for _, v := range desc.Variants {
		switch {
		case v.Label != b.Labels[0]:
		case v.Later != "":
			return v, failure(b.DefRange(), fmt.Sprintf("%s %q is not in this version", b.Type, v.Label), v.Later)
		default:
			return v, nil
		}
	}
	return schema.Variant{}, failure(b.LabelRanges[0], "Invalid label", fmt.Sprintf("There is no %s %q%s", b.Type, b.Labels[0], orList(schema.DidYouMean(b.Labels[0], names), names)))
}

// twice finds a nested block that may stand once and stood before.
func twice(n *nested, before []nested) *hcl.Diagnostic {
	for _, old := range before {
		if old.desc.Name != n.desc.Name || n.desc.Label != nil && old.label != n.label {
			continue
		}
		name := n.desc.Name
		if n.desc.Label != nil {
			name = fmt.Sprintf("%s %q", name, n.label)
		}
		return failure(n.src.DefRange(), fmt.Sprintf("Duplicate %s block", n.desc.Name),
			fmt.Sprintf("%s stands once in a block, and stands in line %d already. Merge the two.", name, old.src.DefRange().Start.Line))
	}
	return nil
}

func unknownAttr(desc *schema.Body, a *hclsyntax.Attribute, what string, reserved []string) *hcl.Diagnostic {
	names := slices.Clone(reserved)
	for _, n := range desc.Attrs {
		names = append(names, n.Name)
	}
	for _, n := range desc.Blocks {
		if n.Name == a.Name {
			return failure(a.NameRange, "Unsupported argument", fmt.Sprintf("%s is a block here, not an argument: write %s { … } without the equals sign.", a.Name, a.Name))
		}
		names = append(names, n.Name)
	}
	return failure(a.NameRange, "Unsupported argument", fmt.Sprintf("An argument named %q is not expected in %s%s", a.Name, what, orList(schema.DidYouMean(a.Name, names), names)))
}

func unknownNested(desc *schema.Body, b *hclsyntax.Block, what string) *hcl.Diagnostic {
	if _, ok := desc.Attr(b.Type); ok {
		return failure(b.TypeRange, "Unsupported block type", fmt.Sprintf("%s is an argument here, not a block: write %s = …", b.Type, b.Type))
	}
	if b.Type == "allow" {
		return failure(b.DefRange(), "Unsupported block type", fmt.Sprintf("allow does not stand in %s, but in the block around it, which has an address that the finding is about. Move it there.", what))
	}
	var names []string
	for _, n := range desc.Blocks {
		names = append(names, n.Name)
	}
	return failure(b.TypeRange, "Unsupported block type", fmt.Sprintf("Blocks of type %q are not expected in %s%s", b.Type, what, orList(schema.DidYouMean(b.Type, names), names)))
}

// orList closes a sentence with a suggestion, or with all that may stand there.
func orList(near string, names []string) string {
	switch {
	case near != "":
		return near
	case len(names) == 0:
		return ". Nothing may stand here."
	}
	return ". What may stand here: " + strings.Join(names, ", ") + "."
}

// sentence makes a sentence of the text of an error.
func sentence(s string) string {
	if s == "" {
		return "It is not valid here."
	}
	return ended(strings.ToUpper(s[:1]) + s[1:])
}

// ended closes a sentence, unless it is closed.
func ended(s string) string {
	if last := s[len(s)-1]; last != '.' && last != '?' && last != '!' {
		s += "."
	}
	return s
}
