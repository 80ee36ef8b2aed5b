package schema

import (
	"net/netip"
	"time"

	"github.com/zclconf/go-cty/cty"
	"go4.org/netipx"
)

// object reads typed values out of a canonical one. What is null reads as the
// zero value. A canonical value always parses, so nothing here fails.
//
// A whole block is kept as the values of its attributes and nested blocks, in the
// order of its description: an object of cty takes several times the room, and
// most blocks are never asked for one.
type object struct {
	body   *Body // nil: v holds the values
	values []cty.Value
	v      cty.Value
}

// get is the value of the attribute or nested block called name.
func (o object) get(name string) cty.Value {
	if o.body == nil {
		return o.v.GetAttr(name)
	}
	for i := range o.body.Attrs {
		if o.body.Attrs[i].Name == name {
			return o.values[i]
		}
	}
	for i := range o.body.Blocks {
		if o.body.Blocks[i].Name == name {
			return o.values[len(o.body.Attrs)+i]
		}
	}
	panic("no attribute " + name) // a slip in this program, as with GetAttr
}

// value is o as one value of cty.
func (o object) value() cty.Value {
	if o.body == nil {
		return o.v
	}
	return o.body.Join(o.values)
}

func (o object) has(name string) bool { return !o.get(name).IsNull() }

func (o object) str(name string) string {
	v := o.get(name)
	if v.IsNull() {
		return ""
	}
	return v.AsString()
}

func (o object) strs(name string) []string {
	v := o.get(name)
	if v.IsNull() {
		return nil
	}
	var out []string
	for _, e := range elements(v) {
		out = append(out, e.AsString())
	}
	return out
}

// limit is strs for a list that narrows something: not given it is nil and no limit,
// and given without elements it is not nil, and lets nothing through.
func (o object) limit(name string) []string {
	if !o.has(name) {
		return nil
	}
	return append([]string{}, o.strs(name)...)
}

// elements are those of a list or set.
func elements(v cty.Value) []cty.Value {
	if v.Type().IsListType() && v.LengthInt() == 1 { // an iterator makes a number for each place
		return []cty.Value{v.Index(cty.Zero)}
	}
	return v.AsValueSlice()
}

func (o object) flag(name string) bool { return o.has(name) && o.get(name).True() }

func (o object) num(name string) int {
	if !o.has(name) {
		return 0
	}
	n, _ := o.get(name).AsBigFloat().Int64()
	return int(n)
}

func (o object) duration(name string) time.Duration {
	d, _ := ParseDuration(o.str(name))
	return d
}

func (o object) size(name string) int64 {
	if !o.has(name) {
		return 0
	}
	n, _ := ParseSize(o.str(name))
	return n
}

func (o object) ref(name string) Addr {
	a, _ := ParseAddr(o.str(name))
	return a
}

func (o object) refs(name string) []Addr {
	var out []Addr
	for _, s := range o.strs(name) {
		a, _ := ParseAddr(s)
		out = append(out, a)
	}
	return out
}

func (o object) ranges(name string) []netipx.IPRange {
	var out []netipx.IPRange
	for _, s := range o.strs(name) {
		r, _ := ParseRange(s)
		out = append(out, r)
	}
	return out
}

func (o object) addrs(name string) []netip.Addr {
	var out []netip.Addr
	for _, s := range o.strs(name) {
		a, _ := netip.ParseAddr(s)
		out = append(out, a)
	}
	return out
}

func (o object) secret(name string) Secret {
	if !o.has(name) {
		return Secret{}
	}
	s := object{v: o.get(name)}
	return Secret{File: s.str("secret_file"), Env: s.str("secret_env")}
}

// sub gives the nested block called name and whether it is there.
func (o object) sub(name string) (object, bool) {
	return object{v: o.get(name)}, o.has(name)
}

// each calls f for each nested block with a label, in the order of the labels.
func (o object) each(name string, f func(label string, o object)) {
	if !o.has(name) {
		return
	}
	for it := o.get(name).ElementIterator(); it.Next(); {
		k, v := it.Element()
		f(k.AsString(), object{v: v})
	}
}

// Secret says where a secret is read at the moment of use. It is never the
// secret itself. The zero Secret is none.
type Secret struct{ File, Env string }

// IsZero reports whether no secret is meant.
func (s Secret) IsZero() bool { return s == Secret{} }
