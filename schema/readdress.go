package schema

import "github.com/zclconf/go-cty/cty"

// Readdress gives v, a canonical value of b, with every address in it replaced by
// what to gives for it. Addresses inside free attributes stay: they are values.
func (b *Body) Readdress(v cty.Value, to func(Addr) Addr) cty.Value {
	if v.IsNull() {
		return v
	}
	out := v.AsValueMap()
	for _, a := range b.Attrs {
		av := out[a.Name]
		switch {
		case av.IsNull():
		case addresses(a.Kind):
			out[a.Name] = readdress(av, to)
		case Elem(a.Kind) != nil && addresses(Elem(a.Kind)) && av.LengthInt() > 0:
			var elems []cty.Value
			for _, ev := range av.AsValueSlice() {
				elems = append(elems, readdress(ev, to))
			}
			if out[a.Name] = cty.ListVal(elems); av.Type().IsSetType() {
				out[a.Name] = cty.SetVal(elems)
			}
		}
	}
	for _, n := range b.Blocks {
		if n.Label == nil && n.Variants == nil && !out[n.Name].IsNull() {
			out[n.Name] = n.Body.Readdress(out[n.Name], to)
		}
	}
	return cty.ObjectVal(out)
}

// addresses reports whether values of kind k are addresses.
func addresses(k Kind) bool {
	switch k.(type) {
	case RefKind, OrderKind:
		return true
	}
	return false
}

func readdress(v cty.Value, to func(Addr) Addr) cty.Value {
	a, err := ParseAddr(v.AsString())
	if err != nil {
		return v
	}
	return cty.StringVal(to(a).String())
}
