package lang

import (
	"slices"

	"github.com/zclconf/go-cty/cty"

	"github.com/mailrelay/mailrelay/schema"
)

// views is what references evaluate to: for each type of block an object of its
// own cty type, which has the block's attributes and its address. A reference
// inside is the object referred to, in turn, and a set of references a list of
// them, sorted by address.
type views struct {
	types []*schema.Type
	of    map[string]cty.Type       // by type name
	at    map[schema.Addr]cty.Value // of the blocks that something refers to
}

func newViews(types []*schema.Type) *views {
	v := &views{types: types, of: map[string]cty.Type{}, at: map[schema.Addr]cty.Value{}}
	for _, t := range types {
		v.typeOf(t)
	}
	return v
}

// typeOf is the cty type of a reference to a block of type t. References between
// types form no ring.
func (v *views) typeOf(t *schema.Type) cty.Type {
	if ty, ok := v.of[t.Name]; ok {
		return ty
	}
	attrs := map[string]cty.Type{"address": cty.String}
	for _, a := range t.Body.Attrs {
		if a.Later == "" {
			attrs[a.Name] = v.attrType(a.Kind)
		}
	}
	for _, n := range t.Body.Blocks {
		if n.Later == "" {
			attrs[n.Name] = n.Type()
		}
	}
	v.of[t.Name] = cty.Object(attrs)
	return v.of[t.Name]
}

func (v *views) attrType(k schema.Kind) cty.Type {
	if ref, ok := k.(schema.RefKind); ok {
		return v.typeOf(schema.TypeNamed(v.types, ref.To))
	}
	if ref, ok := schema.Elem(k).(schema.RefKind); ok {
		return cty.List(v.typeOf(schema.TypeNamed(v.types, ref.To)))
	}
	return k.Type()
}

// add makes the view of b, whose references must have been added before.
func (v *views) add(t *schema.Type, b schema.Block) cty.Value {
	canonical := b.Value()
	attrs := map[string]cty.Value{"address": cty.StringVal(b.Addr().String())}
	for _, a := range t.Body.Attrs {
		if a.Later == "" {
			attrs[a.Name] = v.attr(a.Kind, canonical.GetAttr(a.Name))
		}
	}
	for _, n := range t.Body.Blocks {
		if n.Later == "" {
			attrs[n.Name] = canonical.GetAttr(n.Name)
		}
	}
	v.at[b.Addr()] = cty.ObjectVal(attrs)
	return v.at[b.Addr()]
}

func (v *views) attr(k schema.Kind, canonical cty.Value) cty.Value {
	if ref, ok := k.(schema.RefKind); ok {
		if canonical.IsNull() {
			return cty.NullVal(v.of[ref.To])
		}
		return v.block(canonical.AsString())
	}
	ref, ok := schema.Elem(k).(schema.RefKind)
	switch {
	case !ok:
		return canonical
	case canonical.IsNull():
		return cty.NullVal(cty.List(v.of[ref.To]))
	case canonical.LengthInt() == 0:
		return cty.ListValEmpty(v.of[ref.To])
	}
	var out []cty.Value
	for _, s := range canonical.AsValueSlice() {
		out = append(out, v.block(s.AsString()))
	}
	return cty.ListVal(out)
}

func (v *views) block(address string) cty.Value {
	a, err := schema.ParseAddr(address)
	if value, ok := v.at[a]; ok && err == nil {
		return value
	}
	return cty.DynamicVal // the block could not be evaluated
}

// typeNamed is the type of block of which ty is the view, or of which ty is a
// map of views; empty if it is neither.
func (v *views) typeNamed(ty cty.Type) (name string, many bool) {
	if ty.IsMapType() {
		ty, many = ty.ElementType(), true
	}
	if !ty.IsObjectType() || !ty.HasAttribute("address") {
		return "", false
	}
	i := slices.IndexFunc(v.types, func(t *schema.Type) bool { return v.of[t.Name].Equals(ty) })
	if i < 0 {
		return "", false
	}
	return v.types[i].Name, many
}
