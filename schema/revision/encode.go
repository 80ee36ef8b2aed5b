package revision

import (
	"encoding/json"
	"maps"
	"math/big"
	"slices"
	"strconv"

	"github.com/zclconf/go-cty/cty"
	ctyjson "github.com/zclconf/go-cty/cty/json"
)

// encoder writes canonical values as cty's JSON, byte for byte as ctyjson.Marshal
// does, and without what that does again for every value: a revision has tens of
// thousands.
type encoder struct{ buf []byte }

// value appends v, which is of type t.
func (e *encoder) value(v cty.Value, t cty.Type) error {
	switch {
	case t == cty.DynamicPseudoType || v.IsMarked() || !v.IsKnown():
		raw, err := ctyjson.Marshal(v, t)
		e.buf = append(e.buf, raw...)
		return err
	case v.IsNull():
		e.buf = append(e.buf, "null"...)
	case t == cty.String:
		e.string(v.AsString())
	case t == cty.Bool:
		e.buf = strconv.AppendBool(e.buf, v.True())
	case t == cty.Number:
		e.number(v.AsBigFloat())
	case t.IsListType() || t.IsSetType():
		return e.list(v, t.ElementType())
	case t.IsMapType():
		return e.members(v, slices.Sorted(maps.Keys(v.AsValueMap())), func(string) cty.Type { return t.ElementType() })
	case t.IsObjectType():
		types := t.AttributeTypes()
		return e.members(v, slices.Sorted(maps.Keys(types)), func(name string) cty.Type { return types[name] })
	default:
		raw, err := ctyjson.Marshal(v, t)
		e.buf = append(e.buf, raw...)
		return err
	}
	return nil
}

func (e *encoder) list(v cty.Value, elem cty.Type) error {
	e.buf = append(e.buf, '[')
	first := true
	for it := v.ElementIterator(); it.Next(); first = false {
		if !first {
			e.buf = append(e.buf, ',')
		}
		_, x := it.Element()
		if err := e.value(x, elem); err != nil {
			return err
		}
	}
	e.buf = append(e.buf, ']')
	return nil
}

// members appends the members of a map or an object.
func (e *encoder) members(v cty.Value, names []string, typ func(string) cty.Type) error {
	all := v.AsValueMap()
	e.buf = append(e.buf, '{')
	for i, name := range names {
		if i > 0 {
			e.buf = append(e.buf, ',')
		}
		e.string(name)
		e.buf = append(e.buf, ':')
		if err := e.value(all[name], typ(name)); err != nil {
			return err
		}
	}
	e.buf = append(e.buf, '}')
	return nil
}

func (e *encoder) string(s string) {
	for _, c := range []byte(s) {
		if c < ' ' || c > '~' || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' {
			raw, _ := json.Marshal(s) // strings always marshal
			e.buf = append(e.buf, raw...)
			return
		}
	}
	e.buf = append(e.buf, '"')
	e.buf = append(e.buf, s...)
	e.buf = append(e.buf, '"')
}

func (e *encoder) number(n *big.Float) {
	if i, exact := n.Int64(); exact == big.Exact && !n.Signbit() {
		e.buf = strconv.AppendInt(e.buf, i, 10)
		return
	}
	e.buf = n.Append(e.buf, 'f', -1)
}
