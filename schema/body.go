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

	typ    cty.Type // what Type gives, once the description is complete
	sorted []int    // the places of attributes and nested blocks in the order of their names, likewise
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
	values := b.split(v)
	if err := b.canon(values, nil); err != nil {
		return v, err
	}
	return b.Join(values), nil
}

// Nulls are the values of a block in which nothing was written and no default
// applied yet, in the order of Join. They are the caller's.
func (b *Body) Nulls() []cty.Value {
	values := make([]cty.Value, 0, len(b.Attrs)+len(b.Blocks))
	for i := range b.Attrs {
		values = append(values, cty.NullVal(b.Attrs[i].Kind.Type()))
	}
	for i := range b.Blocks {
		values = append(values, cty.NullVal(b.Blocks[i].Type()))
	}
	return values
}

// split gives the values of the attributes and then of the nested blocks in v,
// which must be of the body's Type.
func (b *Body) split(v cty.Value) []cty.Value {
	values := make([]cty.Value, 0, len(b.Attrs)+len(b.Blocks))
	for i := range b.Attrs {
		values = append(values, v.GetAttr(b.Attrs[i].Name))
	}
	for i := range b.Blocks {
		values = append(values, v.GetAttr(b.Blocks[i].Name))
	}
	return values
}

// Join is the value of a block with these values of its attributes and then of its
// nested blocks, in the order of b.
func (b *Body) Join(values []cty.Value) cty.Value {
	out := make(map[string]cty.Value, len(values))
	for i := range b.Attrs {
		out[b.Attrs[i].Name] = values[i]
	}
	for i := range b.Blocks {
		out[b.Blocks[i].Name] = values[len(b.Attrs)+i]
	}
	return OfType(b.Type(), cty.ObjectVal(out))
}

// canon is Canon for values in the order of split, which it changes. Those that
// are the zero Value are taken from like, where they are canonical.
func (b *Body) canon(values, like []cty.Value) error {
	for i := range b.Attrs {
		a, v := &b.Attrs[i], values[i]
		switch {
		case v == cty.NilVal:
			values[i] = like[i]
		case !v.IsNull():
			cv, err := a.Kind.Canon(v)
			if err != nil {
				return under(cty.GetAttrPath(a.Name), err)
			}
			values[i] = cv
		case a.Required:
			return cty.GetAttrPath(a.Name).NewErrorf("is required")
		case a.Default != cty.NilVal:
			values[i] = a.Default
		}
	}
	for i := range b.Blocks {
		n, at := &b.Blocks[i], len(b.Attrs)+i
		if values[at] == cty.NilVal {
			values[at] = like[at]
			continue
		}
		cv, err := n.canon(values[at])
		if err != nil {
			return under(cty.GetAttrPath(n.Name), err)
		}
		values[at] = cv
	}
	return nil
}

func (n *Nested) canon(v cty.Value) (cty.Value, error) {
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
