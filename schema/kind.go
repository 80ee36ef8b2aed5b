package schema

import (
	"fmt"
	"strings"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// Kind says which values an attribute takes.
type Kind interface {
	// Type is the type of the canonical value.
	Type() cty.Type
	// Canon checks v, which is of Type, known and not null, and gives its canonical
	// form: two values that mean the same are equal then. It is idempotent. The
	// error is half a sentence that says what is wrong and what to write instead; it
	// is a cty.PathError where it concerns an element.
	Canon(v cty.Value) (cty.Value, error)
	// What names the kind in messages and in the manual: "a duration like 15m".
	What() string
}

// scalar is a Kind whose values are strings with a form of their own.
type scalar struct {
	what  string
	canon func(string) (string, error)
}

func (k scalar) Type() cty.Type { return cty.String }
func (k scalar) What() string   { return k.what }
func (k scalar) Canon(v cty.Value) (cty.Value, error) {
	given := v.AsString()
	s, err := k.canon(given)
	if err != nil || s == given {
		return v, err
	}
	return cty.StringVal(s), nil
}

// Text is any string.
func Text() Kind {
	return scalar{"a string", func(s string) (string, error) { return s, nil }}
}

// OneOf is one of the given words.
func OneOf(words ...string) Kind {
	return scalar{"one of " + list(words), func(s string) (string, error) {
		for _, w := range words {
			if strings.EqualFold(w, s) {
				return w, nil
			}
		}
		return "", fmt.Errorf("%q is not known here: write one of %s%s", s, list(words), DidYouMean(s, words))
	}}
}

type boolKind struct{}

// Bool is true or false.
func Bool() Kind                                      { return boolKind{} }
func (boolKind) Type() cty.Type                       { return cty.Bool }
func (boolKind) What() string                         { return "true or false" }
func (boolKind) Canon(v cty.Value) (cty.Value, error) { return v, nil }

type intKind struct{ min, max int64 }

// Int is a whole number from min to max.
func Int(min, max int64) Kind { return intKind{min, max} }

func (intKind) Type() cty.Type { return cty.Number }
func (k intKind) What() string {
	return fmt.Sprintf("a whole number from %d to %d", k.min, k.max)
}
func (k intKind) Canon(v cty.Value) (cty.Value, error) {
	f := v.AsBigFloat()
	n, acc := f.Int64()
	if acc != 0 || !f.IsInt() || n < k.min || n > k.max {
		return v, fmt.Errorf("%s is out of range: write %s", f.Text('g', 12), k.What())
	}
	return v, nil
}

// collection is a list, or a set kept as a sorted list: order of a set does not
// matter, and repetition neither, so the canonical form has neither.
type collection struct {
	elem Kind
	set  bool
	min  int
}

// List is a list of elem in the order of the user.
func List(elem Kind) Kind { return collection{elem: elem} }

// Some is a list of elem with one element at least.
func Some(elem Kind) Kind { return collection{elem: elem, min: 1} }

// Set is a set of elem.
func Set(elem Kind) Kind { return collection{elem: elem, set: true} }

// SomeSet is a set of elem with one element at least.
func SomeSet(elem Kind) Kind { return collection{elem: elem, set: true, min: 1} }

func (k collection) Type() cty.Type {
	if k.set {
		return cty.Set(k.elem.Type())
	}
	return cty.List(k.elem.Type())
}

func (k collection) What() string {
	if k.set {
		return "a set, each " + k.elem.What()
	}
	return "a list, each " + k.elem.What()
}

func (k collection) Canon(v cty.Value) (cty.Value, error) {
	out := elements(v)
	changed := false
	for i, ev := range out {
		path := func() cty.Path {
			if k.set {
				return cty.IndexPath(ev)
			}
			return cty.IndexIntPath(i)
		}
		if ev.IsNull() {
			return v, path().NewErrorf("null is not allowed here: write %s, or leave it out", k.elem.What())
		}
		cv, err := k.elem.Canon(ev)
		if err != nil {
			return v, under(path(), err)
		}
		changed = changed || !cv.RawEquals(ev)
		out[i] = cv
	}
	switch {
	case len(out) < k.min:
		return v, fmt.Errorf("must not be empty: write %s", k.What())
	case len(out) == 0 && k.set:
		return cty.SetValEmpty(k.elem.Type()), nil
	case len(out) == 0:
		return cty.ListValEmpty(k.elem.Type()), nil
	case !changed:
		return v, nil
	case k.set:
		return cty.SetVal(out), nil
	}
	return cty.ListVal(out), nil
}

type mapKind struct{ key, elem Kind }

// Map is a map from key, a kind of string, to elem.
func Map(key, elem Kind) Kind { return mapKind{key, elem} }

func (k mapKind) Type() cty.Type { return cty.Map(k.elem.Type()) }
func (k mapKind) What() string {
	return "a map from " + k.key.What() + " to " + k.elem.What()
}
func (k mapKind) Canon(v cty.Value) (cty.Value, error) {
	out := map[string]cty.Value{}
	for key, ev := range v.AsValueMap() {
		path := cty.IndexStringPath(key)
		kv, err := k.key.Canon(cty.StringVal(key))
		if err != nil {
			return v, under(path, err)
		}
		if ev.IsNull() {
			return v, path.NewErrorf("null is not allowed here: write %s", k.elem.What())
		}
		if out[kv.AsString()], err = k.elem.Canon(ev); err != nil {
			return v, under(path, err)
		}
	}
	if len(out) == 0 {
		return cty.MapValEmpty(k.elem.Type()), nil
	}
	return cty.MapVal(out), nil
}

// RefKind is a reference to a block of the type To. Its canonical value is the
// address as a string; lang refuses a string that the user wrote.
type RefKind struct{ To string }

// Ref is a reference to a block of type to.
func Ref(to string) Kind { return RefKind{to} }

func (RefKind) Type() cty.Type { return cty.String }
func (k RefKind) What() string { return fmt.Sprintf("a reference like %s.NAME", k.To) }
func (k RefKind) Canon(v cty.Value) (cty.Value, error) {
	a, err := ParseAddr(v.AsString())
	if err != nil {
		return v, err
	}
	if a.Type != k.To {
		return v, fmt.Errorf("%s is not a %s: write %s", a, k.To, k.What())
	}
	return v, nil
}

// SecretType is the type of what secret_file and secret_env give: a reference to
// a secret, never the secret. One of its two attributes is null.
func SecretType() cty.Type {
	return cty.Object(map[string]cty.Type{"secret_file": cty.String, "secret_env": cty.String})
}

type secretKind struct{ absolute bool }

// SecretKind is a reference to a secret. With absolute, a file must be named by
// an absolute path, because the relay that reads it has no configuration
// directory.
func SecretKind(absolute bool) Kind { return secretKind{absolute} }

func (secretKind) Type() cty.Type { return SecretType() }
func (secretKind) What() string {
	return `a reference to a secret: secret_file("/path") or secret_env("NAME")`
}
func (k secretKind) Canon(v cty.Value) (cty.Value, error) {
	file, env := v.GetAttr("secret_file"), v.GetAttr("secret_env")
	if file.IsNull() == env.IsNull() {
		return v, fmt.Errorf("write %s", k.What())
	}
	if k.absolute && !file.IsNull() && !absolute(file.AsString()) {
		return v, fmt.Errorf("the relay reads this file itself and has no configuration directory: write an absolute path instead of %q", file.AsString())
	}
	return v, nil
}

// Convert converts v to the type of k, with an error that names what is wanted.
func Convert(k Kind, v cty.Value) (cty.Value, error) {
	ty := k.Type()
	if v.Type().Equals(ty) && ty != cty.DynamicPseudoType {
		return v, nil
	}
	out, err := convert.Convert(v, ty)
	if err != nil {
		return v, fmt.Errorf("%s; write %s", err, k.What())
	}
	return out, nil
}

func list(words []string) string { return strings.Join(words, ", ") }
