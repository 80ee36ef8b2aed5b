package schema

import (
	"encoding/json"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"github.com/zclconf/go-cty/cty"
	ctyjson "github.com/zclconf/go-cty/cty/json"
)

// AppendJSON appends the canonical value of b, which is of type t, to buf: what
// cty makes of b.Value() and the type of its body, byte for byte, in a tenth of the
// time.
func (t *Type) AppendJSON(buf []byte, b Block) ([]byte, error) {
	return t.Body.appendJSON(buf, b.object().values)
}

func (b *Body) appendJSON(buf []byte, values []cty.Value) ([]byte, error) {
	buf = append(buf, '{')
	var err error
	for i, at := range b.sorted {
		if i > 0 {
			buf = append(buf, ',')
		}
		v := values[at]
		if at < len(b.Attrs) {
			buf = append(strconv.AppendQuote(buf, b.Attrs[at].Name), ':')
			buf, err = appendJSON(buf, v, b.Attrs[at].Kind.Type())
		} else {
			n := &b.Blocks[at-len(b.Attrs)]
			buf = append(strconv.AppendQuote(buf, n.Name), ':')
			switch {
			case v.IsNull() || n.Label != nil:
				buf, err = appendJSON(buf, v, n.Type())
			case n.Variants != nil:
				buf, err = n.appendVariants(buf, v)
			default:
				buf, err = n.Body.appendJSON(buf, n.Body.split(v))
			}
		}
		if err != nil {
			return buf, err
		}
	}
	return append(buf, '}'), nil
}

// appendVariants appends the object of which one attribute is the variant that
// was chosen.
func (n *Nested) appendVariants(buf []byte, v cty.Value) ([]byte, error) {
	variants := slices.DeleteFunc(slices.Clone(n.Variants), func(v Variant) bool { return v.Body == nil })
	slices.SortFunc(variants, func(a, b Variant) int { return strings.Compare(a.Label, b.Label) })
	buf = append(buf, '{')
	for i, variant := range variants {
		if i > 0 {
			buf = append(buf, ',')
		}
		buf = append(strconv.AppendQuote(buf, variant.Label), ':')
		inner := v.GetAttr(variant.Label)
		if inner.IsNull() {
			buf = append(buf, "null"...)
			continue
		}
		var err error
		if buf, err = variant.Body.appendJSON(buf, variant.Body.split(inner)); err != nil {
			return buf, err
		}
	}
	return append(buf, '}'), nil
}

// appendJSON appends v, which conforms to ty. What is rare is left to cty.
func appendJSON(buf []byte, v cty.Value, ty cty.Type) ([]byte, error) {
	switch {
	case !v.IsKnown() || ty == cty.DynamicPseudoType:
	case v.IsNull():
		return append(buf, "null"...), nil
	case ty == cty.String:
		return appendString(buf, v.AsString())
	case ty == cty.Bool:
		return strconv.AppendBool(buf, v.True()), nil
	case ty == cty.Number:
		if n, ok := small(v.AsBigFloat()); ok {
			return strconv.AppendInt(buf, n, 10), nil
		}
	case ty.IsListType(), ty.IsSetType():
		buf = append(buf, '[')
		for i, e := range elements(v) {
			if i > 0 {
				buf = append(buf, ',')
			}
			var err error
			if buf, err = appendJSON(buf, e, ty.ElementType()); err != nil {
				return buf, err
			}
		}
		return append(buf, ']'), nil
	}
	raw, err := ctyjson.Marshal(v, ty)
	return append(buf, raw...), err
}

// small gives f if it is a natural number of which all digits are certain.
func small(f *big.Float) (int64, bool) {
	n, acc := f.Int64()
	return n, acc == big.Exact && !f.Signbit() && n < 1<<31
}

func appendString(buf []byte, s string) ([]byte, error) {
	start := len(buf)
	buf = append(buf, '"')
	for i := range len(s) {
		switch c := s[i]; {
		case c < ' ', c > '~', c == '<', c == '>', c == '&':
			raw, err := json.Marshal(s)
			return append(buf[:start], raw...), err
		case c == '"', c == '\\': // in every address with a key
			buf = append(buf, '\\', c)
		default:
			buf = append(buf, c)
		}
	}
	return append(buf, '"'), nil
}
