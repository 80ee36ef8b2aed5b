package lang

import (
	"github.com/zclconf/go-cty/cty"

	"github.com/mailrelay/mailrelay/schema"
)

// views is what references evaluate to: for each block an object that has the
// block's attributes and its address. A reference inside is the object referred
// to, in turn, and a set of references a list of them, sorted by address. What
// merely orders is not in it. The free attributes of an open body stand beside
// the others, so two blocks of such a type have views of different types.
type views struct {
	types []*schema.Type
	of    map[string]cty.Type       // by type name; of an open body without what is free
	at    map[schema.Addr]cty.Value // of the blocks that something refers to
}

func newViews(types []*schema.Type) *views {
	v := &views{types: types, of: map[string]cty.Type{}, at: map[schema.Addr]cty.Value{}}
	for _, t := range types {
		v.typeOf(t)
	}
	return v
}

// readable reports whether references to a block of type t can read a.
func readable(t *schema.Type, a schema.Attr) bool {
	return a.Later == "" && a.Name != t.Body.Open && !orders(a.Kind)
}

// orders reports whether values of kind k order and carry no value.
func orders(k schema.Kind) bool {
	if elem := schema.Elem(k); elem != nil {
		k = elem
	}
	_, ok := k.(schema.OrderKind)
	return ok
}

// typeOf is the cty type of a reference to a block of type t. References between
// types form no ring.
func (v *views) typeOf(t *schema.Type) cty.Type {
	if ty, ok := v.of[t.Name]; ok {
		return ty
	}
	attrs := map[string]cty.Type{"address": cty.String}
	for _, a := range t.Body.Attrs {
		if readable(t, a) {
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
		return v.refType(ref)
	}
	if ref, ok := schema.Elem(k).(schema.RefKind); ok {
		return cty.List(v.refType(ref))
	}
	return k.Type()
}

func (v *views) refType(ref schema.RefKind) cty.Type {
	to := schema.TypeNamed(v.types, ref.To)
	if to.Body.Open != "" {
		return cty.DynamicPseudoType
	}
	return v.typeOf(to)
}

// add makes the view of b, whose references must have been added before. free are
// the free attributes of an open body, as they were evaluated.
func (v *views) add(t *schema.Type, b schema.Block, free map[string]cty.Value) cty.Value {
	attrs := map[string]cty.Value{"address": cty.StringVal(b.Addr().String())}
	for _, a := range t.Body.Attrs {
		if readable(t, a) {
			attrs[a.Name] = v.attr(a.Kind, b.Field(a.Name))
		}
	}
	for _, n := range t.Body.Blocks {
		if n.Later == "" {
			attrs[n.Name] = b.Field(n.Name)
		}
	}
	for name, value := range free {
		attrs[name] = value
	}
	view := schema.OfType(v.of[t.Name], cty.ObjectVal(attrs))
	v.at[b.Addr()] = view
	return view
}

func (v *views) attr(k schema.Kind, canonical cty.Value) cty.Value {
	if ref, ok := k.(schema.RefKind); ok {
		if canonical.IsNull() {
			return cty.NullVal(v.refType(ref))
		}
		return v.block(canonical.AsString())
	}
	ref, ok := schema.Elem(k).(schema.RefKind)
	switch {
	case !ok:
		return canonical
	case canonical.IsNull():
		return cty.NullVal(cty.List(v.refType(ref)))
	case canonical.LengthInt() == 0:
		return cty.ListValEmpty(v.refType(ref))
	}
	var out []cty.Value
	for _, s := range canonical.AsValueSlice() {
		out = append(out, v.block(s.AsString()))
	}
	if !cty.CanListVal(out) {
		return cty.TupleVal(out)
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

// instances is what a reference to a block of type t with for_each evaluates to:
// a map from key to view or, where views have different types, an object.
func (v *views) instances(t *schema.Type, byKey map[string]cty.Value) cty.Value {
	switch {
	case len(byKey) == 0:
		return cty.MapValEmpty(v.of[t.Name])
	case cty.CanMapVal(byKey):
		return cty.MapVal(byKey)
	}
	return cty.ObjectVal(byKey)
}

// blockOf is the block of which value is the view, if it is one. An object of the
// user's own that happens to have an address is none.
func (v *views) blockOf(value cty.Value) (schema.Addr, bool) {
	ty := value.Type()
	if !ty.IsObjectType() || !value.IsKnown() || value.IsNull() || !ty.HasAttribute("address") {
		return schema.Addr{}, false
	}
	text := value.GetAttr("address")
	if text.Type() != cty.String || !text.IsKnown() || text.IsNull() {
		return schema.Addr{}, false
	}
	a, err := schema.ParseAddr(text.AsString())
	view, ok := v.at[a]
	return a, err == nil && ok && view.Type().Equals(ty)
}

// typeNamed is the type of block of which value is the view, or of which it is
// all instances; empty if it is neither.
func (v *views) typeNamed(value cty.Value) (name string, many bool) {
	if a, ok := v.blockOf(value); ok {
		return a.Type, false
	}
	ty := value.Type()
	if !ty.IsMapType() && !ty.IsObjectType() || !value.IsKnown() || value.IsNull() {
		return "", false
	}
	if ty.IsMapType() && value.LengthInt() == 0 {
		for _, t := range v.types {
			if v.of[t.Name].Equals(ty.ElementType()) {
				return t.Name, true
			}
		}
		return "", false
	}
	for it := value.ElementIterator(); it.Next(); {
		_, elem := it.Element()
		a, ok := v.blockOf(elem)
		if !ok || name != "" && a.Type != name {
			return "", false
		}
		name = a.Type
	}
	return name, name != ""
}
