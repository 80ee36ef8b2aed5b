package schema

import (
	"fmt"

	"github.com/zclconf/go-cty/cty"
)

// Body describes what may stand between the braces of a block. The same
// description drives decoding, defaults, validation and suggestions.
type Body struct {
	Attrs  []Attr
	Blocks []Nested
	// Open, if not empty, is the attribute of kind Anything that collects, as an
	// object, further attributes of any name. It cannot be written itself.
	Open string

	typ cty.Type // what Type gives, once the description is complete
}

// Attr describes one attribute.
type Attr struct {
	Name     string
	Kind     Kind
	Required bool
	Default  cty.Value // canonical; cty.NilVal means null
	Doc      string    // one sentence for the manual
	// Later, if not empty, says what this version does not do yet: the attribute
	// is known, and refused with this sentence rather than ignored.
	Later string
}

// Nested describes a block inside a block. Exactly one of Label and Variants may
// be set; without either the block has no label and stands at most once.
type Nested struct {
	Name     string
	Body     *Body     // nil with Variants
	Label    Kind      // the block has a label of this kind and may stand once for each
	Variants []Variant // the label chooses the body, and one variant may stand
	Doc      string
	Later    string

	typ cty.Type // what Type gives, once the description is complete
}

// Variant is one of the bodies among which a label chooses: update "rfc2136".
type Variant struct {
	Label string
	Body  *Body
	Doc   string
	Later string
}

// Attr returns the attribute called name.
func (b *Body) Attr(name string) (Attr, bool) {
	for _, a := range b.Attrs {
		if a.Name == name {
			return a, true
		}
	}
	return Attr{}, false
}

// Type is the type of the canonical value of a block with this body: an object
// in which every attribute is present, and null where it was neither given nor
// has a default. A nested block is an object or null, one with labels a map from
// label to object, one with variants an object with an attribute a variant.
func (b *Body) Type() cty.Type {
	if b.typ != cty.NilType {
		return b.typ
	}
	types := map[string]cty.Type{}
	for _, a := range b.Attrs {
		types[a.Name] = a.Kind.Type()
	}
	for _, n := range b.Blocks {
		types[n.Name] = n.Type()
	}
	return cty.Object(types)
}

// Type is the type of the canonical value of the nested block, or blocks.
func (n Nested) Type() cty.Type {
	switch {
	case n.typ != cty.NilType:
		return n.typ
	case n.Label != nil:
		return cty.Map(n.Body.Type())
	case n.Variants != nil:
		types := map[string]cty.Type{}
		for _, v := range n.Variants {
			if v.Body != nil {
				types[v.Label] = v.Body.Type()
			}
		}
		return cty.Object(types)
	default:
		return n.Body.Type()
	}
}

// Canon checks every attribute of v, which must be of the body's Type, and gives
// it in canonical form. It is idempotent. The error is a cty.PathError.
func (b *Body) Canon(v cty.Value) (cty.Value, error) {
	if v.IsNull() {
		return v, nil
	}
	out := map[string]cty.Value{}
	for _, a := range b.Attrs {
		path := cty.GetAttrPath(a.Name)
		av := v.GetAttr(a.Name)
		if av.IsNull() {
			if a.Required {
				return v, path.NewErrorf("is required")
			}
			if a.Default != cty.NilVal {
				av = a.Default
			}
			out[a.Name] = av
			continue
		}
		cv, err := a.Kind.Canon(av)
		if err != nil {
			return v, under(path, err)
		}
		out[a.Name] = cv
	}
	for _, n := range b.Blocks {
		cv, err := n.canon(v.GetAttr(n.Name))
		if err != nil {
			return v, under(cty.GetAttrPath(n.Name), err)
		}
		out[n.Name] = cv
	}
	return OfType(b.Type(), cty.ObjectVal(out)), nil
}

func (n Nested) canon(v cty.Value) (cty.Value, error) {
	switch {
	case v.IsNull():
		return v, nil
	case n.Label != nil:
		elems := map[string]cty.Value{}
		for label, ev := range v.AsValueMap() {
			path := cty.IndexStringPath(label)
			lv, err := n.Label.Canon(cty.StringVal(label))
			if err != nil {
				return v, under(path, err)
			}
			if _, dup := elems[lv.AsString()]; dup {
				return v, path.NewErrorf("%s %q stands twice", n.Name, lv.AsString())
			}
			if elems[lv.AsString()], err = n.Body.Canon(ev); err != nil {
				return v, under(path, err)
			}
		}
		if len(elems) == 0 {
			return cty.MapValEmpty(n.Body.Type()), nil
		}
		return cty.MapVal(elems), nil
	case n.Variants != nil:
		out := v.AsValueMap()
		for _, variant := range n.Variants {
			if variant.Body == nil {
				continue
			}
			cv, err := variant.Body.Canon(out[variant.Label])
			if err != nil {
				return v, under(cty.GetAttrPath(variant.Label), err)
			}
			out[variant.Label] = cv
		}
		return cty.ObjectVal(out), nil
	default:
		return n.Body.Canon(v)
	}
}

// under puts path before the path of err.
func under(path cty.Path, err error) error {
	if pe, ok := err.(cty.PathError); ok {
		return append(path, pe.Path...).NewError(fmt.Errorf("%s", pe.Error()))
	}
	return path.NewError(err)
}
