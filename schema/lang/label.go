package lang

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/mailrelay/mailrelay/schema"
)

// blockName is the name of a block of type t: its label or, of a type with kinds,
// both of its labels joined by a dot; empty of a nameless one.
func blockName(b *hclsyntax.Block, t *schema.Type) (string, hcl.Diagnostics) {
	if t.Nameless {
		if len(b.Labels) > 0 {
			return "", hcl.Diagnostics{failure(b.LabelRanges[0], fmt.Sprintf("Extraneous label for %s", b.Type), fmt.Sprintf("A %s block has no name: write %s { … }.", b.Type, b.Type))}
		}
		return "", nil
	}
	if t.Kinds == nil {
		return label(b)
	}
	form := fmt.Sprintf("write %s %q \"NAME\" { … }", b.Type, t.Kinds[0])
	switch {
	case len(b.Labels) == 1 && !slices.Contains(t.Kinds, b.Labels[0]) && schema.DidYouMean(b.Labels[0], t.Kinds) == "":
		return "", hcl.Diagnostics{failure(b.DefRange(), fmt.Sprintf("Missing kind of %s", b.Type), fmt.Sprintf("A %s has a kind, and a name by which others refer to it: write %s %q %q { … }.", b.Type, b.Type, t.Kinds[0], b.Labels[0]))}
	case len(b.Labels) > 0 && !slices.Contains(t.Kinds, b.Labels[0]):
		return "", hcl.Diagnostics{failure(b.LabelRanges[0], fmt.Sprintf("Unknown kind of %s", b.Type), fmt.Sprintf("There is no %s of the kind %q%s", b.Type, b.Labels[0], orList(schema.DidYouMean(b.Labels[0], t.Kinds), t.Kinds)))}
	case len(b.Labels) < 2:
		return "", hcl.Diagnostics{failure(b.DefRange(), fmt.Sprintf("Missing name for %s", b.Type), fmt.Sprintf("A %s has a kind, and a name by which others refer to it: %s.", b.Type, form))}
	case len(b.Labels) > 2:
		return "", hcl.Diagnostics{failure(b.LabelRanges[2], fmt.Sprintf("Extraneous label for %s", b.Type), fmt.Sprintf("A %s has a kind and one name: %s.", b.Type, form))}
	case !nameable(b.Labels[1]):
		return "", hcl.Diagnostics{badName(b.LabelRanges[1])}
	}
	return strings.Join(b.Labels, "."), nil
}

// label is the one label of a block, which is its name.
func label(b *hclsyntax.Block) (string, hcl.Diagnostics) {
	switch {
	case len(b.Labels) == 0:
		return "", hcl.Diagnostics{failure(b.DefRange(), fmt.Sprintf("Missing name for %s", b.Type), fmt.Sprintf("A %s needs a name, by which others refer to it: write %s \"NAME\" { … }.", b.Type, b.Type))}
	case len(b.Labels) > 1:
		return "", hcl.Diagnostics{failure(b.LabelRanges[1], fmt.Sprintf("Extraneous label for %s", b.Type), fmt.Sprintf("A %s has one name: write %s %q { … }.", b.Type, b.Type, b.Labels[0]))}
	case !nameable(b.Labels[0]):
		return "", hcl.Diagnostics{badName(b.LabelRanges[0])}
	}
	return b.Labels[0], nil
}

// nameable reports whether references can be written to what is called name.
func nameable(name string) bool {
	_, err := schema.ParseAddr("block." + name)
	return err == nil && hclsyntax.ValidIdentifier(name)
}

func badName(at hcl.Range) *hcl.Diagnostic {
	return failure(at, "Invalid name", "A name begins with a letter or an underscore, and holds letters, digits, underscores and hyphens.")
}

// unknownBlock is a block that does not stand at the top of a file.
func unknownBlock(b *hclsyntax.Block, types []*schema.Type) *hcl.Diagnostic {
	if b.Type == "test" {
		return failure(b.DefRange(), "Tests stand in files of their own", "A test belongs into a file that ends with .mailtest.hcl. Move the block there.")
	}
	names := []string{"variable", "locals", "check", "moved"}
	for _, t := range types {
		names = append(names, t.Name)
	}
	return failure(b.TypeRange, "Unsupported block type", fmt.Sprintf("Blocks of type %q are not expected here%s", b.Type, orList(schema.DidYouMean(b.Type, names), names)))
}
