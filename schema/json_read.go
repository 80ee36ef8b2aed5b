package schema

import (
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	ctyjson "github.com/zclconf/go-cty/cty/json"
)

// FromJSON makes the block at a of what AppendJSON wrote. An attribute that is
// not known is an error, and one that is missing is null.
func (t *Type) FromJSON(a Addr, data []byte, decl hcl.Range) (Block, error) {
	r := jsonReader{rest: data}
	if values, ok := r.body(t.Body); ok && len(r.rest) == 0 {
		return t.Make(a, values, nil, decl)
	}
	v, err := ctyjson.Unmarshal(data, t.Body.Type())
	if err != nil {
		return nil, err
	}
	return t.New(a, v, decl)
}

// jsonReader reads the JSON of blocks as AppendJSON writes it. Where anything else
// stands, be it a space, its methods are false: cty reads that, or says what is
// wrong with it.
type jsonReader struct{ rest []byte }

// skip takes what stands next if it is text.
func (r *jsonReader) skip(text string) bool {
	if len(r.rest) < len(text) || string(r.rest[:len(text)]) != text {
		return false
	}
	r.rest = r.rest[len(text):]
	return true
}

// body reads an object with the values of b, each once.
func (r *jsonReader) body(b *Body) ([]cty.Value, bool) {
	values := make([]cty.Value, len(b.Attrs)+len(b.Blocks))
	for i, at := range b.sorted {
		name, ty := b.item(at)
		open := ","
		if i == 0 {
			open = "{"
		}
		if !r.skip(open) || !r.skip(`"`) || !r.skip(name) || !r.skip(`":`) {
			return nil, false
		}
		v, ok := r.value(ty)
		if !ok {
			return nil, false
		}
		values[at] = v
	}
	return values, r.skip("}")
}

// item is the name and type of the attribute or nested block at a place.
func (b *Body) item(at int) (string, cty.Type) {
	if at < len(b.Attrs) {
		return b.Attrs[at].Name, b.Attrs[at].Kind.Type()
	}
	n := &b.Blocks[at-len(b.Attrs)]
	return n.Name, n.Type()
}

func (r *jsonReader) value(ty cty.Type) (cty.Value, bool) {
	if ty == cty.DynamicPseudoType {
		return cty.NilVal, false
	}
	if r.skip("null") {
		return cty.NullVal(ty), true
	}
	switch {
	case ty == cty.String:
		s, ok := r.text()
		return cty.StringVal(s), ok
	case ty == cty.Bool && r.skip("true"):
		return cty.True, true
	case ty == cty.Bool && r.skip("false"):
		return cty.False, true
	case ty == cty.Number:
		return r.number()
	case ty.IsListType(), ty.IsSetType():
		return r.list(ty)
	case ty.IsObjectType(), ty.IsMapType():
		raw, ok := r.object()
		if !ok {
			return cty.NilVal, false
		}
		v, err := ctyjson.Unmarshal(raw, ty)
		return v, err == nil
	}
	return cty.NilVal, false
}

// text reads a string in which quotes and backslashes alone are escaped.
func (r *jsonReader) text() (string, bool) {
	if !r.skip(`"`) {
		return "", false
	}
	escaped := 0
	for i := 0; i < len(r.rest); i++ {
		switch c := r.rest[i]; {
		case c < ' ':
			return "", false
		case c == '\\':
			i++
			if escaped++; i == len(r.rest) || r.rest[i] != '"' && r.rest[i] != '\\' {
				return "", false
			}
		case c == '"':
			s := plain(r.rest[:i], escaped)
			r.rest = r.rest[i+1:]
			return s, utf8.ValidString(s)
		}
	}
	return "", false
}

// plain is text without the backslashes before so many bytes of it.
func plain(text []byte, escaped int) string {
	if escaped == 0 {
		return string(text)
	}
	out := make([]byte, 0, len(text)-escaped)
	for i := 0; i < len(text); i++ {
		if text[i] == '\\' {
			i++
		}
		out = append(out, text[i])
	}
	return string(out)
}

// number reads a natural number of a few digits.
func (r *jsonReader) number() (cty.Value, bool) {
	var n int64
	i := 0
	for ; i < len(r.rest) && '0' <= r.rest[i] && r.rest[i] <= '9'; i++ {
		if i == 10 || i == 1 && n == 0 {
			return cty.NilVal, false
		}
		n = 10*n + int64(r.rest[i]-'0')
	}
	if i == 0 || i < len(r.rest) && r.rest[i] != ',' && r.rest[i] != '}' && r.rest[i] != ']' {
		return cty.NilVal, false
	}
	r.rest = r.rest[i:]
	return cty.NumberIntVal(n), true
}

func (r *jsonReader) list(ty cty.Type) (cty.Value, bool) {
	if !r.skip("[") {
		return cty.NilVal, false
	}
	var out []cty.Value
	for !r.skip("]") {
		if len(out) > 0 && !r.skip(",") {
			return cty.NilVal, false
		}
		v, ok := r.value(ty.ElementType())
		if !ok {
			return cty.NilVal, false
		}
		out = append(out, v)
	}
	switch {
	case len(out) == 0 && ty.IsSetType():
		return cty.SetValEmpty(ty.ElementType()), true
	case len(out) == 0:
		return cty.ListValEmpty(ty.ElementType()), true
	case ty.IsSetType():
		return cty.SetVal(out), true
	}
	return cty.ListVal(out), true
}

// object takes a whole object, whatever is in it.
func (r *jsonReader) object() ([]byte, bool) {
	depth, quoted := 0, false
	for i := 0; i < len(r.rest); i++ {
		switch c := r.rest[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{':
			depth++
		case c == '}':
			depth--
		}
		if depth == 0 {
			raw := r.rest[:i+1]
			r.rest = r.rest[i+1:]
			return raw, raw[0] == '{'
		}
	}
	return nil, false
}
