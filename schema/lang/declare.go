package lang

import (
	"fmt"
	"maps"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/mailrelay/mailrelay/schema"
)

// declared is what the files declare, by the name that references use:
// "var.devices", "local.tenant", "relay.edge".
type declared map[string]*node

// node is one declaration: a variable, a local value, a block with all its
// instances, or a check. At most one of variable, local and block is set; a check
// has none of them.
type node struct {
	name     string
	decl     hcl.Range
	variable *variable
	local    *hclsyntax.Attribute
	block    *block
	rules    []rule // of a check, or the validation of a variable

	needs  []*node                            // what it refers to, each once
	bad    map[*hclsyntax.Attribute]bool      // attributes whose references lead nowhere
	points map[*hclsyntax.Attribute][]pointer // what attributes that order point at
	used   bool                               // something refers to it
	ring   bool                               // it is part of a cycle
	broken bool                               // an instance of it could not be made
}

// block is one block of the language, before its evaluation.
type block struct {
	typ     *schema.Type
	label   string
	forEach *hclsyntax.Attribute // nil without for_each
	body    *body
	valid   bool // matched its description without a mistake
}

// declare collects the declarations of all files.
func declare(files []source, types []*schema.Type) (declared, hcl.Diagnostics) {
	d := declared{}
	var diags hcl.Diagnostics
	for _, f := range files {
		for _, a := range inOrder(f.body.Attributes) {
			diags = append(diags, failure(a.NameRange, "Unsupported argument",
				fmt.Sprintf("%s stands outside every block. Put it into the block that it belongs to, or into locals { … } if it is a value of your own.", a.Name)))
		}
		for _, b := range f.body.Blocks {
			diags = append(diags, d.block(b, types)...)
		}
	}
	return d, diags
}

func (d declared) block(b *hclsyntax.Block, types []*schema.Type) hcl.Diagnostics {
	switch b.Type {
	case "variable":
		return d.variable(b)
	case "locals":
		return d.locals(b)
	case "check":
		return d.check(b)
	case "moved":
		return nil // read once everything else is known
	}
	t := schema.TypeNamed(types, b.Type)
	if t == nil {
		return hcl.Diagnostics{unknownBlock(b, types)}
	}
	name, diags := blockName(b, t)
	if diags.HasErrors() {
		return diags
	}
	blk := &block{typ: t, label: name}
	var reserved []string
	if !t.Nameless {
		reserved = []string{"for_each"}
		blk.forEach = b.Body.Attributes["for_each"]
	}
	blk.body, diags = match(t.Body, b.Body, fmt.Sprintf("a block of type %q", b.Type), reserved...)
	blk.valid = !diags.HasErrors()
	n := &node{name: b.Type, decl: b.DefRange(), block: blk}
	if name != "" {
		n.name += "." + name
	}
	return append(diags, d.add(n)...)
}

// add enters n, unless its name is taken.
func (d declared) add(n *node) hcl.Diagnostics {
	first, taken := d[n.name]
	if !taken {
		d[n.name] = n
		return nil
	}
	if n.block != nil && n.block.typ.Nameless {
		return hcl.Diagnostics{failure(n.decl, "Duplicate declaration",
			fmt.Sprintf("A configuration has one %s block, and it stands in %s line %d already. Merge the two.", n.name, first.decl.Filename, first.decl.Start.Line))}
	}
	return hcl.Diagnostics{failure(n.decl, "Duplicate declaration",
		fmt.Sprintf("%s is declared in %s line %d already. Give one of the two another name, or merge them.", n.name, first.decl.Filename, first.decl.Start.Line))}
}

// locals enters the values of a locals block, of which there may be many.
func (d declared) locals(b *hclsyntax.Block) hcl.Diagnostics {
	var diags hcl.Diagnostics
	if len(b.Labels) > 0 {
		diags = append(diags, failure(b.LabelRanges[0], "Extraneous label for locals", "A locals block has no name: write locals { … }."))
	}
	for _, a := range inOrder(b.Body.Attributes) {
		diags = append(diags, d.add(&node{name: "local." + a.Name, decl: a.NameRange, local: a})...)
	}
	for _, inner := range b.Body.Blocks {
		diags = append(diags, failure(inner.DefRange(), "Unsupported block type",
			fmt.Sprintf("Blocks do not stand inside locals. To name an object, write %s = { … }.", inner.Type)))
	}
	return diags
}

// inOrder gives attributes in the order in which they were written.
func inOrder(attrs hclsyntax.Attributes) []*hclsyntax.Attribute {
	return slices.SortedFunc(maps.Values(attrs), func(a, b *hclsyntax.Attribute) int {
		return a.NameRange.Start.Byte - b.NameRange.Start.Byte
	})
}
