package lang

import (
	"fmt"

	"github.com/agext/levenshtein"
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/mailrelay/mailrelay/schema"
)

// freeName looks at the name of a free attribute of an open body: one that is
// taken, and one that may be a slip of the pen.
func freeName(desc *schema.Body, a *hclsyntax.Attribute, what string) hcl.Diagnostics {
	if a.Name == "address" {
		return hcl.Diagnostics{failure(a.NameRange, "Reserved name", "Every block has an address by itself, as in record.mx.address. Give this value another name.")}
	}
	for _, own := range desc.Attrs {
		if own.Name == desc.Open || levenshtein.Distance(a.Name, own.Name, nil) > len(own.Name)/4 {
			continue
		}
		d := failure(a.NameRange, "Value that looks like an argument",
			fmt.Sprintf("In %s every name that is no argument is a value of your own, and %s is one now. If the argument is meant, write %s; otherwise give it a name that nobody takes for it.", what, a.Name, own.Name))
		d.Severity = hcl.DiagWarning
		return hcl.Diagnostics{d}
	}
	return nil
}

// free evaluates the free attributes of b. views are the values that references
// read, and stored is the object to keep, in which a reference to a block is the
// block's address.
func (s *scope) free(b *body) (stored cty.Value, views map[string]cty.Value) {
	views = make(map[string]cty.Value, len(b.free))
	kept := make(map[string]cty.Value, len(b.free))
	for _, a := range b.free {
		v, ok := s.attr(a)
		if !ok {
			s.failed = true
			continue
		}
		views[a.desc.Name], kept[a.desc.Name] = v, s.views.addresses(v)
		if holdsSecret(kept[a.desc.Name]) {
			s.failed = true
			s.report(a.src.Expr, "Incorrect attribute value type", fmt.Sprintf("%s takes no secret. A secret may stand only where an argument takes one, because whatever stands elsewhere is shown in plans.", a.desc.Name))
		}
	}
	if s.failed {
		return cty.EmptyObjectVal, nil
	}
	return cty.ObjectVal(kept), views
}

// holdsSecret reports whether a secret stands anywhere in v.
func holdsSecret(v cty.Value) bool {
	found := false
	cty.Walk(v, func(_ cty.Path, inner cty.Value) (bool, error) {
		found = found || inner.Type().Equals(schema.SecretType())
		return !found, nil
	})
	return found
}

// addresses is v with the address in place of each view.
func (v *views) addresses(value cty.Value) cty.Value {
	if out, err := cty.TransformWithTransformer(value, pointing{v}); err == nil {
		return out
	}
	return value
}

// pointing replaces views by addresses on the way in, so that nothing inside them
// is looked at.
type pointing struct{ views *views }

func (p pointing) Enter(_ cty.Path, v cty.Value) (cty.Value, error) {
	if a, ok := p.views.blockOf(v); ok {
		return cty.StringVal(a.String()), nil
	}
	return v, nil
}

func (p pointing) Exit(_ cty.Path, v cty.Value) (cty.Value, error) { return v, nil }
